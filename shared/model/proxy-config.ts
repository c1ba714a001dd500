/** PURE. A proxy's effective config: how it is reached, where its files are, how it is reloaded. Times in ms. */
import type { PoolName, ProxyId } from './ids.ts';
import type { ServiceConfig } from './service-config.ts';

export type SocketAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** PEM files, by absolute path. */
export interface RuntimeTls {
  /** Who must have signed HAProxy's certificate; null: one of the authorities that Node knows. */
  readonly ca: string | null;
  /** Ours, with its key, for a HAProxy that asks for one. */
  readonly cert: string | null;
  readonly key: string | null;
  /** The name that HAProxy's certificate must have; null: the host of the address. */
  readonly serverName: string | null;
}

/** Where a worker's runtime API answers. */
export type RuntimeAddress =
  | SocketAddress
  | { readonly kind: 'tls'; readonly host: string; readonly port: number; readonly tls: RuntimeTls };

export type ReloadWay =
  /** The master CLI's socket (`-S`). */
  | { readonly kind: 'master'; readonly socket: SocketAddress }
  /** A command, run without a shell. */
  | { readonly kind: 'command'; readonly argv: readonly string[] }
  /** A new process with `-sf $(cat pidFile)`. */
  | { readonly kind: 'pidFile'; readonly path: string };

/** What `haproxy.defaults` gives every proxy's managed sections. */
export interface ProxyDefaults {
  readonly timeouts: { readonly connect: number; readonly client: number; readonly server: number; readonly check: number };
  readonly retries: number;
  readonly redispatch: boolean;
  /** HAProxy's `retry-on` words, space-separated. */
  readonly retryOn: string;
}

export interface ReloadPolicy {
  /** At least this long between two reloads of one proxy. */
  readonly minInterval: number;
  /** 0..1: up to this share of minInterval is added at random. */
  readonly jitter: number;
  readonly hardStopAfter: number;
  /** Reloads that an old worker may outlive: so many old workers there are at most. */
  readonly maxReloads: number;
}

/** How new options go over the proxies that share a Redis prefix. */
export interface RolloutPolicy {
  /** Proxies that reload at once: a count, or below 1 a share of those that are heard of (at least one). */
  readonly maxUnavailable: number;
  /** What failed at a proxy goes no further. */
  readonly stopOnFailure: boolean;
}

/** One frontend for all services that have a host or a path prefix. */
export interface SharedFrontend {
  /** `address:port` */
  readonly listen: string;
  /** How services are configured that may be found: what their backends are made from is loaded before there is one. */
  readonly likes?: readonly Omit<ServiceConfig, 'name' | 'path'>[];
}

export interface ProxyConfig {
  readonly id: ProxyId;
  readonly binary: string;
  readonly runtime: RuntimeAddress;
  /** null only with runtimeOnly, or with start (then we are the master's parent). */
  readonly reload: ReloadWay | null;
  /** The operator's own file: read, never written. */
  readonly base: string | null;
  /** Our folder; null only with runtimeOnly. */
  readonly managed: string | null;
  /** We start and supervise `haproxy -W` ourselves. */
  readonly start: boolean;
  /** No files, no reloads. */
  readonly runtimeOnly: boolean;
  readonly pool: PoolName;
  /** Names or globs (`*`) of the services that this proxy carries. */
  readonly services: readonly string[];
  /** What becomes of a server that somebody set otherwise on HAProxy by hand. */
  readonly override: 'respect' | 'repair';
  /** The shared HTTP frontend; missing: there is none. */
  readonly http?: SharedFrontend;
  readonly defaults: ProxyDefaults;
  readonly reloadPolicy: ReloadPolicy;
  readonly rollout: RolloutPolicy;
}
