/** Reads what Redis knows into a status report. Changes nothing, and needs neither Zookeeper nor a proxy. */
import type { BackendSnapshot } from '../../machines/backend.ts';
import { readInstances, readService } from '../../machines/migrate.ts';
import { rotationOf } from '../../machines/rotation.ts';
import type { Config } from '../../shared/config/config.ts';
import { ANNOUNCE_FRESH_MS } from '../../shared/model/freshness.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { WorkerIdentity } from '../../shared/model/observed.ts';
import { proxiesQueue, reloadsQueue, SERVICES_QUEUE } from '../../shared/redis/keys.ts';
import type { Announcement } from '../../shared/redis/proxy-store.ts';
import { queueCounts } from '../../shared/redis/queue-counts.ts';
import { RegistrarStore } from '../../shared/redis/registrar-store.ts';
import { RolloutStore } from '../../shared/redis/rollout-store.ts';
import { type WatcherBeat, WatcherStore } from '../../shared/redis/watcher-store.ts';
import type { Ports } from '../../workers/app.ts';
import { unknownService } from '../unknown-service.ts';
import { registrarStatus } from './registrars.ts';
import {
  backendStatus,
  type InstanceStatus,
  instanceStatus,
  lagOf,
  type ProxyStatus,
  type QueueStatus,
  type ServiceStatus,
  STATUS_FORMAT,
  type StatusReport,
  serviceStatus,
  type WatcherStatus,
} from './report.ts';
import { rolloutStatus } from './rollout.ts';
import { readBreaker } from './stored-breaker.ts';

/** Reads in hand at once: a service's instances may be megabytes. */
const AT_ONCE = 4;
/** Events counted behind a cursor; more is `at least`. */
const LAG_EVENTS_MAX = 1_000;

/** `only`: one service, with the backends that carry it. @throws PointsmanError USAGE when nobody knows that service. */
export async function readReport(config: Config, ports: Ports, only: ServiceName | null, now: number): Promise<StatusReport> {
  const configured = config.services.map(({ name }) => name);
  const known = [...new Set([...(await ports.log.services()), ...configured])].sort();
  if (only !== null && !known.includes(only)) throw unknownService(only, known);
  const watchers = (await new WatcherStore(ports.redis, ports.keys).announced()).map((beat) => watcherStatus(beat, now));
  const waits = pathsWaitedFor(watchers);
  const read = await inTurns(only === null ? known : [only], (service) => readOne(ports, service, waits.get(service) ?? null, now));
  const announced = await ports.proxies.announced();
  const proxies = await inTurns(proxiesOf(config, announced), (proxy) => readProxy(ports, proxy, only, now));
  const rollout = new RolloutStore(ports.redis, ports.keys);
  return {
    format: STATUS_FORMAT,
    at: now,
    // A service that was retired long ago, with nothing left of it, is no news.
    services: read
      .map(({ status }) => status)
      .filter((status) => only !== null || status.config !== 'retired' || Object.keys(status.states).length > 0),
    instances: read.flatMap(({ instances }) => instances),
    proxies,
    watchers,
    registrars: (await new RegistrarStore(ports.redis, ports.keys).announced()).flatMap((beat) => registrarStatus(beat, only, now)),
    queues: only === null ? await readQueues(config, ports, announced) : [],
    rollout: rolloutStatus(await rollout.reloading(), await rollout.stops(), proxies),
  };
}

async function readOne(
  ports: Ports,
  service: ServiceName,
  waitsFor: string | null,
  now: number,
): Promise<{ status: ServiceStatus; instances: InstanceStatus[] }> {
  const [head, stored] = await Promise.all([ports.store.head(service), ports.store.instances(service, 'all')]);
  const snapshot = head.service === null ? null : readService(head.service).service;
  const snapshots = readInstances(stored);
  const instances = [...snapshots]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, one]) => instanceStatus(service, one, snapshot?.last?.instance ?? null, snapshot?.config ?? null) ?? []);
  const unfolded = await ports.log.idsAfter(service, head.cursor, LAG_EVENTS_MAX);
  const lag = lagOf(unfolded, LAG_EVENTS_MAX, now);
  const rotation = rotationOf(snapshot, snapshots.values());
  return { status: serviceStatus({ service, snapshot, revision: head.revision, instances, lag, rotation, waitsFor }), instances };
}

function watcherStatus({ id, at, leader, connected, since, problem, services, troubled }: WatcherBeat, now: number): WatcherStatus {
  return { watcher: id, leader, lastSeen: at, live: now - at <= ANNOUNCE_FRESH_MS, connected, since, problem, services, troubled };
}

/** As the watcher knows it that leads now. */
function pathsWaitedFor(watchers: readonly WatcherStatus[]): Map<ServiceName, string> {
  const leading = watchers.find(({ live, leader }) => live && leader);
  const waits = (leading?.troubled ?? []).filter(({ why }) => why === 'path');
  return new Map(waits.map(({ service, detail }) => [service, detail]));
}

interface KnownProxy {
  readonly id: string;
  readonly pool: string;
  readonly announcement: Announcement | null;
}

/** Every proxy that was announced, and those of this host's config that never were. */
function proxiesOf(config: Config, announced: readonly Announcement[]): KnownProxy[] {
  const known = new Map<string, KnownProxy>(config.proxies.map(({ id, pool }) => [id, { id, pool, announcement: null }]));
  for (const announcement of announced) known.set(announcement.id, { id: announcement.id, pool: announcement.pool, announcement });
  return [...known.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

async function readProxy(ports: Ports, proxy: KnownProxy, only: ServiceName | null, now: number): Promise<ProxyStatus> {
  const [state, stored, dirty] = await Promise.all([
    ports.proxies.state(proxy.id),
    ports.proxies.backends(proxy.id),
    ports.proxies.dirty(proxy.id),
  ]);
  const worker = state['worker'] === undefined ? null : (JSON.parse(state['worker']) as WorkerIdentity);
  const lastSeen = proxy.announcement?.at ?? null;
  const backends = [...stored]
    .filter(([service]) => only === null || service === only)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([service, json]) => backendStatus(service, JSON.parse(json) as BackendSnapshot));
  return {
    proxy: proxy.id,
    pool: proxy.pool,
    version: state['version'] ?? null,
    worker: worker?.pid ?? null,
    oldWorkers: state['oldWorkers'] ? Number(state['oldWorkers']) : null,
    lastSeen,
    hearing: state['hearing'] === undefined ? null : (JSON.parse(state['hearing']) as ProxyStatus['hearing']),
    live: lastSeen !== null && now - lastSeen <= ANNOUNCE_FRESH_MS,
    unreachable: state['unreachable'] || null,
    breaker: readBreaker(state['breaker'], now),
    dirty: dirty.size,
    backends,
    lastReload:
      state['lastReload'] === undefined
        ? null
        : { at: Number(state['lastReload']), reason: state['lastReloadReason'] ?? null, failed: state['lastReloadFailed'] || null },
  };
}

async function readQueues(config: Config, ports: Ports, announced: readonly Announcement[]): Promise<QueueStatus[]> {
  const pools = [...new Set([...config.proxies, ...announced].map(({ pool }) => pool))].sort();
  const queues = [SERVICES_QUEUE, ...pools.flatMap((pool) => [proxiesQueue(pool), reloadsQueue(pool)])];
  return inTurns(queues, async (queue) => ({ queue, ...(await queueCounts(ports.redis, ports.keys, queue)) }));
}

async function inTurns<T, R>(items: readonly T[], read: (item: T) => Promise<R>): Promise<R[]> {
  const done: R[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE) done.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(read))));
  return done;
}
