/**
 * PURE. The life of one instance of a service: joining -> serving -> draining -> gone, with held (it is kept although its registration ended) and
 * rejected (its registration cannot be used). It ends with the last of its znodes. Beside that, whatever its state: an operator's cordon, a
 * quarantine for flapping, health by count of proxies, the warm-up of its weight. Whether a loss is believed, and whether flapping has to end in
 * quarantine, is decided over the whole service (fold.ts) and comes in with the event. Time comes in as `at`, in ms.
 */
import { assign, setup } from 'xstate';
import type { InstanceId } from '../shared/model/ids.ts';
import {
  armed,
  counted,
  disarmed,
  type InstanceContext,
  newContext,
  noted,
  quarantined,
  renamedZnodes,
  withoutZnode,
  withZnode,
} from './instance-context.ts';
import { given, type InstanceEvent, isCurrent } from './instance-event.ts';
import { begin, type MachineSnapshot, step } from './snapshot.ts';

/** 2: cordon, quarantine, warm-up, timers by name. */
export const INSTANCE_SCHEMA = 2;

export type InstanceState = 'joining' | 'serving' | 'held' | 'draining' | 'rejected' | 'gone';
export type InstanceSnapshot = MachineSnapshot<InstanceState, InstanceContext>;

const machine = setup({
  types: { context: {} as InstanceContext, events: {} as InstanceEvent, input: {} as { id: InstanceId } },
  guards: {
    seenUp: ({ context }) => context.health.up > 0,
    turnsUp: ({ event }) => event.type === 'health' && event.to === 'up',
    keepsLastGoodSeenUp: ({ context, event }) =>
      event.type === 'reject' && event.keep && context.registration !== null && context.health.up > 0,
    keepsLastGood: ({ context, event }) => event.type === 'reject' && event.keep && context.registration !== null,
    drained: ({ context, event }) => isCurrent(context, event, 'drain'),
    cordonEnds: ({ context, event }) => isCurrent(context, event, 'cordon'),
    quarantineEnds: ({ context, event }) => isCurrent(context, event, 'quarantine'),
    warmEnds: ({ context, event }) =>
      isCurrent(context, event, 'warm') && context.warm !== null && context.warm.step + 1 >= context.warm.of,
    warms: ({ context, event }) => isCurrent(context, event, 'warm') && context.warm !== null,
  },
  actions: {
    enter: assign(({ event }) => ({ since: event.at })),
    accept: assign((args) => {
      const { context, event } = given(args, 'accept');
      return {
        znodes: withZnode(context.znodes, event.znode),
        offered: event.offered,
        registration: event.offered,
        rejection: null,
        serverId: context.serverId ?? event.serverId,
      };
    }),
    reject: assign((args) => {
      const { context, event } = given(args, 'reject');
      return { znodes: withZnode(context.znodes, event.znode), offered: event.offered, rejection: event.rejection };
    }),
    /** A new instance, or one that was away: it takes its share of the traffic step by step. */
    cool: assign((args) => {
      const { context, event } = given(args, 'accept');
      // A warm-up that was broken off is not gone on with: its deadline would ring before there is traffic, or for ever where there is no warm-up now.
      return { warm: event.warm === null ? null : { step: 1, ...event.warm }, timers: disarmed(context, 'warm') };
    }),
    warm: assign(({ context, event }) => (context.warm === null ? {} : armed(context, 'warm', event.at + context.warm.every))),
    warmMore: assign(({ context, event }) => {
      const { warm } = context;
      return warm === null ? {} : { warm: { ...warm, step: warm.step + 1 }, ...armed(context, 'warm', event.at + warm.every) };
    }),
    warmed: assign(({ context }) => ({ warm: null, timers: disarmed(context, 'warm') })),
    forget: assign({ registration: null }),
    unback: assign((args) => {
      const { context, event } = given(args, 'unback', 'lose', 'hold');
      return event.znode === null ? {} : { znodes: withoutZnode(context.znodes, event.znode) };
    }),
    unreject: assign({ rejection: null }),
    arm: assign((args) => {
      const { context, event } = given(args, 'lose');
      return { ...armed(context, 'drain', event.at + event.drainTimeout), stays: undefined };
    }),
    disarm: assign(({ context }) => ({ timers: disarmed(context, 'drain') })),
    count: assign((args) => {
      const { context, event } = given(args, 'health');
      return counted(context, event);
    }),
    flap: assign(({ context, event }) => ({ flap: { ...context.flap, recent: noted(context.flap.recent, event.at) } })),
    cordon: assign((args) => {
      const { context, event } = given(args, 'cordon');
      const { by, reason, at, until } = event;
      return {
        cordon: { by, reason, at },
        ...(until === null ? { timers: disarmed(context, 'cordon') } : armed(context, 'cordon', until)),
      };
    }),
    uncordon: assign(({ context }) => ({ cordon: null, timers: disarmed(context, 'cordon') })),
    quarantine: assign((args) => {
      const { context, event } = given(args, 'quarantine');
      return quarantined(context, event.at, event.shortest);
    }),
    unquarantine: assign(({ context }) => ({
      quarantine: context.quarantine && { ...context.quarantine, over: true },
      timers: disarmed(context, 'quarantine'),
    })),
    scale: assign((args) => ({ scale: given(args, 'scale').event.scale })),
    place: assign((args) => {
      const { far, backup, weight, maxConn } = given(args, 'place').event.place;
      return { far, backup, weight, maxConn };
    }),
    withdraw: assign((args) => {
      const { had, stays } = given(args, 'withdraw').event;
      return { had, stays };
    }),
    tier: assign((args) => {
      const { path, tier, behind } = given(args, 'tier').event;
      return { path: path ?? undefined, tier: tier === 0 ? undefined : tier, behind: behind ? (true as const) : undefined };
    }),
    rename: assign((args) => {
      const { context, event } = given(args, 'rename');
      return { znodes: renamedZnodes(context.znodes, event.below) };
    }),
    /** What outlives it: its server id, who cordoned it, how it flapped, and what proxies still say of its server, until they have none. */
    end: assign(({ context }) => ({
      rejection: null,
      offered: null,
      registration: null,
      warm: null,
      had: undefined,
      stays: undefined,
      path: undefined,
      tier: undefined,
      behind: undefined,
      flap: { ...context.flap, verdict: null },
      timers: disarmed({ ...context, timers: disarmed(context, 'drain') }, 'warm'),
    })),
  },
}).createMachine({
  id: 'instance',
  initial: 'gone',
  options: { maxIterations: 1000 },
  context: ({ input }) => newContext(input.id),
  on: {
    health: { actions: 'count' },
    cordon: { actions: 'cordon' },
    uncordon: { actions: 'uncordon' },
    quarantine: { actions: 'quarantine' },
    pardon: { actions: 'unquarantine' },
    scale: { actions: 'scale' },
    place: { actions: 'place' },
    withdraw: { actions: 'withdraw' },
    tier: { actions: 'tier' },
    rename: { actions: 'rename' },
    timer: [
      { guard: 'cordonEnds', actions: 'uncordon' },
      { guard: 'quarantineEnds', actions: 'unquarantine' },
      { guard: 'warmEnds', actions: 'warmed' },
      { guard: 'warms', actions: 'warmMore' },
    ],
  },
  states: {
    joining: {
      on: {
        accept: { actions: 'accept' },
        reject: [
          { guard: 'keepsLastGood', actions: 'reject' },
          { target: 'rejected', actions: ['reject', 'forget', 'enter'] },
        ],
        unback: { actions: 'unback' },
        lose: { target: 'draining', actions: ['unback', 'unreject', 'arm', 'flap', 'enter'] },
        hold: { target: 'held', actions: ['unback', 'unreject', 'flap', 'enter'] },
        health: [{ guard: 'turnsUp', target: 'serving', actions: ['count', 'warm', 'enter'] }, { actions: 'count' }],
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
        lose: { target: 'draining', actions: ['unback', 'unreject', 'arm', 'flap', 'enter'] },
        hold: { target: 'held', actions: ['unback', 'unreject', 'flap', 'enter'] },
      },
    },
    held: {
      on: {
        accept: [
          { guard: 'seenUp', target: 'serving', actions: ['accept', 'warm', 'flap', 'enter'] },
          { target: 'joining', actions: ['accept', 'flap', 'enter'] },
        ],
        reject: [
          { guard: 'keepsLastGoodSeenUp', target: 'serving', actions: ['reject', 'warm', 'enter'] },
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
          { guard: 'seenUp', target: 'serving', actions: ['accept', 'disarm', 'warm', 'flap', 'enter'] },
          { target: 'joining', actions: ['accept', 'disarm', 'flap', 'enter'] },
        ],
        reject: [
          { guard: 'keepsLastGoodSeenUp', target: 'serving', actions: ['reject', 'disarm', 'warm', 'enter'] },
          { guard: 'keepsLastGood', target: 'joining', actions: ['reject', 'disarm', 'enter'] },
          { target: 'rejected', actions: ['reject', 'forget', 'disarm', 'enter'] },
        ],
        unback: { actions: 'unback' },
        hold: { target: 'held', actions: ['unback', 'disarm', 'enter'] },
        timer: { guard: 'drained', target: 'gone', actions: ['end', 'enter'] },
      },
    },
    rejected: {
      on: {
        accept: { target: 'joining', actions: ['accept', 'cool', 'enter'] },
        reject: { actions: 'reject' },
        unback: { actions: 'unback' },
        lose: { target: 'gone', actions: ['unback', 'end', 'enter'] },
      },
    },
    gone: {
      on: {
        accept: [
          // A proxy has its server still, and sees it up.
          { guard: 'seenUp', target: 'serving', actions: ['accept', 'flap', 'enter'] },
          { target: 'joining', actions: ['accept', 'cool', 'flap', 'enter'] },
        ],
        reject: { target: 'rejected', actions: ['reject', 'enter'] },
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
