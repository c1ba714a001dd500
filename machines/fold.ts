/**
 * PURE. Folds a service's events through the machines. Production and replay call this same code: the same events give the same bytes.
 * A fold touches only the instances that its events name (`needs` says which), the address claims and the service's own snapshot.
 */
import { must, unreachable } from '../shared/errors.ts';
import type { Logged, Said, ServiceEvent } from '../shared/model/event.ts';
import type { InstanceId } from '../shared/model/ids.ts';
import type { Registration, Rejection, Znode } from '../shared/model/registration.ts';
import { addressKey, claimAddress, serverIdKey } from './claims.ts';
import { type FoldState, isBacked, isRegistered, isRemembered, leave, mayKeep, noteRejection } from './fold-state.ts';
import { type GuardSnapshot, stepGuard } from './guard.ts';
import { type InstanceEvent, type InstanceSnapshot, newInstance, stepInstance } from './instance.ts';
import { judge } from './policy.ts';
import { serverIdCandidates } from './server-id.ts';
import { exhume, type ServiceSnapshot } from './service.ts';

export interface Transition {
  readonly instance: InstanceId;
  readonly from: InstanceSnapshot['state'];
  readonly to: InstanceSnapshot['state'];
  readonly time: number;
  readonly cause: string;
}

/** Folds one event into `state` (changed in place) and says which instances changed their state. */
export function fold(state: FoldState, logged: Logged<ServiceEvent>): Transition[] {
  state.touched.clear();
  apply(state, logged.event, logged.time);
  const transitions: Transition[] = [];
  for (const [instance, from] of state.touched) {
    const to = state.instances.get(instance)?.state ?? 'gone';
    if (from !== to) transitions.push({ instance, from, to, time: logged.time, cause: logged.id });
  }
  return transitions;
}

function apply(state: FoldState, event: ServiceEvent, at: number): void {
  switch (event.type) {
    case 'configured':
      return configure(state, event.config, at);
    case 'unconfigured':
      state.service = { ...state.service, config: null };
      return;
    case 'complete':
      state.service = { ...state.service, complete: true };
      return;
    case 'registered':
    case 'changed':
      return hear(state, event.instance, event.znode, event.said, at);
    case 'deregistered':
      return deregister(state, event.instance, event.znode, at);
    case 'health':
      for (const verdict of event.verdicts)
        send(state, verdict.instance, { type: 'health', at, proxy: event.proxy, from: verdict.from, to: verdict.to });
      return;
    case 'timer':
      if (event.instance !== null) send(state, event.instance, { type: 'timer', at, token: event.token });
      else guard(state, { type: 'timer', token: event.token }, at);
      return;
    default:
      return unreachable(event, 'event');
  }
}

function configure(state: FoldState, config: NonNullable<ServiceSnapshot['config']>, at: number): void {
  state.service = { ...state.service, config };
  const ids = [...state.instances.keys()].sort();
  for (const id of ids) {
    const snapshot = state.instances.get(id);
    if (!snapshot || !isBacked(snapshot)) continue;
    const { offered, registration } = snapshot.context;
    if (offered !== null) hear(state, id, null, { registration: offered }, at);
    else if (registration !== null) {
      // Its last good form is in use, and may be forbidden now.
      const rejection = judge(state.service, snapshot, registration);
      if (rejection !== null) send(state, id, { type: 'reject', at, znode: null, offered: null, rejection, keep: false });
    }
  }
}

/** A znode says something: accept it, or reject it with the reason. */
function hear(state: FoldState, id: InstanceId, znode: Znode | null, said: Said, at: number): void {
  if ('rejection' in said) {
    send(state, id, { type: 'reject', at, znode, offered: null, rejection: said.rejection, keep: mayKeep(state, id) });
    return;
  }
  const offered = said.registration;
  const refuse = (rejection: Rejection): void => send(state, id, { type: 'reject', at, znode, offered, rejection, keep: false });
  const policy = judge(state.service, state.instances.get(id) ?? null, offered);
  if (policy !== null) return refuse(policy);
  const owner = claimAddress(state.addresses, id, addressKey(offered), isRemembered(state, id));
  if (owner !== null)
    return refuse({ code: 'duplicate-address', detail: `${offered.address} port ${offered.port} is registered as ${owner}` });
  const serverId = serverIdOf(state, id);
  if (serverId === null) {
    unclaim(state, id, offered, at);
    return refuse({ code: 'too-many-instances', detail: 'all its server ids are taken by others' });
  }
  send(state, id, { type: 'accept', at, znode, offered, serverId });
}

