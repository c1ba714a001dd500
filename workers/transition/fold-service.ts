/**
 * Folds what stands behind a service's cursor through the machines and commits it: snapshots, desired servers, deadlines and cursor in one
 * compare-and-set. A lost one reads and folds again. Nothing is done to the world here; marks and wakes follow from what is committed.
 */
import { type AddressClaim, claimKeys } from '../../machines/claims.ts';
import { instanceDeadline, instanceDue, serviceDeadline, serviceDue } from '../../machines/deadlines.ts';
import { fold, type Transition } from '../../machines/fold.ts';
import type { FoldState } from '../../machines/fold-state.ts';
import type { InstanceSnapshot } from '../../machines/instance.ts';
import { completed } from '../../machines/migrate.ts';
import { needs } from '../../machines/needs.ts';
import { desiredServer } from '../../machines/projection.ts';
import type { ServiceSnapshot } from '../../machines/service.ts';
import { canonical } from '../../shared/model/canonical.ts';
import type { ServiceEvent } from '../../shared/model/event.ts';
import type { InstanceId, ServiceName } from '../../shared/model/ids.ts';
import type { ServiceLog } from '../../shared/redis/service-log.ts';
import {
  type Commit,
  type Fetched,
  GUARD_DEADLINE,
  type Named,
  NONE,
  type ServiceHead,
  type ServiceStore,
} from '../../shared/redis/service-store.ts';
import { Stored } from './stored.ts';

/** Events in one commit, and due deadlines appended at once. */
const PER_FOLD = { due: 1_000, events: 1_000 };
/** Events for which what their fold needs is asked for together with them. */
const HINT_MAX = 100;

export interface Folded {
  readonly revision: number;
  /** The revision that proxies were told of before this fold. */
  readonly published: number;
  readonly events: number;
  readonly transitions: readonly Transition[];
  /** Whether a proxy has anything to look at. */
  readonly desiredChanged: boolean;
  /** Whether the log may hold more. */
  readonly more: boolean;
}

interface Loaded {
  readonly state: FoldState;
  readonly instances: ReadonlyMap<InstanceId, InstanceSnapshot>;
  readonly addresses: ReadonlyMap<string, string>;
}

/** A commit on its way. */
export interface Sent {
  readonly commit: Commit;
  /** Rejects when it did not land. */
  readonly committed: Promise<unknown>;
}

/**
 * One fold. `hint`: events that are on their way into the log, for which what the fold needs is asked for together with the events. `alongside` is
 * begun when the commit is on its way and before it is answered: marks and wakes that are sent then arrive after it, and do no harm should it be
 * lost. @throws PointsmanError LOG_CAS_LOST: another worker was first. Unreadable: what is stored cannot be read.
 */
export async function foldService(
  ports: { log: ServiceLog; store: ServiceStore },
  service: ServiceName,
  now: number,
  hint: readonly ServiceEvent[] = [],
  alongside: (folded: Folded, sent: Sent | null) => Promise<void> = async () => {},
): Promise<Folded> {
  const { store } = ports;
  let named = namedBy(hint);
  let fetched = await store.fetch(service, now, PER_FOLD, named);
  if (fetched.due.length > 0) {
    await appendDue(ports, service, fetched, now);
    named = NONE;
    fetched = await store.fetch(service, now, PER_FOLD, named);
  }
  const { head } = fetched;
  const events = undivided(fetched.events);
  const { revision, published } = head;
  const stored = new Stored(head);
  const last = events.at(-1);
  if (last === undefined) {
    const nothing = { revision, published, events: 0, transitions: [], desiredChanged: false, more: false };
    await alongside(nothing, null);
    return nothing;
  }
  const loaded = await load(store, service, { ...fetched, events, stored }, named);
  const before = loaded.state.service;
  const transitions = events.flatMap((event) => fold(loaded.state, event));
  const after = loaded.state.service;
  const commit = { ...difference(head, last.id, before, loaded), released: releasedBy(events) };
  const settings =
    before.complete !== after.complete ||
    commit.released !== null ||
    (before.config !== after.config && canonical(before.config) !== canonical(after.config));
  const folded = {
    revision: revision + 1,
    published,
    events: events.length,
    transitions,
    desiredChanged: commit.desired.size > 0 || settings,
    more: fetched.events.length === PER_FOLD.events,
  };
  const committing = store.commit(service, commit);
  const [committed, told] = await Promise.allSettled([committing, alongside(folded, { commit, committed: committing })]);
  if (committed.status === 'rejected') throw committed.reason;
  if (told.status === 'rejected') throw told.reason;
  return folded;
}

