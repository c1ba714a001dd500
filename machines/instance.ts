/**
 * PURE. The life of one instance of a service: joining -> serving -> draining -> gone, with held (the guard keeps it although its
 * registration ended) and rejected (its registration cannot be used). It ends with the last of its znodes.
 * Whether a loss is believed is the guard's decision; it comes in with the event. Time comes in as `at`, in ms.
 */
import { assign, setup } from 'xstate';
import type { Verdict } from '../shared/model/event.ts';
import type { InstanceId, ProxyId } from '../shared/model/ids.ts';
import type { Registration, Rejection, Znode } from '../shared/model/registration.ts';
import { begin, type MachineSnapshot, step } from './snapshot.ts';

export const INSTANCE_SCHEMA = 1;
/** Proxies named in a snapshot as witnesses of health; every verdict lives with its proxy. */
export const WITNESSES_MAX = 16;

export type InstanceState = 'joining' | 'serving' | 'held' | 'draining' | 'rejected' | 'gone';

export interface Witness {
  readonly proxy: ProxyId;
  readonly verdict: Verdict;
  readonly since: number;
}

export interface InstanceContext {
  readonly id: InstanceId;
  /** HAProxy's server id; null until the instance is first accepted, then kept. */
  readonly serverId: number | null;
  /** The znodes that back it, by name. */
  readonly znodes: Readonly<Record<string, Znode>>;
  /** The last well-formed thing that was said, whether policy accepts it or not. */
  readonly offered: Registration | null;
  /** The last accepted one: what proxies are given. */
  readonly registration: Registration | null;
  readonly rejection: Rejection | null;
  /** How many proxies say what. */
  readonly health: { readonly up: number; readonly down: number; readonly unknown: number };
  readonly witnesses: readonly Witness[];
  /** When the present state was entered. */
  readonly since: number;
  /** The deadline of a drain; the token tells it from those of earlier drains. */
  readonly timer: { readonly at: number; readonly token: number } | null;
  /** The last token given out. */
  readonly token: number;
}

export type InstanceSnapshot = MachineSnapshot<InstanceState, InstanceContext>;

export type InstanceEvent =
  | { type: 'accept'; at: number; znode: Znode | null; offered: Registration; serverId: number }
  /** keep: bad data leaves the last good form in use; what policy forbids does not stay. */
  | { type: 'reject'; at: number; znode: Znode | null; offered: Registration | null; rejection: Rejection; keep: boolean }
  /** One of several znodes went, or a znode of an instance that serves nobody. */
  | { type: 'unback'; at: number; znode: string }
  /** The last znode went, and the loss is believed. */
  | { type: 'lose'; at: number; znode: string | null; drainTimeout: number }
  /** The last znode went, or a drain is undone, and the guard keeps it. */
  | { type: 'hold'; at: number; znode: string | null }
  | { type: 'health'; at: number; proxy: ProxyId; from: Verdict; to: Verdict }
  | { type: 'timer'; at: number; token: number };

