/**
 * Desired state as the reconcile worker reads it: the whole service once, then only what changed since the revision it has.
 * The answer is one consistent revision.
 */
import type { Redis } from 'ioredis';
import { must } from '../errors.ts';
import type { DesiredBackend, DesiredServer } from '../model/desired.ts';
import type { ServiceName } from '../model/ids.ts';
import type { ServiceConfig } from '../model/service-config.ts';
import type { Keys } from './keys.ts';

/** Services whose desired state is kept in memory. */
const CACHE_SERVICES_MAX = 2_000;

interface Cached {
  readonly revision: number;
  readonly config: ServiceConfig | null;
  readonly byInstance: Map<string, DesiredServer>;
  readonly servers: Map<string, DesiredServer>;
}

export interface Desired {
  readonly revision: number;
  /** null: the service is not configured (any more), or was never folded. */
  readonly backend: DesiredBackend | null;
}

export class DesiredStore {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #cache = new Map<ServiceName, Cached>();

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  async read(service: ServiceName): Promise<Desired> {
    const next = (await this.#delta(service)) ?? (await this.#whole(service));
    this.#cache.delete(service);
    this.#cache.set(service, next);
    const [oldest] = this.#cache.keys();
    if (this.#cache.size > CACHE_SERVICES_MAX && oldest !== undefined) this.#cache.delete(oldest);
    const { revision, config, servers } = next;
    return { revision, backend: config === null ? null : { service, revision, config, servers } };
  }

  /** Nothing is remembered of any service: after an outage of Redis. */
  forget(): void {
    this.#cache.clear();
  }

  async #whole(service: ServiceName): Promise<Cached> {
    const { meta, desired } = this.#keys.service(service);
    const replies = must(await this.#redis.multi().hmget(meta, 'revision', 'service').hgetall(desired).exec(), 'the reply of MULTI');
    const head = replies[0]?.[1] as [string | null, string | null];
    const byInstance = new Map<string, DesiredServer>();
    for (const [instance, json] of Object.entries(replies[1]?.[1] as Record<string, string>))
      byInstance.set(instance, JSON.parse(json) as DesiredServer);
    return { ...headOf(head), byInstance, servers: byName(byInstance) };
  }

  /** null: there is nothing to start from, or what is known is older than what Redis still tells. */
  async #delta(service: ServiceName): Promise<Cached | null> {
    const cached = this.#cache.get(service);
    if (cached === undefined) return null;
    const { meta, desired, changed } = this.#keys.service(service);
    const first = must(
      await this.#redis
        .multi()
        .hmget(meta, 'revision', 'service', 'floor')
        .zrange(changed, `(${cached.revision}`, '+inf', 'BYSCORE')
        .exec(),
      'the reply of MULTI',
    );
    const [revision, snapshot, floor] = first[0]?.[1] as [string | null, string | null, string | null];
    const names = first[1]?.[1] as string[];
    if (Number(revision ?? '0') < cached.revision || Number(floor ?? '0') > cached.revision) return null;
    if (names.length === 0) return { ...cached, ...headOf([revision, snapshot]) };
    const second = must(
      await this.#redis
        .multi()
        .hget(meta, 'revision')
        .hmget(desired, ...names)
        .exec(),
      'the reply of MULTI',
    );
    // A commit between the two reads: what was read may be of two revisions.
    if (second[0]?.[1] !== revision) return null;
    const values = second[1]?.[1] as (string | null)[];
    for (const [index, name] of names.entries()) {
      const before = cached.byInstance.get(name);
      if (before !== undefined) cached.servers.delete(before.name);
      const json = values[index] ?? null;
      if (json === null) {
        cached.byInstance.delete(name);
        continue;
      }
      const server = JSON.parse(json) as DesiredServer;
      cached.byInstance.set(name, server);
      cached.servers.set(server.name, server);
    }
    return { ...cached, ...headOf([revision, snapshot]) };
  }
}

function headOf([revision, snapshot]: readonly [string | null, string | null]): { revision: number; config: ServiceConfig | null } {
  const config = snapshot === null ? null : (JSON.parse(snapshot) as { config: ServiceConfig | null }).config;
  return { revision: Number(revision ?? '0'), config };
}

function byName(byInstance: ReadonlyMap<string, DesiredServer>): Map<string, DesiredServer> {
  return new Map([...byInstance.values()].map((server) => [server.name, server]));
}
