/** All that one proxy's checks say of a service, as a whole: whether there is anything, and its end. */
import type { Redis } from 'ioredis';
import type { ProxyId, ServiceName } from '../model/ids.ts';
import type { Keys } from './keys.ts';
import type { ServiceLog } from './service-log.ts';
import { execute } from './transaction.ts';

/** Of one event. */
const VERDICTS_MAX = 500;

/** Of how many instances each of these says something, in one trip. */
export async function verdictCounts(redis: Redis, keys: Keys, asked: readonly (readonly [ServiceName, ProxyId])[]): Promise<number[]> {
  if (asked.length === 0) return [];
  const pipeline = redis.pipeline();
  for (const [service, proxy] of asked) pipeline.hlen(keys.service(service).verdicts(proxy));
  return (await execute(pipeline)).map(Number);
}

/** The service's log is told that the proxy has nothing more to say of it. Of how many instances it had. */
export async function withdrawAll(log: ServiceLog, service: ServiceName, proxy: ProxyId, source: string): Promise<number> {
  const instances = [...(await log.verdicts(service, proxy)).keys()].sort();
  for (let from = 0; from < instances.length; from += VERDICTS_MAX)
    await log.withdrawVerdicts(service, proxy, instances.slice(from, from + VERDICTS_MAX), source);
  return instances.length;
}