/**
 * The losses of one difference are judged together, so a full fetch ends before those that go on in the next one. Of a large difference each says how many
 * come: the first is judged as all of them are, and it may be divided.
 */
function undivided(events: Fetched['events']): Fetched['events'] {
  const last = events.findLastIndex(({ event }) => event.type === 'deregistered');
  if (events.length < PER_FOLD.events || !goesOn(events[last])) return events;
  const ended = events.findLastIndex((logged, at) => at < last && logged.event.type === 'deregistered' && !goesOn(logged));
  const first = events.findIndex(({ event }, at) => at > ended && event.type === 'deregistered');
  return first > 0 ? events.slice(0, first) : events;
}

function goesOn(logged: Fetched['events'][number] | undefined): boolean {
  return logged?.event.type === 'deregistered' && logged.event.more === true;
}

/** A due deadline becomes an event before it is folded. Appended twice, the second has a stale token and changes nothing. */
async function appendDue(
  { log, store }: { log: ServiceLog; store: ServiceStore },
  service: ServiceName,
  { head, due }: Fetched,
  now: number,
): Promise<void> {
  const instances = await store.instances(
    service,
    due.filter((member) => member !== GUARD_DEADLINE),
  );
  const stored = new Stored(head);
  const events: ServiceEvent[] = [...stored.instances(instances).values()].flatMap((snapshot) => instanceDue(snapshot, now));
  if (due.includes(GUARD_DEADLINE)) events.push(...serviceDue(stored.service, now));
  await log.appendPlain(service, events);
}

/** What the fold of these events will need, to be asked for with them. Of too many, nothing: it is read when they are there. */
function namedBy(hint: readonly ServiceEvent[]): Named {
  if (hint.length > HINT_MAX) return NONE;
  const wanted = hint.map(needs);
  if (wanted.some((need) => need.all)) return NONE;
  return {
    instances: new Set(wanted.flatMap((need) => need.instances)),
    addresses: new Set(wanted.flatMap((need) => need.addresses)),
  };
}

