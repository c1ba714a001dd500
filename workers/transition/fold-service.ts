/**
 * Folds what stands behind a service's cursor through the machines and commits it: snapshots, desired servers, deadlines and cursor in one
 * compare-and-set. A lost one reads and folds again. Nothing is done to the world here; marks and wakes follow from what is committed.
 */
import { instanceDeadline, instanceDue, serviceDeadline, serviceDue } from '../../machines/deadlines.ts';
import { fold, type Transition } from '../../machines/fold.ts';
import { desiredServer } from '../../machines/projection.ts';
import type { ServiceSnapshot } from '../../machines/service.ts';
import { isSwitched } from '../../machines/stand-by.ts';
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
import { type Loaded, load, namedBy } from './fold-load.ts';
import { type Refused, refusedBy } from './refusal-teller.ts';
import { asUnreadable, Stored, Unreadable } from './stored.ts';

/** Events in one commit, and due deadlines appended at once. */
const PER_FOLD = { due: 1_000, events: 1_000 };
export interface Folded {
  readonly revision: number;
  /** The revision that proxies were told of before this fold. */
  readonly published: number;
  readonly events: number;
  readonly transitions: readonly Transition[];
  /** Instances that the config refuses since then. */
  readonly refused: readonly Refused[];
  /** Whether a proxy has anything to look at. */
  readonly desiredChanged: boolean;
  /** Whether the log may hold more. */
  readonly more: boolean;
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
  const { head, events, ...made } = await prepare(ports, service, now, hint);
  const { revision, published } = head;
  const { commit } = made;
  if (commit === null) {
    const nothing = { revision, published, events: 0, transitions: [], refused: [], desiredChanged: false, more: false };
    await alongside(nothing, null);
    return nothing;
  }
  const folded = {
    revision: revision + 1,
    published,
    events: events.length,
    transitions: made.transitions,
    refused: made.refused,
    desiredChanged: commit.desired.size > 0 || made.settings,
    more: made.more,
  };
  const committing = store.commit(service, commit);
  const [committed, told] = await Promise.allSettled([committing, alongside(folded, { commit, committed: committing })]);
  if (committed.status === 'rejected') throw committed.reason;
  if (told.status === 'rejected') throw told.reason;
  return folded;
}

interface Prepared {
  readonly head: ServiceHead;
  readonly events: Fetched['events'];
  readonly transitions: readonly Transition[];
  readonly refused: readonly Refused[];
  /** null: there is nothing to fold. */
  readonly commit: Commit | null;
  /** Whether what proxies need beside the servers changes. */
  readonly settings: boolean;
  readonly more: boolean;
}

/** Reads and folds. @throws Unreadable, also when what is read has the form of snapshots and cannot be folded. */
async function prepare(
  ports: { log: ServiceLog; store: ServiceStore },
  service: ServiceName,
  now: number,
  hint: readonly ServiceEvent[],
): Promise<Prepared> {
  const { store } = ports;
  let named = namedBy(hint);
  let fetched = await store.fetch(service, now, PER_FOLD, named);
  const { revision } = fetched.head;
  try {
    if (fetched.damage !== null) throw new Unreadable(`${fetched.damage} cannot be read`, revision);
    if (fetched.due.length > 0) {
      await appendDue(ports, service, fetched, now);
      named = NONE;
      fetched = await store.fetch(service, now, PER_FOLD, named);
    }
    const { head } = fetched;
    const events = undivided(fetched.events);
    const stored = new Stored(head);
    const last = events.at(-1);
    if (last === undefined) return { head, events, transitions: [], refused: [], commit: null, settings: false, more: false };
    const { loaded, before, transitions } = await foldLoaded(store, service, { ...fetched, events, stored }, named);
    const after = loaded.state.service;
    const commit = { ...difference(head, last.id, before, loaded), released: releasedBy(events) };
    const settings =
      before.complete !== after.complete ||
      commit.released !== null ||
      (before.config !== after.config && canonical(before.config) !== canonical(after.config));
    const refused = refusedBy(events, loaded.instances, loaded.state.instances);
    return { head, events, transitions, refused, commit, settings, more: fetched.events.length === PER_FOLD.events };
  } catch (error) {
    throw asUnreadable(error, revision);
  }
}

/** When another path becomes the active one, instances that no event names stand otherwise: then it is folded again with all of them. */
async function foldLoaded(
  store: ServiceStore,
  service: ServiceName,
  fetched: Parameters<typeof load>[2],
  named: Named | 'all',
): Promise<{ readonly loaded: Loaded; readonly before: ServiceSnapshot; readonly transitions: readonly Transition[] }> {
  const loaded = await load(store, service, fetched, named);
  const before = loaded.state.service;
  const transitions = fetched.events.flatMap((event) => fold(loaded.state, event));
  if (!loaded.all && isSwitched(before, loaded.state.service)) return foldLoaded(store, service, fetched, 'all');
  return { loaded, before, transitions };
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