function deregister(state: FoldState, id: InstanceId, znode: Znode, at: number): void {
  const snapshot = state.instances.get(id);
  const known = snapshot?.context.znodes[znode.name];
  // A later znode of the same name already took its place, or it was never heard of.
  if (!snapshot || known === undefined || known.czxid !== znode.czxid) return;
  if (Object.keys(snapshot.context.znodes).length > 1) return send(state, id, { type: 'unback', at, znode: znode.name });
  if (!isRegistered(snapshot)) {
    return send(
      state,
      id,
      snapshot.state === 'rejected' ? { type: 'lose', at, znode: znode.name, drainTimeout: 0 } : { type: 'unback', at, znode: znode.name },
    );
  }
  const before = state.service.guard.state;
  stepGuardOf(state, { type: 'loss', instance: id }, at);
  const held = state.service.guard.state !== 'open';
  send(
    state,
    id,
    held ? { type: 'hold', at, znode: znode.name } : { type: 'lose', at, znode: znode.name, drainTimeout: drainTimeout(state) },
  );
  if (held && before === 'open') {
    for (const loss of state.service.guard.context.losses) send(state, loss.instance, { type: 'hold', at, znode: null });
  }
}

/** The guard's deadline; whoever it no longer keeps drains. */
function guard(state: FoldState, event: { type: 'timer'; token: number }, at: number): void {
  const kept = state.service.guard;
  stepGuardOf(state, event, at);
  if (kept.state === 'open') return;
  const still = new Set(state.service.guard.context.losses.map((loss) => loss.instance));
  for (const loss of kept.context.losses) {
    if (!still.has(loss.instance)) send(state, loss.instance, { type: 'lose', at, znode: null, drainTimeout: drainTimeout(state) });
  }
}

function stepGuardOf(
  state: FoldState,
  event: Parameters<typeof stepGuard>[1] extends infer E ? DistributiveOmit<E, 'at' | 'config'> : never,
  at: number,
): void {
  const config = state.service.config?.guard ?? { maxLoss: 1, window: 0, hold: 1 };
  const next: GuardSnapshot = stepGuard(state.service.guard, { ...event, at, config });
  if (next !== state.service.guard) state.service = { ...state.service, guard: next };
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

function send(state: FoldState, id: InstanceId, event: InstanceEvent): void {
  if (event.type === 'reject' && !isRemembered(state, id)) return;
  const before = state.instances.get(id) ?? newInstance(id);
  const after = stepInstance(before, event);
  if (after === before) return;
  state.instances.set(id, after);
  if (!state.touched.has(id)) state.touched.set(id, before.state);
  // Rejected or not, it is back: the guard neither keeps it nor lets it go.
  if (isBacked(after) && !isBacked(before) && state.service.guard.context.losses.some((loss) => loss.instance === id)) {
    stepGuardOf(state, { type: 'return', instance: id }, event.at);
  }
  const change = Number(isRegistered(after)) - Number(isRegistered(before));
  if (change !== 0) {
    state.service = { ...state.service, registered: state.service.registered + change };
    stepGuardOf(state, { type: 'count', count: state.service.registered }, event.at);
  }
  if (before.state === 'gone' && after.state !== 'gone') state.service = exhume(state.service, id);
  noteRejection(state, before, after);
  if (
    isRegistered(before) &&
    (!isRegistered(after) ||
      addressKey(must(after.context.registration, 'registration')) !== addressKey(must(before.context.registration, 'registration')))
  ) {
    unclaim(state, id, must(before.context.registration, 'registration'), event.at);
  }
  if (after.state === 'gone' && before.state !== 'gone') leave(state, after, event.at);
}

/** Gives the address up; those who wait are heard again, the one who waited longest first, until one is accepted. */
function unclaim(state: FoldState, id: InstanceId, registration: Registration, at: number): void {
  const key = addressKey(registration);
  const held = state.addresses.get(key) ?? null;
  if (held === null || held.owner !== id) return;
  const [next, ...waiting] = held.waiting;
  state.addresses.set(key, next === undefined ? null : { owner: next, waiting });
  if (next === undefined) return;
  const snapshot = state.instances.get(next);
  const offered = snapshot?.context.offered ?? null;
  if (snapshot && offered !== null && isBacked(snapshot) && addressKey(offered) === key)
    hear(state, next, null, { registration: offered }, at);
  const heard = state.instances.get(next);
  if (!heard || !isRegistered(heard)) unclaim(state, next, registration, at);
}

function serverIdOf(state: FoldState, id: InstanceId): number | null {
  const known = state.instances.get(id)?.context.serverId ?? null;
  if (known !== null) return known;
  const free = serverIdCandidates(id).find((candidate) => (state.addresses.get(serverIdKey(candidate))?.owner ?? id) === id);
  if (free === undefined) return null;
  state.addresses.set(serverIdKey(free), { owner: id, waiting: [] });
  return free;
}

function drainTimeout(state: FoldState): number {
  return state.service.config?.drainTimeout ?? 0;
}
