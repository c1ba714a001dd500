/**
 * What the transition worker reads and commits for a service: snapshots, desired servers, address claims, deadlines, the cursor.
 * The commit is one compare-and-set on the revision; a fold reads and writes only the instances that its events name.
 */
import type { Redis } from 'ioredis';
import { must, PointsmanError } from '../errors.ts';
import type { Logged, ServiceEvent } from '../model/event.ts';
import type { EventId, InstanceId, ProxyId, ServiceName } from '../model/ids.ts';
import { decodeEvent } from './entry.ts';
import type { Keys } from './keys.ts';
import { runScript } from './script.ts';
import { COMMIT, FETCH, PUBLISHED, REBUILD } from './scripts.ts';
import { sourceOf } from './source.ts';

/** Fields in one HMGET. */
const FIELDS_PER_CALL = 1_000;
export const GUARD_DEADLINE = '#guard';
/** ms between the first two times that a service is built anew; should that not help, each further one waits twice as long. */
const REBUILD_EVERY_MS = 10_000;

export interface ServiceHead {
  readonly revision: number;
  readonly cursor: EventId;
  /** The revision for which every proxy was marked and woken. */
  readonly published: number;
  /** The service's own snapshot, JSON; null: none yet. */
  readonly service: string | null;
}

export interface Fetched {
  readonly head: ServiceHead;
  /** What of it somebody could not read; null: nothing is known of that. */
  readonly damage: string | null;
  /** Instances (or GUARD_DEADLINE), earliest first. */
  readonly due: readonly string[];
  readonly events: readonly Logged<ServiceEvent>[];
  /** JSON, by id. */
  readonly instances: Map<InstanceId, string>;
  /** JSON, by address or server id. */
  readonly addresses: Map<string, string>;
}

/** At most some thousands: they go into one call. */
export interface Named {
  readonly instances: ReadonlySet<InstanceId>;
  readonly addresses: ReadonlySet<string>;
}

export const NONE: Named = { instances: new Set(), addresses: new Set() };

export interface Commit {
  readonly readRevision: number;
  readonly cursor: EventId;
  readonly service: string;
  /** When an operator believed the registry, if that is among what was folded: ms since the epoch. */
  readonly released: number | null;
  /** null: forgotten. */
  readonly instances: ReadonlyMap<InstanceId, string | null>;
  /** null: no proxy should have it. */
  readonly desired: ReadonlyMap<InstanceId, string | null>;
  readonly addresses: ReadonlyMap<string, string | null>;
  /** ms; null: none. */
  readonly deadlines: ReadonlyMap<string, number | null>;
}