const machine = setup({
  types: {
    context: {} as InstanceContext,
    events: {} as InstanceEvent,
    input: {} as { id: InstanceId },
  },
  guards: {
    seenUp: ({ context }) => context.health.up > 0,
    turnsUp: ({ event }) => event.type === 'health' && event.to === 'up',
    keepsLastGoodSeenUp: ({ context, event }) =>
      event.type === 'reject' && event.keep && context.registration !== null && context.health.up > 0,
    keepsLastGood: ({ context, event }) => event.type === 'reject' && event.keep && context.registration !== null,
    isCurrent: ({ context, event }) => event.type === 'timer' && context.timer?.token === event.token,
  },
  actions: {
    enter: assign(({ event }) => ({ since: event.at })),
    accept: assign(({ context, event }) => {
      if (event.type !== 'accept') return {};
      return {
        znodes: withZnode(context.znodes, event.znode),
        offered: event.offered,
        registration: event.offered,
        rejection: null,
        serverId: context.serverId ?? event.serverId,
      };
    }),
    reject: assign(({ context, event }) => {
      if (event.type !== 'reject') return {};
      return { znodes: withZnode(context.znodes, event.znode), offered: event.offered, rejection: event.rejection };
    }),
    forget: assign({ registration: null }),
    unback: assign(({ context, event }) =>
      'znode' in event && typeof event.znode === 'string' ? { znodes: withoutZnode(context.znodes, event.znode) } : {},
    ),
    unreject: assign({ rejection: null }),
    arm: assign(({ context, event }) => {
      if (event.type !== 'lose') return {};
      const token = context.token + 1;
      return { token, timer: { at: event.at + event.drainTimeout, token } };
    }),
    disarm: assign({ timer: null }),
    count: assign(({ context, event }) => (event.type === 'health' ? counted(context, event) : {})),
    end: assign({ rejection: null, offered: null, registration: null, health: { up: 0, down: 0, unknown: 0 }, witnesses: [] }),
  },
}).createMachine({
  id: 'instance',
  initial: 'gone',
  options: { maxIterations: 1000 },
  context: ({ input }) => ({
    id: input.id,
    serverId: null,
    znodes: {},
    offered: null,
    registration: null,
    rejection: null,
    health: { up: 0, down: 0, unknown: 0 },
    witnesses: [],
    since: 0,
    timer: null,
    token: 0,
  }),
  on: { health: { actions: 'count' } },
  states: {
    joining: {
      on: {
        accept: { actions: 'accept' },
        reject: [
          { guard: 'keepsLastGood', actions: 'reject' },
          { target: 'rejected', actions: ['reject', 'forget', 'enter'] },
        ],
        unback: { actions: 'unback' },
        lose: { target: 'draining', actions: ['unback', 'unreject', 'arm', 'enter'] },
        hold: { target: 'held', actions: ['unback', 'unreject', 'enter'] },
        health: [{ guard: 'turnsUp', target: 'serving', actions: ['count', 'enter'] }, { actions: 'count' }],
      },
    },
    serving: {
      on: {
        accept: { actions: 'accept' },
        reject: [
          { guard: 'keepsLastGood', actions: 'reject' },
          { target: 'rejected', actions: ['reject', 'forget', 'enter'] },
        ],
        unback: { actions: 'unback' },
        lose: { target: 'draining', actions: ['unback', 'unreject', 'arm', 'enter'] },
        hold: { target: 'held', actions: ['unback', 'unreject', 'enter'] },
      },
    },
    held: {
      on: {
        accept: [
          { guard: 'seenUp', target: 'serving', actions: ['accept', 'enter'] },
          { target: 'joining', actions: ['accept', 'enter'] },
        ],
        reject: [
          { guard: 'keepsLastGoodSeenUp', target: 'serving', actions: ['reject', 'enter'] },
          { guard: 'keepsLastGood', target: 'joining', actions: ['reject', 'enter'] },
          { target: 'rejected', actions: ['reject', 'forget', 'enter'] },
        ],
        unback: { actions: 'unback' },
        lose: { target: 'draining', actions: ['unback', 'unreject', 'arm', 'enter'] },
      },
    },
    draining: {
      on: {
        accept: [
          { guard: 'seenUp', target: 'serving', actions: ['accept', 'disarm', 'enter'] },
          { target: 'joining', actions: ['accept', 'disarm', 'enter'] },
        ],
        reject: [
          { guard: 'keepsLastGoodSeenUp', target: 'serving', actions: ['reject', 'disarm', 'enter'] },
          { guard: 'keepsLastGood', target: 'joining', actions: ['reject', 'disarm', 'enter'] },
          { target: 'rejected', actions: ['reject', 'forget', 'disarm', 'enter'] },
        ],
        unback: { actions: 'unback' },
        hold: { target: 'held', actions: ['unback', 'disarm', 'enter'] },
        timer: { guard: 'isCurrent', target: 'gone', actions: ['disarm', 'end', 'enter'] },
      },
    },
    rejected: {
      on: {
        accept: { target: 'joining', actions: ['accept', 'enter'] },
        reject: { actions: 'reject' },
        unback: { actions: 'unback' },
        lose: { target: 'gone', actions: ['unback', 'end', 'enter'] },
      },
    },
    gone: {
      on: {
        accept: { target: 'joining', actions: ['accept', 'enter'] },
        reject: { target: 'rejected', actions: ['reject', 'enter'] },
        health: {},
      },
    },
  },
});

export const instanceMachine = machine;

const unheardOf = begin<InstanceState, InstanceContext>(machine, INSTANCE_SCHEMA, { id: '' });

export function newInstance(id: InstanceId): InstanceSnapshot {
  return { ...unheardOf, context: { ...unheardOf.context, id } };
}

export function stepInstance(snapshot: InstanceSnapshot, event: InstanceEvent): InstanceSnapshot {
  return step(machine, snapshot, event);
}

function withZnode(znodes: InstanceContext['znodes'], znode: Znode | null): InstanceContext['znodes'] {
  return znode === null ? znodes : { ...znodes, [znode.name]: znode };
}

function withoutZnode(znodes: InstanceContext['znodes'], name: string): InstanceContext['znodes'] {
  const { [name]: _gone, ...rest } = znodes;
  return rest;
}

function counted(context: InstanceContext, event: { at: number; proxy: ProxyId; from: Verdict; to: Verdict }): Partial<InstanceContext> {
  const health = { ...context.health };
  if (event.from !== 'absent') health[event.from] = Math.max(0, health[event.from] - 1);
  if (event.to !== 'absent') health[event.to] += 1;
  const others = context.witnesses.filter((witness) => witness.proxy !== event.proxy);
  const witnesses =
    event.to === 'absent' ? others : [{ proxy: event.proxy, verdict: event.to, since: event.at }, ...others].slice(0, WITNESSES_MAX);
  return { health, witnesses };
}
