/** Reads what the answer is made of from Redis, page by page: a service's log, its view, and the records of its proxies. Changes nothing. */
import type { InstanceSnapshot } from '../../machines/instance.ts';
import { readInstance, readInstances, readService } from '../../machines/migrate.ts';
import type { Config } from '../../shared/config/config.ts';
import { canonical } from '../../shared/model/canonical.ts';
import { ANNOUNCE_FRESH_MS } from '../../shared/model/freshness.ts';
import { type EventId, eventTime, type InstanceId, type ProxyId, type ServiceName } from '../../shared/model/ids.ts';
import { watchersListening } from '../../shared/redis/resync-channel.ts';
import type { ServiceHead } from '../../shared/redis/service-store.ts';
import { WatcherStore } from '../../shared/redis/watcher-store.ts';
import type { Ports } from '../../workers/app.ts';
import { unknownService } from '../unknown-service.ts';
import { account } from './account.ts';
import type { Asked, History } from './history.ts';
import { idText, type ReadLog, readLog } from './read-log.ts';
import { readProxies } from './read-proxies.ts';
import type { WhyReport } from './report.ts';
import { askedFor, neverHeardOf } from './whom.ts';

/** Events counted behind the cursor; more is `at least`. */
const UNFOLDED_MAX = 1_000;

export interface Question {
  readonly service: ServiceName;
  /** As the asker wrote it: an instance or a znode's name. null: the service as a whole. */
  readonly instance: string | null;
  /** null: now. */
  readonly at: number | null;
  /** null: all that carry the service. */
  readonly proxy: ProxyId | null;
  /** Of a scratch space: nobody is at work there. */
  readonly imported: boolean;
  readonly now: number;
}

/** @throws PointsmanError USAGE: nobody knows that service, instance or proxy. */
export async function readWhy(config: Config, ports: Ports, question: Question): Promise<WhyReport> {
  const { service, at, now } = question;
  const past = at !== null;
  const isLive = !past && !question.imported;
  const inConfig = config.services.some(({ name }) => name === service);
  const known = [...new Set([...(await ports.log.services()), ...config.services.map(({ name }) => name)])].sort();
  if (!known.includes(service)) throw unknownService(service, known);
  const [head, view] = [await ports.store.head(service), await ports.log.readView(service)];
  const latest = head.service === null ? null : readService(head.service).service;
  const asked = question.instance === null ? null : askedFor(question.instance, view.children);
  const read = await readLog(ports, { service, at, cursor: head.cursor, latest }, asked);
  const { history } = read;
  const watchers = !isLive ? null : await watchersListening(ports.redis, ports.keys);
  const cutOff = isLive ? await cutOffSince(ports, now) : null;
  const facts = { inConfig, watchers, cutOff, unfolded: past ? null : await unfolded(ports, service, head.cursor) };
  const all = asked === null && !past ? await ports.store.instances(service, 'all') : null;
  const meant = asked === null ? null : (history.meant() ?? read.heardAs ?? (await storedAs(ports, service, asked)));
  if (asked !== null && meant === null) throw await neverHeardOf(ports, { service, text: asked.znode, view, snapshot: latest, facts });
  const own = meant === null || past ? null : await stored(ports, service, meant);
  const notes = [
    ...(read.note === null ? [] : [read.note]),
    ...beganBefore(read, meant),
    ...(meant === null || past ? [] : differs(history, head, meant, own)),
  ];
  const proxies = await readProxies(config, ports, {
    service,
    only: question.proxy,
    since: meant === null ? null : (history.chaptersOf(meant).chapters[0]?.event.id ?? null),
    until: at,
    now,
    chained: meant !== null,
  });
  const folded = [...history.replay.state().instances.values()];
  return account({
    at: at ?? now,
    past,
    service,
    instance: meant,
    history,
    stored: past ? null : { service: latest, instance: own },
    instances: all === null ? (asked === null ? folded : []) : [...readInstances(all).values()],
    facts,
    proxies: proxies.facts,
    moreProxies: proxies.more,
    heardOf: read.heardOf,
    cut: read.cut,
    notes,
  });
}

/** A chain that begins before what is kept. */
function beganBefore({ start }: ReadLog, instance: InstanceId | null): string[] {
  if (start === null || (instance !== null && !start.checkpoint.instances.has(instance))) return [];
  return [`changes up to ${idText(start.cursor)} are not kept: the chain goes on from how it stood then`];
}

async function unfolded(ports: Ports, service: ServiceName, cursor: EventId) {
  const ids = await ports.log.idsAfter(service, cursor, UNFOLDED_MAX);
  const [oldest] = ids;
  return { events: ids.length, more: ids.length >= UNFOLDED_MAX, since: oldest === undefined ? null : eventTime(oldest) };
}

/** null: a watcher reaches Zookeeper, or none is heard of. */
async function cutOffSince(ports: Ports, now: number): Promise<number | null> {
  const live = (await new WatcherStore(ports.redis, ports.keys).announced()).filter(({ at }) => now - at <= ANNOUNCE_FRESH_MS);
  return live.length === 0 || live.some(({ connected }) => connected) ? null : Math.max(...live.map(({ since }) => since));
}

/** Of an instance that the log has nothing of any more. */
async function storedAs(ports: Ports, service: ServiceName, { instances }: Asked): Promise<InstanceId | null> {
  const found = await ports.store.instances(service, instances);
  return instances.find((id) => found.has(id)) ?? null;
}

async function stored(ports: Ports, service: ServiceName, instance: InstanceId): Promise<InstanceSnapshot | null> {
  const json = (await ports.store.instances(service, [instance])).get(instance);
  return json === undefined ? null : readInstance(json);
}

/** The stored snapshot is what holds; a chain that does not lead to it is told to be so. A commit that came between two readings is no difference. */
function differs(history: History, head: ServiceHead, instance: InstanceId, own: InstanceSnapshot | null): string[] {
  const folded = history.replay.instance(instance);
  if (canonical(folded) === canonical(own) || (own !== null && own.context.since > eventTime(head.cursor))) return [];
  return ['the log alone does not lead to this state: what is told of the state is as it is stored, the chain as far as the log has it'];
}
