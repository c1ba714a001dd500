/** What is known of a proxy in Redis: who announced it, what it has to look at, how its backends stand, what was sent to it. */
import type { Redis } from 'ioredis';
import type { Logged } from '../model/event.ts';
import type { EventId, PoolName, ProxyId, ServiceName } from '../model/ids.ts';
import type { ProxyEvent } from '../model/proxy-event.ts';
import type { ServiceConfig } from '../model/service-config.ts';
import { decodeProxyEvent } from './entry.ts';
import type { Keys } from './keys.ts';
import { runScript } from './script.ts';
import { CLEAN, MARK, RECORD } from './scripts.ts';
import { sourceOf } from './source.ts';
import { execute } from './transaction.ts';
import { LOOKED } from './verdict-scripts.ts';

/** Entries of a proxy's own stream, whatever retention says: its sweep is another process's. */
const PROXY_EVENTS_MAX = 1_000_000;

export interface Announcement {
  readonly id: ProxyId;
  readonly pool: PoolName;
  /** Names or globs. */
  readonly services: readonly string[];
  readonly version: string | null;
  /** ms since the epoch. */
  readonly at: number;
}

export class ProxyStore {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  async announce(announcement: Announcement): Promise<void> {
    await this.#redis.hset(this.#keys.proxies, announcement.id, JSON.stringify(announcement));
  }