/** Loads what the events need: the instances they name, the addresses these have or want, and who else wants those. */
async function load(
  store: ServiceStore,
  service: ServiceName,
  fetched: Fetched & { readonly stored: Stored },
  named: Named,
): Promise<Loaded> {
  const { events, stored } = fetched;
  const { service: before, isOld } = stored;
  const wanted = events.map(({ event }) => needs(event));
  const all = isOld || wanted.some((need) => need.all);
  const ids = new Set(wanted.flatMap((need) => need.instances));
  const own = new Set(ids);
  if (wanted.some(({ losses }) => losses === 'all' || (losses === 'while-open' && mayHold(before))))
    for (const { instance } of before.guard.context.losses) ids.add(instance);
  if (before.last !== null) ids.add(before.last.instance);
  // When nobody is up any more, those in quarantine are let out.
  if (before.up <= ids.size) for (const instance of before.quarantined) ids.add(instance);
  const keys = new Set(wanted.flatMap((need) => need.addresses));
  const [texts, addresses] = await Promise.all([
    store.instances(service, all ? 'all' : [...ids.difference(named.instances)]),
    store.addresses(service, [...keys.difference(named.addresses)]),
  ]);
  if (!all) for (const [id, json] of fetched.instances) texts.set(id, json);
  for (const [key, json] of fetched.addresses) addresses.set(key, json);
  const instances = stored.instances(texts);
  const claiming = [...instances.values()].filter(({ context }) => all || own.has(context.id));
  const further = claiming.flatMap(claimKeys).filter((key) => !keys.has(key));
  for (const [key, json] of await store.addresses(service, [...new Set(further)])) addresses.set(key, json);
  const claims = stored.claims(addresses);
  // Who takes an address that becomes free may free another, for which others wait.
  const known = new Set(instances.keys());
  for (let others = rivals(claims, known); others.length > 0; others = rivals(claims, known)) {
    for (const id of others) known.add(id);
    const found = stored.instances(await store.instances(service, others));
    for (const [id, snapshot] of found) instances.set(id, snapshot);
    const keys = [...found.values()].flatMap(claimKeys).filter((key) => !claims.has(key));
    const more = await store.addresses(service, [...new Set(keys)]);
    for (const [key, json] of more) addresses.set(key, json);
    for (const [key, claim] of stored.claims(more)) claims.set(key, claim);
  }
  return {
    state: {
      service: isOld ? completed(before, instances.values()) : before,
      instances: new Map(instances),
      addresses: new Map(claims),
      touched: new Map(),
    },
    instances,
    addresses,
  };
}

function rivals(claims: ReadonlyMap<string, AddressClaim>, known: ReadonlySet<InstanceId>): InstanceId[] {
  const named = [...claims.values()].flatMap((claim) => [claim.owner, ...claim.waiting]);
  return [...new Set(named)].filter((id) => !known.has(id));
}

function mayHold({ config, guard }: ServiceSnapshot): boolean {
  return guard.state === 'open' && config !== null && config.guard.maxLoss < 1;
}

/** Beside the snapshots, which a log from before it was kept leads to just the same. */
function releasedBy(events: Fetched['events']): number | null {
  return events.findLast(({ event }) => event.type === 'released' || event.type === 'trusted')?.time ?? null;
}

/** Only what differs from what was loaded. */
function difference(
  head: ServiceHead,
  cursor: string,
  before: ServiceSnapshot,
  { state, instances, addresses }: Loaded,
): Omit<Commit, 'released'> {
  const commit = {
    readRevision: head.revision,
    cursor,
    service: canonical(state.service),
    instances: new Map<InstanceId, string | null>(),
    desired: new Map<InstanceId, string | null>(),
    addresses: new Map<string, string | null>(),
    deadlines: new Map<string, number | null>(),
  };
  for (const [id, snapshot] of state.instances) {
    const was = instances.get(id);
    // One that is forgotten need not have been loaded.
    if (snapshot === was) continue;
    commit.instances.set(id, snapshot === null ? null : canonical(snapshot));
    const wanted = snapshot === null ? null : desiredServer(snapshot);
    const wasWanted = was === undefined ? null : desiredServer(was);
    if (canonical(wanted) !== canonical(wasWanted)) commit.desired.set(id, wanted === null ? null : canonical(wanted));
    const at = snapshot === null ? null : instanceDeadline(snapshot);
    const wasAt = was === undefined ? null : instanceDeadline(was);
    // One that is forgotten may have had a deadline without having been loaded.
    if (snapshot === null || at !== wasAt) commit.deadlines.set(id, at);
  }
  for (const [key, claim] of state.addresses) {
    const json = claim === null ? null : canonical(claim);
    // A claim that is given up may belong to one that was not loaded (an instance that is forgotten).
    if (json !== (addresses.get(key) ?? null) || (json === null && !addresses.has(key))) commit.addresses.set(key, json);
  }
  const serviceAt = serviceDeadline(state.service);
  if (serviceAt !== serviceDeadline(before)) commit.deadlines.set(GUARD_DEADLINE, serviceAt);
  return commit;
}
