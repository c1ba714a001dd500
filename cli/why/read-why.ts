/** Reads what the answer is made of from Redis, page by page: a service's log, its view, and the records of its proxies. Changes nothing. */
import type { InstanceSnapshot } from '../../machines/instance.ts';
import { readInstance, readInstances, readService } from '../../machines/migrate.ts';
import type { Checkpoint } from '../../machines/replay.ts';
import { newService, type ServiceSnapshot } from '../../machines/service.ts';
import type { Config } from '../../shared/config/config.ts';
import { canonical } from '../../shared/model/canonical.ts';
import type { Logged, ServiceEvent } from '../../shared/model/event.ts';
import { compareEventIds, type EventId, eventTime, type InstanceId, type ProxyId, type ServiceName } from '../../shared/model/ids.ts';
import { ANNOUNCE_FRESH_MS } from '../../shared/redis/proxy-store.ts';
import { watchersListening } from '../../shared/redis/resync-channel.ts';
import type { ServiceHead } from '../../shared/redis/service-store.ts';
import { WatcherStore } from '../../shared/redis/watcher-store.ts';
import type { Ports } from '../../workers/app.ts';
import { unknownService } from '../unknown-service.ts';
import { account } from './account.ts';
import { type Asked, History } from './history.ts';
import { readProxies } from './read-proxies.ts';
import type { WhyReport } from './report.ts';
import { askedFor, neverHeardOf } from './whom.ts';

/** Events in one reply of Redis. */
const PAGE_EVENTS = 1_000;
/** Events that are read at most: ten times what a log keeps. */
const EVENTS_MAX = 1_000_000;
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
  const read = await readLog(ports, question, head, latest, asked);
  const { history } = read;
  const watchers = !isLive ? null : await watchersListening(ports.redis, ports.keys);
  const cutOff = isLive ? await cutOffSince(ports, now) : null;
  const facts = { inConfig, watchers, cutOff, unfolded: past ? null : await unfolded(ports, service, head.cursor) };
  const all = asked === null && !past ? await ports.store.instances(service, 'all') : null;
  const meant = asked === null ? null : (history.meant() ?? read.heardAs ?? (await storedAs(ports, service, asked)));
  if (asked !== null && meant === null) throw await neverHeardOf(ports, { service, text: asked.znode, view, snapshot: latest, facts });
  const own = meant === null || past ? null : await stored(ports, service, meant);
  const notes = [...(read.note === null ? [] : [read.note]), ...(meant === null || past ? [] : differs(history, head, meant, own))];
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
    cut: read.note !== null,
    notes,
  });
}

interface ReadLog {
  readonly history: History;
  /** The asked instance's first event after the moment, if there was none before it. */
  readonly heardOf: number | null;
  readonly heardAs: InstanceId | null;
  /** What is to be said of the log. */
  readonly note: string | null;
}

/** Folds the log up to the moment: of the past, by the events' times; of now, up to what is folded in production. */
async function readLog(
  ports: Ports,
  { service, at }: Question,
  head: ServiceHead,
  latest: ServiceSnapshot | null,
  asked: Asked | null,
): Promise<ReadLog> {
  const isLater = ({ id, time }: Logged<ServiceEvent>): boolean => (at === null ? compareEventIds(id, head.cursor) > 0 : time > at);
  let history: History | null = null;
  let note: string | null = null;
  let cursor: EventId = '0-0';
  for (let count = 0; count < EVENTS_MAX; count += PAGE_EVENTS) {
    const events = await ports.log.read(service, cursor, PAGE_EVENTS);
    const [first] = events;
    if (history === null && first !== undefined) {
      const cut = first.event.type !== 'configured' || (await ports.log.isCut(service)) === true;
      if (cut) note = cutNote(first);
      history = new History(cut ? startOf(latest) : null, asked);
    }
    for (const event of events) {
      if (!isLater(event)) history?.step(event);
      else if (asked === null || history === null || history.meant() !== null)
        return { history: history ?? none(asked), heardOf: null, heardAs: null, note };
      else if (names(event.event, asked)) return { history, heardOf: event.time, heardAs: event.event.instance, note };
    }
    cursor = events.at(-1)?.id ?? cursor;
    if (events.length < PAGE_EVENTS) return { history: history ?? none(asked), heardOf: null, heardAs: null, note };
  }
  return {
    history: history ?? none(asked),
    heardOf: null,
    heardAs: null,
    note: `the log has more than ${EVENTS_MAX} events; the later ones were not read`,
  };
}

function none(asked: Asked | null): History {
  return new History(null, asked);
}

/** Where the beginning of a log was cut off, the config that holds now is the likeliest to have held then. */
function startOf(latest: ServiceSnapshot | null): Checkpoint {
  const { config, complete } = latest ?? newService();
  return { service: { ...newService(), config, complete }, instances: new Map(), addresses: new Map() };
}

function cutNote({ id, time }: Logged<ServiceEvent>): string {
  const began = `${id} (${new Date(time).toISOString()})`;
  return `the log does not reach back to the beginning of the service: its first event is ${began}, and what was before it is not known`;
}

function names(event: ServiceEvent, { znode, instances }: Asked): event is ServiceEvent & { instance: InstanceId } {
  return 'znode' in event && (event.znode.name === znode || instances.includes(event.instance));
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
