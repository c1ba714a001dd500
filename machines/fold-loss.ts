/**
 * PURE. Registrations that end: what the guard believes drains, what it does not believe is held; the last server that HAProxy sees up stays in any
 * case, until another one is up, it is seen down, an operator releases it, or (without a check) the hold would be over.
 */
import type { ServiceEvent } from '../shared/model/event.ts';
import type { InstanceId } from '../shared/model/ids.ts';
import { send, stepGuardOf } from './fold-send.ts';
import { type FoldState, isRegistered } from './fold-state.ts';
import type { InstanceSnapshot } from './instance.ts';
import { forbidden } from './policy.ts';
import { healthOf, isUp } from './projection.ts';
import { endStays, keepWeight, relieveStaying } from './withdrawal.ts';

/** A znode went. */
export function deregister(state: FoldState, event: Extract<ServiceEvent, { type: 'deregistered' }>, at: number): void {
  const { instance: id, znode, left = 1 } = event;
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
  const { path } = snapshot.context;
  stepGuardOf(state, { type: 'loss', instance: id, left, ...(path === undefined ? {} : { path }) }, at);
  if (state.service.guard.state === 'open') return letGo(state, snapshot, znode.name, at);
  send(state, id, { type: 'hold', at, znode: znode.name });
  keepWeight(state, id, at);
  if (before === 'open') keepAll(state, at);
  settle(state, id, at);
}

/** The guard began to hold: what was draining from the window returns to ready. Whose drain is over already stays on its list: it is not back. */
function keepAll(state: FoldState, at: number): void {
  const { losses } = state.service.guard.context;
  // From now on it is the guard that keeps the last server too.
  if (losses.some(({ instance }) => instance === state.service.last?.instance)) state.service = { ...state.service, last: null };
  for (const { instance } of losses) {
    send(state, instance, { type: 'hold', at, znode: null });
    keepWeight(state, instance, at);
    settle(state, instance, at);
  }
}

/** The registry went backwards: nothing that it misses is believed any more, what was kept as the last server included. */
export function freeze(state: FoldState, at: number): void {
  const { last } = state.service;
  stepGuardOf(state, { type: 'freeze' }, at);
  if (last === null) return;
  if (!state.service.guard.context.losses.some(({ instance }) => instance === last.instance))
    stepGuardOf(state, { type: 'loss', instance: last.instance }, at);
  state.service = { ...state.service, last: null };
}

/** The guard's deadline, or that of the last server. Whoever is no longer kept drains. */
export function ring(state: FoldState, token: number, at: number): void {
  const { guard, last } = state.service;
  if (guard.context.timer?.token === token) believe(state, () => stepGuardOf(state, { type: 'timer', token }, at), at);
  else if (last?.timer?.token === token) lose(state, last.instance, at);
}

/** An operator believes what the registry says: nobody is held any longer, the last server neither. */
export function release(state: FoldState, at: number): void {
  const { last } = state.service;
  const held = state.service.guard.state === 'open' ? [] : state.service.guard.context.losses.map(({ instance }) => instance);
  stepGuardOf(state, { type: 'release' }, at);
  for (const instance of held) lose(state, instance, at);
  if (last !== null) lose(state, last.instance, at);
  endStays(state, at);
}

/**
 * What is held and seen down by every proxy that looked may go: that is evidence, and not only a missing registration. So may what policy forbids: it is
 * not kept by being lost.
 */
export function settle(state: FoldState, id: InstanceId, at: number): void {
  const snapshot = state.instances.get(id);
  if (snapshot?.state !== 'held') return;
  const { config } = state.service;
  const { registration } = snapshot.context;
  const mayNot = config !== null && registration !== null && forbidden(config, registration) !== null;
  if (mayNot || healthOf(snapshot) === 'down') expel(state, id, at);
}

/** It is held no longer, whoever held it: it was seen down, or policy forbids it now. */
export function expel(state: FoldState, id: InstanceId, at: number): void {
  if (state.service.guard.context.losses.some((loss) => loss.instance === id)) stepGuardOf(state, { type: 'settle', instance: id }, at);
  lose(state, id, at);
}

/** Once another server is up, the one that was kept as the last goes. */
export function relieve(state: FoldState, at: number): void {
  relieveStaying(state, at);
  const { last, up } = state.service;
  if (last === null) return;
  const snapshot = state.instances.get(last.instance);
  if (snapshot && up - Number(isUp(snapshot)) > 0) lose(state, last.instance, at);
}

/** Those whom the guard kept and keeps no longer drain. */
function believe(state: FoldState, step: () => void, at: number): void {
  const kept = state.service.guard;
  step();
  if (kept.state === 'open') return;
  const still = new Set(state.service.guard.context.losses.map((loss) => loss.instance));
  for (const { instance } of kept.context.losses) {
    const snapshot = state.instances.get(instance);
    if (!still.has(instance) && snapshot) letGo(state, snapshot, null, at);
  }
}

/** The loss is believed; but the last server that is seen up stays. */
function letGo(state: FoldState, snapshot: InstanceSnapshot, znode: string | null, at: number): void {
  const { id } = snapshot.context;
  if (!isUp(snapshot) || state.service.up > 1) {
    send(state, id, { type: 'lose', at, znode, drainTimeout: drainTimeout(state) });
    return;
  }
  send(state, id, { type: 'hold', at, znode });
  state.service = { ...state.service, last: { instance: id, since: at, timer: null } };
  retime(state, at);
}

/** The last server has a deadline as long as there is no check: then nothing else could end its stay. The config may have changed since it is kept. */
export function retime(state: FoldState, at: number): void {
  const { config, guard, last } = state.service;
  const isTimed = config?.check.type === 'none';
  if (last === null || (last.timer !== null) === isTimed) return;
  const token = guard.context.token + LAST_TOKENS + at;
  const timer = isTimed ? { at: Math.max(at, last.since + config.guard.hold), token } : null;
  state.service = { ...state.service, last: { ...last, timer } };
}

/** Apart from the guard's own tokens, which are counted from 1. */
const LAST_TOKENS = 2 ** 40;

function lose(state: FoldState, id: InstanceId, at: number): void {
  send(state, id, { type: 'lose', at, znode: null, drainTimeout: drainTimeout(state) });
}

function drainTimeout(state: FoldState): number {
  return state.service.config?.drainTimeout ?? 0;
}
