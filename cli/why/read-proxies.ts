/** Reads how a service's proxies stand, and their own records as far back as they are needed. */
import type { BackendSnapshot } from '../../machines/backend.ts';
import type { Config } from '../../shared/config/config.ts';
import { PointsmanError } from '../../shared/errors.ts';
import type { Logged } from '../../shared/model/event.ts';
import { ANNOUNCE_FRESH_MS } from '../../shared/model/freshness.ts';
import { matchesAny } from '../../shared/model/glob.ts';
import { compareEventIds, type EventId, type ProxyId, type ServiceName } from '../../shared/model/ids.ts';
import type { ProxyEvent } from '../../shared/model/proxy-event.ts';
import type { Ports } from '../../workers/app.ts';
import type { ProxyRecord } from './actions.ts';
import type { ProxyFacts } from './standing.ts';

/** Proxies whose records are read; those that do not stand well come first. */
const PROXIES_MAX = 16;
/** Records read at once. */
const AT_ONCE = 4;
/** Events in one reply: one holds up to 200 commands. */
const PAGE_EVENTS = 500;
/** Pages of one record: all that it keeps. */
const PAGES_MAX = 50;

/** What says by itself how a backend stands, whatever came before it. */
const SETTLING: ReadonlySet<ProxyEvent['type']> = new Set(['synced', 'drifted', 'unreachable', 'blocked']);

export interface Wanted {
  readonly service: ServiceName;
  /** null: all that carry it; and if none does, all that there are. */
  readonly only: ProxyId | null;
  /** The event that the oldest chapter begins with; null: there is none. */
  readonly since: EventId | null;
  /** ms; null: now. */
  readonly until: number | null;
  readonly now: number;
  /** Whether the records are wanted, or only how the backends stand. */
  readonly chained: boolean;
}

interface Candidate {
  readonly id: ProxyId;
  readonly services: readonly string[];
  readonly lastSeen: number | null;
}

/** @throws PointsmanError USAGE: no proxy is called so. */
export async function readProxies(config: Config, ports: Ports, wanted: Wanted): Promise<{ facts: ProxyFacts[]; more: number }> {
  const chosen = choose(await candidates(config, ports), wanted);
  const standing = await inTurns(chosen, async (one) => ({ one, stored: await storedBackend(ports, one.id, wanted.service) }));
  const trouble = ({ stored }: { stored: BackendSnapshot | null }): number => (stored?.state === 'in-sync' ? 1 : 0);
  const read = standing.sort((a, b) => trouble(a) - trouble(b) || (a.one.id < b.one.id ? -1 : 1)).slice(0, PROXIES_MAX);
  const facts = await inTurns(read, async ({ one, stored }) => {
    const needed = wanted.chained || wanted.until !== null;
    const record = needed ? await readRecord(ports, one.id, wanted) : { proxy: one.id, events: [], whole: false };
    const silent = wanted.until === null && one.lastSeen !== 0 && (one.lastSeen === null || wanted.now - one.lastSeen > ANNOUNCE_FRESH_MS);
    return { proxy: one.id, services: one.services, lastSeen: one.lastSeen, silent, stored: wanted.until === null ? stored : null, record };
  });
  return { facts: facts.sort((a, b) => (a.proxy < b.proxy ? -1 : 1)), more: standing.length - read.length };
}

/** Those that were announced, and those of this host's config that never were; by id. */
async function candidates(config: Config, ports: Ports): Promise<Candidate[]> {
  const known = new Map<ProxyId, Candidate>(config.proxies.map(({ id, services }) => [id, { id, services, lastSeen: null }]));
  // One that was imported was never announced: what it carries is not known.
  for (const { id, services, at } of await ports.proxies.announced())
    known.set(id, at === 0 ? { id, services: ['*'], lastSeen: 0 } : { id, services, lastSeen: at });
  return [...known.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

function choose(known: readonly Candidate[], { service, only }: Wanted): Candidate[] {
  const named = known.find(({ id }) => id === only);
  if (named !== undefined) return [named];
  if (only !== null) {
    const ids = known.map(({ id }) => id);
    throw new PointsmanError('USAGE', `no proxy is called ${JSON.stringify(only)}`, {
      hint:
        ids.length === 0
          ? 'there is none yet'
          : `there are: ${ids.slice(0, PROXIES_MAX).join(', ')}${ids.length > PROXIES_MAX ? ', …' : ''}`,
      retry: 'terminal',
    });
  }
  const carriers = known.filter(({ services }) => matchesAny(services, service));
  return carriers.length > 0 ? carriers : [...known];
}

async function storedBackend(ports: Ports, proxy: ProxyId, service: ServiceName): Promise<BackendSnapshot | null> {
  const json = await ports.proxies.backend(proxy, service);
  return json === null ? null : (JSON.parse(json) as BackendSnapshot);
}

/** Backwards from the moment, to the first chapter and to where the backend's standing is certain. */
async function readRecord(ports: Ports, proxy: ProxyId, { service, since, until }: Wanted): Promise<ProxyRecord> {
  const events: Logged<ProxyEvent>[] = [];
  let before: EventId | null = until === null ? null : `${until + 1}-0`;
  let whole = since === null;
  let settled = until === null;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const read = await ports.proxies.eventsBefore(proxy, before, PAGE_EVENTS);
    for (const logged of read) {
      whole ||= since !== null && compareEventIds(logged.id, since) < 0;
      if (whole && settled) break;
      if ('service' in logged.event && logged.event.service !== service) continue;
      settled ||= SETTLING.has(logged.event.type);
      events.push(logged);
    }
    before = read.at(-1)?.id ?? before;
    if ((whole && settled) || read.length < PAGE_EVENTS) return { proxy, events: events.reverse(), whole };
  }
  return { proxy, events: events.reverse(), whole };
}

async function inTurns<T, R>(items: readonly T[], read: (item: T) => Promise<R>): Promise<R[]> {
  const done: R[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE) done.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(read))));
  return done;
}
