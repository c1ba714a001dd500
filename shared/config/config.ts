/** PURE. The effective config: every default filled in, times in ms, lists sorted by name. What the program runs on. */

import type { DiscoverConfig } from '../model/discover.ts';
import type { ProxyConfig, ReloadWay, RuntimeAddress, SharedFrontend } from '../model/proxy-config.ts';
import type { RegisterConfig } from '../model/register.ts';
import type { Retain } from '../model/retain.ts';
import type { ServiceConfig } from '../model/service-config.ts';
import type { LogLevel } from '../observability/logger.ts';
import type { ListenAddress } from './address.ts';
import type { DiscoverSection } from './discover-schema.ts';
import { registerConfig } from './effective-register.ts';
import { discoverConfig, serviceConfig } from './effective-service.ts';
import type { RegisterSection, RegistrarSection } from './register-schema.ts';
import type {
  DashboardSection,
  HaproxySection,
  LogSection,
  MetricsSection,
  ProxySection,
  RedisSection,
  ZookeeperSection,
} from './schema.ts';
import type { ServiceSection } from './service-schema.ts';

export interface Config {
  /** Where it was read from; null: from a text. */
  readonly file: string | null;
  readonly zookeeper: {
    readonly connect: string;
    readonly root: string;
    readonly sessionTimeout: number;
    readonly auth: { readonly scheme: string; readonly credentials: string } | null;
  };
  readonly redis: { readonly url: string; readonly prefix: string };
  readonly proxies: readonly ProxyConfig[];
  readonly services: readonly ServiceConfig[];
  /** Where services are found by themselves. */
  readonly discover: readonly DiscoverConfig[];
  /** What this host registers. */
  readonly register: readonly RegisterConfig[];
  /** `state`: a folder. `listen`: where services of this host register themselves; null: nowhere. `token`: what they bring; null: none is asked for. */
  readonly registrar: { readonly state: string; readonly listen: ListenAddress | null; readonly token: string | null };
  readonly dashboard: { readonly listen: ListenAddress } | null;
  readonly metrics: { readonly listen: ListenAddress } | null;
  readonly log: { readonly level: LogLevel; readonly retain: Retain };
}

/** The sections of one file, each validated. */
export interface Sections {
  readonly zookeeper: ZookeeperSection;
  readonly redis: RedisSection;
  readonly haproxy: HaproxySection;
  readonly proxies: ReadonlyMap<string, ProxySection>;
  readonly services: ReadonlyMap<string, ServiceSection>;
  readonly discover: readonly DiscoverSection[];
  readonly register: readonly RegisterSection[];
  readonly registrar: RegistrarSection;
  readonly dashboard: DashboardSection | null;
  readonly metrics: MetricsSection | null;
  readonly log: LogSection;
}

export function effectiveConfig(file: string | null, sections: Sections): Config {
  const { zookeeper, redis, haproxy } = sections;
  const discover = sections.discover.map((entry) => discoverConfig(entry, haproxy));
  return {
    file,
    zookeeper: { connect: zookeeper.connect, root: zookeeper.root, sessionTimeout: zookeeper.sessionTimeout, auth: zookeeper.auth ?? null },
    redis: { url: redis.url, prefix: redis.prefix },
    proxies: byName(sections.proxies).map(([id, proxy]) => proxyConfig(id, proxy, haproxy, discover)),
    services: byName(sections.services).map(([name, service]) => serviceConfig(name, service, haproxy)),
    discover,
    register: sections.register.map(registerConfig),
    registrar: { state: sections.registrar.state, listen: sections.registrar.listen ?? null, token: sections.registrar.token ?? null },
    dashboard: sections.dashboard === null ? null : { listen: sections.dashboard.listen },
    metrics: sections.metrics === null ? null : { listen: sections.metrics.listen },
    log: { level: sections.log.level, retain: sections.log.retain },
  };
}

function proxyConfig(id: string, proxy: ProxySection, haproxy: HaproxySection, discover: readonly DiscoverConfig[]): ProxyConfig {
  return {
    id,
    binary: haproxy.binary,
    runtime: runtimeAddress(proxy),
    reload: proxy.runtimeOnly ? null : reloadWay(proxy),
    base: proxy.runtimeOnly ? null : (proxy.base ?? null),
    managed: proxy.runtimeOnly ? null : (proxy.managed ?? null),
    start: proxy.start,
    runtimeOnly: proxy.runtimeOnly,
    pool: proxy.pool ?? id,
    services: [...proxy.services].sort(),
    override: haproxy.override,
    ...(proxy.http === undefined || proxy.runtimeOnly ? {} : { http: sharedFrontend(proxy.http.listen, discover) }),
    defaults: haproxy.defaults,
    reloadPolicy: haproxy.reload,
    rollout: haproxy.rollout,
  };
}

function sharedFrontend(listen: string, discover: readonly DiscoverConfig[]): SharedFrontend {
  const likes = discover.flatMap(({ like, host }) => (host === null ? [] : [{ ...like, listen: null, host }]));
  return likes.length === 0 ? { listen } : { listen, likes };
}

function runtimeAddress({ runtime, runtimeTls }: ProxySection): RuntimeAddress {
  if (runtime.kind !== 'tls') return runtime;
  const { ca = null, cert = null, key = null, serverName = null } = runtimeTls ?? {};
  return { ...runtime, tls: { ca, cert, key, serverName } };
}

function reloadWay(proxy: ProxySection): ReloadWay | null {
  if (proxy.master !== undefined) return { kind: 'master', socket: proxy.master };
  if (proxy.reloadCommand !== undefined) return { kind: 'command', argv: proxy.reloadCommand };
  return proxy.pidFile === undefined ? null : { kind: 'pidFile', path: proxy.pidFile };
}

function byName<T>(entries: ReadonlyMap<string, T>): [string, T][] {
  return [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
}
