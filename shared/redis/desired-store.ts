/**
 * Desired state as the reconcile worker reads it: the whole service once, then only what changed since the revision it has.
 * Each answer is one revision as a whole when it is given. Its `servers` map is the one kept here: a later reading brings it up to date in
 * place, so who holds an answer across a wait may see newer servers under an older revision, never older ones.
 */
import type { Redis } from 'ioredis';
import { asDesiredServer, type Desired, type DesiredBackend, type DesiredServer } from '../model/desired.ts';
import type { EventId, ServiceName } from '../model/ids.ts';
import type { ServiceConfig } from '../model/service-config.ts';
import { serverName } from '../znode/address.ts';
import { noteDamage } from './damage.ts';
import { DesiredNews } from './desired-news.ts';
import type { Keys } from './keys.ts';
import { runScript } from './script.ts';
import { DESIRED } from './scripts.ts';
import type { Commit } from './service-store.ts';

/** Services whose desired state is kept in memory. */
const CACHE_SERVICES_MAX = 2_000;

interface Cached {
  readonly revision: number;
  readonly cursor: EventId;
  /** When an operator last believed the registry, ms; null: never. */
  readonly released: number | null;
  readonly byInstance: Map<string, DesiredServer>;
  readonly servers: Map<string, DesiredServer>;
  readonly news: DesiredNews;
}

/** What the service's snapshot says that proxies need. */
interface Head {
  readonly config: ServiceConfig | null;
  readonly complete: boolean;
  readonly tombstones: readonly { readonly instance: string }[];
  /** Missing in what an earlier version wrote. */
  readonly refused?: readonly string[];
}

