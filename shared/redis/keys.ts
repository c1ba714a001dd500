/**
 * Where things are in Redis. All keys of one service, and all of one proxy, carry one hash tag, so that one Lua call may touch them
 * together on a cluster; each queue has a tag of its own.
 */
import type { PoolName, ProxyId, ServiceName } from '../model/ids.ts';

export interface ServiceKeys {
  /** Hash: epoch, view (revision), config (last published), revision, cursor, published, service (snapshot), released (ms), floor, damage (what
   * cannot be read), rebuilt (ms), rebuilds (how often of late). */
  readonly meta: string;
  /** Hash: znode name -> view entry. */
  readonly view: string;
  /** Stream of events. */
  readonly log: string;
  /** Hash: instance -> snapshot. */
  readonly instances: string;
  /** Hash: instance -> desired server. */
  readonly desired: string;
  /** Sorted set: instance -> revision that last changed its desired server. */
  readonly changed: string;
  /** Hash: `address port` -> claim. */
  readonly addresses: string;
  /** Sorted set: instance (or `#guard`) -> deadline, ms. */
  readonly deadlines: string;
  /** The older checkpoint, up to which the log is cut, and the newer one, which takes its place. */
  readonly older: CheckpointKeys;
  readonly newer: CheckpointKeys;
  /** Hash: instance -> verdict of one proxy's checks. */
  verdicts(proxy: ProxyId): string;
}

/** The snapshots of one moment: a copy, from which a replay goes on. */
export interface CheckpointKeys {
  /** Hash: cursor, revision, service (snapshot), at (ms), added (entries that the log ever had by then). */
  readonly head: string;
  /** As those of the service. */
  readonly instances: string;
  readonly addresses: string;
}

export interface ProxyKeys {
  /** Hash: service -> revision that made it dirty. */
  readonly dirty: string;
  /** String: the claim's token. */
  readonly claim: string;
  /** Stream of the proxy's own events. */
  readonly log: string;
  /** Hash: service -> backend snapshot. */
  readonly backends: string;
  /** Hash: worker, reload (last), and what else is known of the proxy. */
  readonly state: string;
  /** Hash: service -> the config that its backend was loaded with. */
  readonly loaded: string;
}

export class Keys {
  readonly prefix: string;

  constructor(prefix: string) {
    this.prefix = prefix;
  }

  /** Set of the services that have a log. */
  get services(): string {
    return `${this.prefix}:services`;
  }

  /** Hash: proxy -> what its reconciler announced. */
  get proxies(): string {
    return `${this.prefix}:proxies`;
  }

  /** Hash: watcher -> its last heartbeat. */
  get watchers(): string {
    return `${this.prefix}:watchers`;
  }

  /** Of the registrars. Sorted set: registrar -> last heartbeat, ms; hashes: registrar -> what it counts, and the entries that it names. */
  get registrars(): { readonly times: string; readonly summaries: string; readonly entries: string } {
    const base = `{${this.prefix}:registrars}`;
    return { times: `${base}:times`, summaries: `${base}:summaries`, entries: `${base}:entries` };
  }

  /** Counter: the watchers' epochs. */
  get epoch(): string {
    return `${this.prefix}:epoch`;
  }

  /** String: who sweeps the logs now. */
  get retention(): string {
    return `${this.prefix}:retention`;
  }

  /** String: who withdraws now what silent proxies said. */
  get silence(): string {
    return `${this.prefix}:silence`;
  }

  /** Hashes of the fleet's rollout, as told in rollout-scripts.ts. */
  get rollout(): { readonly slots: string; readonly stops: string } {
    const base = `{${this.prefix}:rollout}`;
    return { slots: `${base}:slots`, stops: `${base}:stops` };
  }

  /** Pub/sub: requests to re-read Zookeeper. */
  get resync(): string {
    return `${this.prefix}:resync`;
  }

  service(name: ServiceName): ServiceKeys {
    const base = `{${this.prefix}:${name}}`;
    return {
      meta: `${base}:meta`,
      view: `${base}:view`,
      log: `${base}:log`,
      instances: `${base}:instances`,
      desired: `${base}:desired`,
      changed: `${base}:changed`,
      addresses: `${base}:addresses`,
      deadlines: `${base}:deadlines`,
      older: checkpoint(`${base}:checkpoint:older`),
      newer: checkpoint(`${base}:checkpoint:newer`),
      verdicts: (proxy) => `${base}:verdicts:${proxy}`,
    };
  }

  /** The base of keys for copies of a service's snapshots. */
  copy(service: ServiceName, id: string): string {
    return `{${this.prefix}:${service}}:copy:${id}`;
  }

  /** What was imported under a name. No config has such a prefix: a colon is none of a prefix's characters. */
  scratch(name: string): Keys {
    return new Keys(`${this.prefix}:scratch:${name}`);
  }

  proxy(id: ProxyId): ProxyKeys {
    const base = `{${this.prefix}:proxy:${id}}`;
    return {
      dirty: `${base}:dirty`,
      claim: `${base}:claim`,
      log: `${base}:log`,
      backends: `${base}:backends`,
      state: `${base}:state`,
      loaded: `${base}:loaded`,
    };
  }

  /** BullMQ's `prefix` for a queue: a hash tag per queue. */
  queue(name: string): string {
    return `{${this.prefix}:queue:${name}}`;
  }
}

function checkpoint(base: string): CheckpointKeys {
  return { head: base, instances: `${base}:instances`, addresses: `${base}:addresses` };
}

export const SERVICES_QUEUE = 'services';

export function proxiesQueue(pool: PoolName): string {
  return `proxies.${pool}`;
}

export function reloadsQueue(pool: PoolName): string {
  return `reloads.${pool}`;
}