export class ServiceStore {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  async head(service: ServiceName): Promise<ServiceHead> {
    const [revision, cursor, published, snapshot] = await this.#redis.hmget(
      this.#keys.service(service).meta,
      'revision',
      'cursor',
      'published',
      'service',
    );
    return { revision: Number(revision ?? '0'), cursor: cursor ?? '0-0', published: Number(published ?? '0'), service: snapshot ?? null };
  }

  /**
   * What a fold begins with, in one trip: the head, the deadlines at or before `now`, the events after the cursor, and of the instances and address
   * claims that are named those that there are.
   */
  async fetch(service: ServiceName, now: number, most: { due: number; events: number }, named: Named = NONE): Promise<Fetched> {
    const keys = this.#keys.service(service);
    const [ids, claims] = [[...named.instances], [...named.addresses]];
    const answer = await runScript(
      this.#redis,
      FETCH,
      [keys.meta, keys.deadlines, keys.log, keys.instances, keys.addresses],
      [String(now), String(most.due), String(most.events), String(ids.length), ...ids, ...claims],
    );
    const [revision, cursor, published, snapshot, damage, due, entries, instances, addresses] = answer as [
      string,
      string,
      string,
      string,
      string,
      string[],
      [string, string[]][],
      string[],
      string[],
    ];
    return {
      head: { revision: Number(revision), cursor, published: Number(published), service: snapshot === '' ? null : snapshot },
      damage: damage === '' ? null : damage,
      due,
      events: entries.map(([id, fields]) => decodeEvent(id, fields)),
      instances: thoseThere(ids, instances),
      addresses: thoseThere(claims, addresses),
    };
  }

  async instances(service: ServiceName, ids: readonly InstanceId[] | 'all'): Promise<Map<InstanceId, string>> {
    const { instances } = this.#keys.service(service);
    if (ids === 'all') return new Map(Object.entries(await this.#redis.hgetall(instances)));
    return this.#fields(instances, ids);
  }

  async addresses(service: ServiceName, keys: readonly string[]): Promise<Map<string, string>> {
    return this.#fields(this.#keys.service(service).addresses, keys);
  }

  async earliestDeadline(service: ServiceName): Promise<number | null> {
    const [, at] = await this.#redis.zrange(this.#keys.service(service).deadlines, '0', '0', 'WITHSCORES');
    return at === undefined ? null : Number(at);
  }

  /** @returns the revision written. @throws PointsmanError LOG_CAS_LOST: somebody else committed; read and fold again. */
  async commit(service: ServiceName, commit: Commit): Promise<number> {
    const keys = this.#keys.service(service);
    const revision = commit.readRevision + 1;
    const args = [String(commit.readRevision), String(revision), commit.cursor, commit.service, String(commit.released ?? '')];
    pushSplit(args, commit.instances);
    pushSplit(args, commit.desired);
    pushPairs(args, commit.addresses);
    pushPairs(args, commit.deadlines);
    const answer = await runScript(
      this.#redis,
      COMMIT,
      [keys.meta, keys.instances, keys.desired, keys.changed, keys.addresses, keys.deadlines],
      args,
    );
    if (answer !== 'ok') {
      throw new PointsmanError('LOG_CAS_LOST', `another worker committed ${service} first`, { hint: 'fold again', retry: 'transient' });
    }
    return revision;
  }

  /**
   * Forgets what is stored of the service, which cannot be read, and says so in its log; proxies keep what they have until it is told again.
   * `proxies`: those whose verdicts are forgotten. false: another worker was first, or it was done a moment ago.
   */
  async rebuild(service: ServiceName, readRevision: number, detail: string, proxies: readonly ProxyId[], now: number): Promise<boolean> {
    const keys = this.#keys.service(service);
    const { meta, view, log, instances, desired, changed, addresses, deadlines } = keys;
    const answer = await runScript(
      this.#redis,
      REBUILD,
      [meta, view, log, instances, desired, changed, addresses, deadlines, ...proxies.map((proxy) => keys.verdicts(proxy))],
      [String(readRevision), JSON.stringify({ detail }), sourceOf('transition'), String(now), String(REBUILD_EVERY_MS)],
    );
    return answer === 'ok';
  }

  /** Every proxy was marked and woken for `revision`. */
  async published(service: ServiceName, revision: number): Promise<void> {
    await runScript(this.#redis, PUBLISHED, [this.#keys.service(service).meta], [String(revision)]);
  }

  async #fields(key: string, fields: readonly string[]): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    for (let at = 0; at < fields.length; at += FIELDS_PER_CALL) {
      const slice = fields.slice(at, at + FIELDS_PER_CALL);
      const values = await this.#redis.hmget(key, ...slice);
      for (const [index, value] of values.entries()) if (value !== null) found.set(must(slice[index], 'field'), value);
    }
    return found;
  }
}

function thoseThere(names: readonly string[], values: readonly string[]): Map<string, string> {
  return new Map(names.flatMap((name, index) => (values[index] ? [[name, values[index]] as const] : [])));
}

function pushSplit(args: string[], entries: ReadonlyMap<string, string | null>): void {
  const set = [...entries].filter((entry): entry is [string, string] => entry[1] !== null);
  const deleted = [...entries].filter((entry) => entry[1] === null).map(([key]) => key);
  args.push(String(set.length), ...set.flat(), String(deleted.length), ...deleted);
}

function pushPairs(args: string[], entries: ReadonlyMap<string, string | number | null>): void {
  args.push(String(entries.size));
  for (const [key, value] of entries) args.push(key, value === null ? '' : String(value));
}
