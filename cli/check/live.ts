/** All that a config's connections lead to, asked side by side: Zookeeper, Redis, and some proxies at a time. Bounded by the deadlines of each. */
import type { Config } from '../../shared/config/config.ts';
import type { Finding } from './finding.ts';
import { liveProxy } from './live-proxy.ts';
import { liveRedis } from './live-redis.ts';
import { liveZookeeper } from './live-zookeeper.ts';

/** Proxies that are asked side by side; each of them ends within some 20 s. */
const AT_ONCE = 8;

export async function live(config: Config): Promise<Finding[]> {
  const [zookeeper, redis, proxies] = await Promise.all([liveZookeeper(config), liveRedis(config.redis), liveProxies(config)]);
  return [...zookeeper, ...redis, ...proxies];
}

async function liveProxies({ proxies, services, redis }: Config): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (let at = 0; at < proxies.length; at += AT_ONCE) {
    const some = await Promise.all(proxies.slice(at, at + AT_ONCE).map((proxy) => liveProxy(proxy, services, redis.prefix)));
    findings.push(...some.flat());
  }
  return findings;
}