  async announced(): Promise<Announcement[]> {
    const all = await this.#redis.hgetall(this.#keys.proxies);
    return Object.values(all)
      .map((json) => JSON.parse(json) as Announcement)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Nothing of it is known any more. */
  async forget(proxy: ProxyId): Promise<void> {
    const { dirty, log, backends, loaded, state } = this.#keys.proxy(proxy);
    await this.#redis.hdel(this.#keys.proxies, proxy);
    await this.#redis.del(dirty, log, backends, loaded, state);
  }

  /** An observer looked at HAProxy and had an answer just now. */
  async looked(proxy: ProxyId): Promise<void> {
    await runScript(this.#redis, LOOKED, [this.#keys.proxy(proxy).state], []);
  }

  /** When that was last, and what time it is by the same clock, that of Redis; ms since the epoch. Those that nobody looked at are left out. */
  async lookedAt(proxies: readonly ProxyId[]): Promise<{ readonly now: number; readonly lookedAt: ReadonlyMap<ProxyId, number> }> {
    const pipeline = this.#redis.pipeline().time();
    for (const proxy of proxies) pipeline.hget(this.#keys.proxy(proxy).state, 'lookedAt');
    const [time, ...replies] = await execute(pipeline);
    const [seconds, micros] = (time as [string, string]).map(Number) as [number, number];
    const looked = proxies.flatMap((proxy, index) =>
      typeof replies[index] === 'string' ? [[proxy, Number(replies[index])] as const] : [],
    );
    return { now: seconds * 1_000 + Math.floor(micros / 1_000), lookedAt: new Map(looked) };
  }

  /** Marks the services dirty on every proxy named; a mark only rises. */
  async mark(proxies: readonly ProxyId[], revisions: ReadonlyMap<ServiceName, number>): Promise<void> {
    const args = [...revisions].flatMap(([service, revision]) => [service, String(revision)]);
    if (args.length === 0) return;
    await Promise.all(proxies.map((proxy) => runScript(this.#redis, MARK, [this.#keys.proxy(proxy).dirty], args)));
  }

  async dirty(proxy: ProxyId): Promise<Map<ServiceName, number>> {
    const marks = await this.#redis.hgetall(this.#keys.proxy(proxy).dirty);
    return new Map(Object.entries(marks).map(([service, revision]) => [service, Number(revision)]));
  }

  /** Takes all marks away, of proxies that are not known any more. */
  async unmark(proxies: readonly ProxyId[]): Promise<void> {
    await Promise.all(proxies.map((proxy) => this.#redis.del(this.#keys.proxy(proxy).dirty)));
  }

  /** Takes marks away, but only those that the applied revision covers. */
  async clean(proxy: ProxyId, applied: ReadonlyMap<ServiceName, number>): Promise<void> {
    const args = [...applied].flatMap(([service, revision]) => [service, String(revision)]);
    if (args.length > 0) await runScript(this.#redis, CLEAN, [this.#keys.proxy(proxy).dirty], args);
  }

  /** The snapshots of these, JSON; those that have none are left out. */
  async backendsOf(proxy: ProxyId, services: readonly ServiceName[]): Promise<Map<ServiceName, string>> {
    if (services.length === 0) return new Map();
    const values = await this.#redis.hmget(this.#keys.proxy(proxy).backends, ...services);
    return new Map(services.flatMap((service, index) => (typeof values[index] === 'string' ? [[service, values[index]] as const] : [])));
  }

  async backends(proxy: ProxyId): Promise<Map<ServiceName, string>> {
    return new Map(Object.entries(await this.#redis.hgetall(this.#keys.proxy(proxy).backends)));
  }

  async backend(proxy: ProxyId, service: ServiceName): Promise<string | null> {
    return this.#redis.hget(this.#keys.proxy(proxy).backends, service);
  }

  /**
   * Appends the events and stores the snapshots that they lead to, together. null: the backend is no longer known. `causes`: the last event of the
   * service that is in what the proxy should have.
   */
  async record(
    proxy: ProxyId,
    events: readonly ProxyEvent[],
    backends: ReadonlyMap<ServiceName, string | null>,
    causes?: ReadonlyMap<ServiceName, EventId>,
  ): Promise<void> {
    const keys = this.#keys.proxy(proxy);
    const args = [String(PROXY_EVENTS_MAX), sourceOf('reconciler'), String(events.length)];
    for (const { type, ...data } of events) args.push(type, JSON.stringify(data), ('service' in data && causes?.get(data.service)) || '');
    for (const [service, json] of backends) args.push(service, json ?? '');
    await runScript(this.#redis, RECORD, [keys.log, keys.backends], args);
  }

  /** Up to `count` of the proxy's own events that stand before the id `before` (exclusive; null: all do), newest first. */
  async eventsBefore(proxy: ProxyId, before: EventId | null, count: number): Promise<Logged<ProxyEvent>[]> {
    const end = before === null ? '+' : `(${before}`;
    const entries = await this.#redis.xrevrange(this.#keys.proxy(proxy).log, end, '-', 'COUNT', count);
    return entries.map(([id, fields]) => decodeProxyEvent(id, fields));
  }

  /** The config that a service's backend was last loaded with; null: not known. */
  async loaded(proxy: ProxyId, service: ServiceName): Promise<ServiceConfig | null> {
    const json = await this.#redis.hget(this.#keys.proxy(proxy).loaded, service);
    return json === null ? null : (JSON.parse(json) as ServiceConfig);
  }

  async setLoaded(proxy: ProxyId, configs: readonly ServiceConfig[]): Promise<void> {
    const fields = Object.fromEntries(configs.map((config) => [config.name, JSON.stringify(config)]));
    if (configs.length > 0) await this.#redis.hset(this.#keys.proxy(proxy).loaded, fields);
  }

  /** One more reload of ours that ended so. */
  async countReload(proxy: ProxyId, outcome: 'done' | 'failed'): Promise<void> {
    await this.#redis.hincrby(this.#keys.proxy(proxy).state, outcome === 'done' ? 'reloadsDone' : 'reloadsFailed', 1);
  }

  async state(proxy: ProxyId): Promise<Record<string, string>> {
    return this.#redis.hgetall(this.#keys.proxy(proxy).state);
  }

  async setState(proxy: ProxyId, fields: Readonly<Record<string, string>>): Promise<void> {
    await this.#redis.hset(this.#keys.proxy(proxy).state, fields);
  }

  async dropState(proxy: ProxyId, field: string): Promise<void> {
    await this.#redis.hdel(this.#keys.proxy(proxy).state, field);
  }
}
