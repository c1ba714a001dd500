/** What the metrics say beside the services: watchers, proxies and queues, as they are kept in Redis. */
import type { BackendSnapshot } from '../../machines/backend.ts';
import { ANNOUNCE_FRESH_MS } from '../../shared/model/freshness.ts';
import type { ProxyId } from '../../shared/model/ids.ts';
import { type QueueCounts, queueCounts } from '../../shared/redis/queue-counts.ts';
import { RegistrarStore, type RegistrarSummary } from '../../shared/redis/registrar-store.ts';
import { WatcherStore } from '../../shared/redis/watcher-store.ts';
import type { Ports } from '../app.ts';

/** Proxies, or queues, read at once. */
const AT_ONCE = 16;

export interface ProxyState {
  readonly proxy: ProxyId;
  /** Whether its reconciler was heard of lately. */
  readonly live: boolean;
  readonly unreachable: boolean;
  /** Backends by state. */
  readonly backends: Readonly<Record<string, number>>;
  /** Servers that somebody set otherwise by hand, and that are left so. */
  readonly overrides: number;
  /** ms since the epoch; null: never. */
  readonly lastReload: number | null;
  readonly reloadFailed: boolean;
  readonly reloads: { readonly done: number; readonly failed: number };
  /** null: nobody could tell. */
  readonly oldWorkers: number | null;
}

export interface Fleet {
  /** Watchers that were heard of lately; those of them that are connected to Zookeeper, and that lead. */
  readonly watchers: { readonly live: number; readonly connected: number; readonly leading: number };
  readonly proxies: readonly ProxyState[];
  /** Those that were heard of lately. */
  readonly registrars: readonly RegistrarSummary[];
  readonly queues: readonly (QueueCounts & { readonly queue: string })[];
}

/** `now`: ms since the epoch. */
export async function readFleet(ports: Pick<Ports, 'redis' | 'keys' | 'proxies'>, queues: readonly string[], now: number): Promise<Fleet> {
  const beats = await new WatcherStore(ports.redis, ports.keys).announced();
  const live = beats.filter(({ at }) => now - at <= ANNOUNCE_FRESH_MS);
  const announced = await ports.proxies.announced();
  return {
    watchers: {
      live: live.length,
      connected: live.filter(({ connected }) => connected).length,
      leading: live.filter(({ connected, leader }) => connected && leader).length,
    },
    proxies: await inTurns(announced, ({ id, at }) => readProxy(ports, id, now - at <= ANNOUNCE_FRESH_MS)),
    registrars: await new RegistrarStore(ports.redis, ports.keys).heardSince(now - ANNOUNCE_FRESH_MS),
    queues: await inTurns(queues, async (queue) => ({ queue, ...(await queueCounts(ports.redis, ports.keys, queue)) })),
  };
}

async function readProxy({ proxies }: Pick<Ports, 'proxies'>, proxy: ProxyId, live: boolean): Promise<ProxyState> {
  const [state, stored] = await Promise.all([proxies.state(proxy), proxies.backends(proxy)]);
  const backends: Record<string, number> = {};
  let overrides = 0;
  for (const json of stored.values()) {
    const { state: word, context } = JSON.parse(json) as BackendSnapshot;
    backends[word] = (backends[word] ?? 0) + 1;
    overrides += context.looked?.overrides.length ?? 0;
  }
  return {
    proxy,
    live,
    unreachable: (state['unreachable'] ?? '') !== '',
    backends,
    overrides,
    lastReload: state['lastReload'] === undefined ? null : Number(state['lastReload']),
    reloadFailed: (state['lastReloadFailed'] ?? '') !== '',
    reloads: { done: Number(state['reloadsDone'] ?? 0), failed: Number(state['reloadsFailed'] ?? 0) },
    oldWorkers: state['oldWorkers'] ? Number(state['oldWorkers']) : null,
  };
}

async function inTurns<T, R>(items: readonly T[], read: (item: T) => Promise<R>): Promise<R[]> {
  const done: R[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE) done.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(read))));
  return done;
}