export class DesiredStore {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #cache = new Map<ServiceName, Cached>();
  /** Commits that are on their way and already in the cache: what is read meanwhile waits until they have landed. */
  readonly #landing = new Map<ServiceName, Promise<void>>();
  /** Readings under way: their answers may be older than what a commit makes of the cache. */
  readonly #reading = new Map<ServiceName, number>();

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** One trip; costs what changed since the last reading of this process. */
  async read(service: ServiceName): Promise<Desired> {
    await this.#landing.get(service);
    this.#reading.set(service, (this.#reading.get(service) ?? 0) + 1);
    try {
      return await this.#read(service);
    } finally {
      const left = (this.#reading.get(service) ?? 1) - 1;
      if (left > 0) this.#reading.set(service, left);
      else this.#reading.delete(service);
    }
  }

  async #read(service: ServiceName): Promise<Desired> {
    const keys = this.#keys.service(service);
    const known = this.#cache.get(service);
    const answer = (await runScript(
      this.#redis,
      DESIRED,
      [keys.meta, keys.desired, keys.changed],
      [String(known?.revision ?? -1)],
    )) as string[];
    const [kind, revision, snapshot, cursor, published, at, ...entries] = answer as [string, string, string, EventId, ...string[]];
    const changes = changesOf(entries);
    if ('unread' in changes) {
      this.#cache.delete(service);
      await noteDamage(this.#redis, keys.meta, { of: 'revision', is: Number(revision) }, 'the desired server of', changes.unread);
      return { revision: Number(revision), cursor, known: false, backend: null };
    }
    // Readings may overlap; their answers come in the order in which they were asked for, each at least as new as the one before.
    const base = kind === 'delta' && known !== undefined ? known : emptyAt(Number(revision));
    const head = headOf(snapshot);
    const released = at === '' ? null : Number(at);
    const { byInstance, servers, news } = base;
    const next: Cached = { revision: Number(revision), cursor, released, byInstance, servers, news };
    for (const [instance, server] of changes.read) update(next, instance, server, kind === 'delta');
    this.#keep(service, next);
    return {
      revision: next.revision,
      cursor,
      // Without a config, and not said to have none: it is on its way (Redis was emptied, or the service is built anew).
      known: head !== null && (head.config !== null || published === 'null'),
      backend: head === null ? null : backendOf(service, next, head),
    };
  }

  /**
   * The desired state as a commit of this process, just sent, will leave it; null when what was read last is not what the commit starts from, or is
   * being read.
   * `service`: the snapshot that it writes, JSON. Should it not land, what is remembered of the service is forgotten.
   */
  advance(service: ServiceName, commit: Commit, committed: Promise<unknown>): DesiredBackend | null {
    const known = this.#cache.get(service);
    if (known === undefined || known.revision !== commit.readRevision) return null;
    if (this.#landing.has(service) || this.#reading.has(service)) return null;
    const { byInstance, servers, news } = known;
    const released = commit.released ?? known.released;
    const next: Cached = { revision: commit.readRevision + 1, cursor: commit.cursor, released, byInstance, servers, news };
    for (const [instance, json] of commit.desired) update(next, instance, json === null ? null : (JSON.parse(json) as DesiredServer), true);
    this.#keep(service, next);
    const landing = committed.then(
      () => undefined,
      () => void this.#cache.delete(service),
    );
    this.#landing.set(service, landing);
    void landing.then(() => this.#landing.delete(service));
    return backendOf(service, next, JSON.parse(commit.service) as Head);
  }

  /**
   * Whether something else is desired of a server than at that revision, or it may be. No trip, but for what changed before this process read the
   * service first.
   */
  async newsSince(service: ServiceName, revision: number): Promise<(server: string) => boolean> {
    const known = this.#cache.get(service);
    // Of a service that was built anew, revisions begin again.
    if (known === undefined || revision > known.revision) return () => true;
    const remembered = known.news.since(revision);
    if (remembered !== null) return remembered;
    const { meta, changed } = this.#keys.service(service);
    const [floor, instances] = await Promise.all([
      this.#redis.hget(meta, 'floor'),
      this.#redis.zrangebyscore(changed, `(${revision}`, '+inf'),
    ]);
    if (Number(floor ?? 0) > revision) return () => true;
    const names = new Set(instances.map(serverName));
    return (server) => names.has(server);
  }

  /** Nothing is remembered of any service: after an outage of Redis. */
  forget(): void {
    this.#cache.clear();
  }

  #keep(service: ServiceName, next: Cached): void {
    this.#cache.delete(service);
    this.#cache.set(service, next);
    const [oldest] = this.#cache.keys();
    if (this.#cache.size > CACHE_SERVICES_MAX && oldest !== undefined) this.#cache.delete(oldest);
  }
}

/** null: there is none, or it cannot be read. Then nothing is known; who folds the service builds it anew. */
function headOf(snapshot: string): Head | null {
  if (snapshot === '') return null;
  try {
    const head = JSON.parse(snapshot) as Partial<Head> | null;
    return typeof head === 'object' && head?.config !== undefined && Array.isArray(head.tombstones) ? (head as Head) : null;
  } catch {
    return null;
  }
}

/** (instance, JSON or '')*, or the instance whose JSON is no desired server. */
function changesOf(
  entries: readonly string[],
): { readonly read: readonly (readonly [string, DesiredServer | null])[] } | { readonly unread: string } {
  const read: (readonly [string, DesiredServer | null])[] = [];
  for (let at = 0; at + 1 < entries.length; at += 2) {
    const [instance, json] = [entries[at] as string, entries[at + 1] as string];
    const server = json === '' ? null : asDesiredServer(instance, json);
    if (json !== '' && server === null) return { unread: instance };
    read.push([instance, server]);
  }
  return { read };
}

function emptyAt(revision: number): Pick<Cached, 'byInstance' | 'servers' | 'news'> {
  return { byInstance: new Map(), servers: new Map(), news: new DesiredNews(revision) };
}

/** `isNews`: it was not so at the revision before. */
function update(cached: Cached, instance: string, server: DesiredServer | null, isNews: boolean): void {
  const before = cached.byInstance.get(instance);
  if (before !== undefined) cached.servers.delete(before.name);
  cached.byInstance.delete(instance);
  if (isNews) cached.news.note(server?.name ?? before?.name ?? serverName(instance), cached.revision);
  cached.news.prune(cached.servers.size, cached.revision);
  if (server === null) return;
  cached.byInstance.set(instance, server);
  cached.servers.set(server.name, server);
}

function backendOf(service: ServiceName, { revision, cursor, released, servers }: Cached, head: Head): DesiredBackend | null {
  const { config, complete, tombstones, refused = [] } = head;
  if (config === null) return null;
  const gone = new Set([...tombstones.map((tombstone) => tombstone.instance), ...refused].map(serverName));
  return { service, revision, cursor, config, complete, gone, released, servers };
}
