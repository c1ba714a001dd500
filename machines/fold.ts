/**
 * PURE. Folds a service's events through the machines. Production and replay call this same code: the same events give the same bytes.
 * A fold touches only the instances that its events name (`needs` says which), the address claims and the service's own snapshot.
 */
import { unreachable } from '../shared/errors.ts';
import type { Logged, ServiceEvent } from '../shared/model/event.ts';
import type { InstanceId } from '../shared/model/ids.ts';
import { effectiveConfig, type ServiceConfig } from '../shared/model/service-config.ts';
import { judgeFlapping, pardon } from './flapping.ts';
import { deregister, freeze, release, relieve, retime, ring, settle } from './fold-loss.ts';
import { hear, place, send } from './fold-send.ts';
import { type FoldState, isBacked } from './fold-state.ts';
import type { InstanceSnapshot } from './instance.ts';
import { forbidden, judge } from './policy.ts';
import { CORDONED_MAX, newService } from './service.ts';
import { arrange, rename } from './stand-by.ts';
import { scaleOf } from './warm-up.ts';
import { mindWithdrawal } from './withdrawal.ts';

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
  for (const id of [...state.touched.keys()].sort()) mindWithdrawal(state, id, logged.time);
  // What follows from it for the service as a whole.
  for (const id of [...state.touched.keys()]) judgeFlapping(state, id, logged.time);
  // In this order: who is let out of quarantine relieves whoever was kept as the last.
  pardon(state, logged.time);
  relieve(state, logged.time);
  arrange(state, logged.time, { whole: logged.event.type === 'configured' });
  const transitions: Transition[] = [];
  for (const [instance, { state: from }] of state.touched) {
    const to = state.instances.get(instance)?.state ?? 'gone';
    if (from !== to) transitions.push({ instance, from, to, time: logged.time, cause: logged.id });
  }
  return transitions;
}

function apply(state: FoldState, event: ServiceEvent, at: number): void {
  switch (event.type) {
    case 'configured':
      return configure(state, effectiveConfig(event.config), at);
    case 'unconfigured':
      state.service = { ...state.service, config: null };
      return retime(state, at);
    case 'complete':
      state.service = { ...state.service, complete: true };
      return;
    case 'registered':
    case 'changed':
      return hear(state, event.instance, event.znode, event.said, at);
    case 'deregistered':
      return deregister(state, event, at);
    case 'health':
      for (const { instance, from, to } of event.verdicts) {
        // Of one that is forgotten there is nothing to be kept.
        if (!state.instances.get(instance)) continue;
        send(state, instance, { type: 'health', at, proxy: event.proxy, from, to });
        settle(state, instance, at);
      }
      return;
    case 'cordoned':
      return cordon(state, event, at);
    case 'uncordoned':
      // Of one that nobody has heard of there is nothing to take back, nor to remember.
      if (state.instances.get(event.instance)) send(state, event.instance, { type: 'uncordon', at });
      return;
    case 'released':
    case 'trusted':
      return release(state, at);
    case 'backwards':
      return freeze(state, at);
    case 'rebuilt':
      return forgetAll(state);
    case 'timer':
      if (event.instance === null) return ring(state, event.token, at);
      if (event.timer !== 'guard') send(state, event.instance, { type: 'timer', at, timer: event.timer, token: event.token });
      return;
    default:
      return unreachable(event, 'event');
  }
}

function configure(state: FoldState, config: ServiceConfig, at: number): void {
  rename(state, state.service.config?.path ?? null, config.path, at);
  state.service = { ...state.service, config };
  retime(state, at);
  const scale = scaleOf(config);
  // Who may not be used goes before others come: the guard must not count both.
  const { out = [], others = [] } = Object.groupBy([...state.instances.keys()].sort(), (id) =>
    mayBe(state, config, id) ? 'others' : 'out',
  );
  const ids = [...out, ...others];
  for (const id of ids) {
    const snapshot = state.instances.get(id);
    if (!snapshot) continue;
    const { offered, registration } = snapshot.context;
    if (snapshot.state !== 'gone' && snapshot.context.scale !== scale) send(state, id, { type: 'scale', at, scale });
    if (snapshot.state !== 'gone') place(state, id, at);
    settle(state, id, at);
    if (!isBacked(snapshot)) continue;
    if (offered !== null) hear(state, id, null, { registration: offered }, at);
    else if (registration !== null) {
      // Its last good form is in use, and may be forbidden now.
      const rejection = judge(state.service, snapshot, registration);
      if (rejection !== null) send(state, id, { type: 'reject', at, znode: null, offered: null, rejection, keep: false });
    }
  }
}

/** Whether what it says may be used, whoever else there is. */
function mayBe(state: FoldState, config: ServiceConfig, id: InstanceId): boolean {
  const { offered = null, registration = null } = state.instances.get(id)?.context ?? {};
  const said = offered ?? registration;
  return said === null || forbidden(config, said) === null;
}

/** Nothing of what was before is known any more: what follows tells it again. A replay's only: where it is appended, all that is stored is forgotten. */
function forgetAll(state: FoldState): void {
  for (const [id, snapshot] of state.instances) {
    if (snapshot !== null) state.touched.set(id, snapshot);
    state.instances.set(id, null);
  }
  for (const key of state.addresses.keys()) state.addresses.set(key, null);
  state.service = newService();
}

/** Also of an instance that is not there: it is out when it comes. */
function cordon(state: FoldState, event: Extract<ServiceEvent, { type: 'cordoned' }>, at: number): void {
  const { instance, by, reason, until } = event;
  const { cordoned } = state.service;
  if (cordoned.length >= CORDONED_MAX && !cordoned.includes(instance)) return;
  send(state, instance, { type: 'cordon', at, by, reason, until });
}
