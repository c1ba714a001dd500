/** The table that production follows is XState's `transition` on every path: same state, same context, and the same events that change nothing. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AnyStateMachine, assign, setup, transition } from 'xstate';
import { type BackendEvent, backendMachine, newBackend } from '../../machines/backend.ts';
import { type CheckEvent, checkMachine, newCheck } from '../../machines/check.ts';
import { guardMachine, newGuard } from '../../machines/guard.ts';
import { instanceMachine, newInstance } from '../../machines/instance.ts';
import type { InstanceEvent } from '../../machines/instance-event.ts';
import { type MachineSnapshot, step } from '../../machines/snapshot.ts';
import { tableOf, type Way } from '../../machines/table.ts';
import { canonical } from '../../shared/model/canonical.ts';
import type { Registration, Znode } from '../../shared/model/registration.ts';
import { runs } from '../support/property.ts';

type Snapshot = MachineSnapshot<string, object>;
type Event = { readonly type: string };

function byXstate(machine: AnyStateMachine, snapshot: Snapshot, event: Event): Snapshot {
  const before = machine.resolveState({ value: snapshot.state, context: snapshot.context });
  const [after] = transition(machine, before, event);
  return { schema: snapshot.schema, state: after.value as string, context: after.context };
}

const at = fc.nat(100_000);
const token = fc.nat(3);
const znode: fc.Arbitrary<Znode | null> = fc
  .constantFrom('a', 'b', null)
  .map((name) => name && { name, czxid: '1', mzxid: '1', version: 0 });
const znodeName: fc.Arbitrary<string | null> = fc.constantFrom('a', 'b', null);
const offered: fc.Arbitrary<Registration> = fc
  .nat(2)
  .map((weight) => ({ host: '10.0.0.1', address: '10.0.0.1', port: 80, weight, labels: {} }));
const offeredOrNot: fc.Arbitrary<Registration | null> = fc.oneof(offered, fc.constant(null));
const detail = fc.constantFrom('this', 'that');
const nextTry: fc.Arbitrary<number | null> = fc.oneof(at, fc.constant(null));
const warm: fc.Arbitrary<{ of: number; every: number } | null> = fc.constantFrom({ of: 3, every: 10 }, null);
const verdict = fc.constantFrom('absent' as const, 'unknown' as const, 'up' as const, 'down' as const);

const instanceEvents: Record<InstanceEvent['type'], fc.Arbitrary<InstanceEvent>> = {
  accept: fc.record({ type: fc.constant('accept' as const), at, znode, offered, serverId: fc.integer({ min: 1, max: 3 }), warm }),
  reject: fc.record({
    type: fc.constant('reject' as const),
    at,
    znode,
    offered: offeredOrNot,
    rejection: fc.constant({ code: 'bad-port' as const, detail: 'no' }),
    keep: fc.boolean(),
  }),
  unback: fc.record({ type: fc.constant('unback' as const), at, znode: fc.constantFrom('a', 'b') }),
  lose: fc.record({ type: fc.constant('lose' as const), at, znode: znodeName, drainTimeout: fc.nat(100) }),
  hold: fc.record({ type: fc.constant('hold' as const), at, znode: znodeName }),
  health: fc.record({ type: fc.constant('health' as const), at, proxy: fc.constantFrom('p', 'q'), from: verdict, to: verdict }),
  cordon: fc.record({ type: fc.constant('cordon' as const), at, by: detail, reason: detail, until: nextTry }),
  uncordon: fc.record({ type: fc.constant('uncordon' as const), at }),
  quarantine: fc.record({ type: fc.constant('quarantine' as const), at, shortest: fc.nat(100) }),
  pardon: fc.record({ type: fc.constant('pardon' as const), at }),
  scale: fc.record({ type: fc.constant('scale' as const), at, scale: fc.constantFrom(1, 10) }),
  place: fc.record({ type: fc.constant('place' as const), at, place: fc.constantFrom({}, { far: true as const }, { weight: 3 }) }),
  withdraw: fc.record({
    type: fc.constant('withdraw' as const),
    at,
    had: fc.constantFrom(undefined, { weight: 3, at: 1 }),
    stays: fc.constantFrom(undefined, true as const),
  }),
  tier: fc.record({
    type: fc.constant('tier' as const),
    at,
    path: fc.constantFrom('/a', '/b', null),
    tier: fc.nat(2),
    behind: fc.boolean(),
  }),
  rename: fc.record({ type: fc.constant('rename' as const), at, below: fc.constant('/a') }),
  timer: fc.record({
    type: fc.constant('timer' as const),
    at,
    timer: fc.constantFrom('drain' as const, 'cordon' as const, 'quarantine' as const, 'warm' as const),
    token,
  }),
};

const config = fc.record({ maxLoss: fc.constantFrom(0, 0.5, 1), window: fc.nat(20_000), hold: fc.integer({ min: 1, max: 50_000 }) });
const instance = fc.constantFrom('a:1', 'b:1', 'c:1', 'd:1');
const guardEvents = {
  count: fc.record({ type: fc.constant('count' as const), at, config, count: fc.nat(8) }),
  loss: fc.record({ type: fc.constant('loss' as const), at, config, instance }),
  return: fc.record({ type: fc.constant('return' as const), at, config, instance }),
  settle: fc.record({ type: fc.constant('settle' as const), at, config, instance }),
  freeze: fc.record({ type: fc.constant('freeze' as const), at, config }),
  release: fc.record({ type: fc.constant('release' as const), at, config }),
  timer: fc.record({ type: fc.constant('timer' as const), at, config, token }),
};

const service = fc.constant('inventory');
const backendEvents: Record<BackendEvent['type'], fc.Arbitrary<BackendEvent>> = {
  patching: fc.record({ type: fc.constant('patching' as const), at, found: fc.boolean() }),
  synced: fc.record({ type: fc.constant('synced' as const), at, revision: fc.nat(9) }),
  drifted: fc.record({ type: fc.constant('drifted' as const), at, detail, service }),
  'reload-wanted': fc.record({ type: fc.constant('reload-wanted' as const), at, detail }),
  reloading: fc.record({ type: fc.constant('reloading' as const), at }),
  reloaded: fc.record({ type: fc.constant('reloaded' as const), at }),
  blocked: fc.record({ type: fc.constant('blocked' as const), at, detail, nextTry }),
  unreachable: fc.record({ type: fc.constant('unreachable' as const), at, detail, nextTry }),
};

const checkEvents: Record<CheckEvent['type'], fc.Arbitrary<CheckEvent>> = {
  pass: fc.record({ type: fc.constant('pass' as const), at }),
  fail: fc.record({ type: fc.constant('fail' as const), at, detail }),
};

const MACHINES: ReadonlyArray<{ machine: AnyStateMachine; start: Snapshot; events: Readonly<Record<string, fc.Arbitrary<Event>>> }> = [
  { machine: instanceMachine, start: newInstance('10.0.0.1:80'), events: instanceEvents },
  { machine: guardMachine, start: newGuard(), events: guardEvents },
  { machine: backendMachine, start: newBackend(), events: backendEvents },
  { machine: checkMachine, start: newCheck({ rise: 2, fall: 3 }), events: checkEvents },
];

describe.each(MACHINES)('the table of $machine.id', ({ machine, start, events }) => {
  it('knows every state and every event of the definition, and no more', () => {
    const table = tableOf(machine);
    expect([...table.keys()]).toEqual(Object.keys(machine.root.states));
    const named = new Set([...table.values()].flatMap((ways) => [...ways.keys()]));
    expect([...named].sort()).toEqual(Object.keys(events).sort());
  });

  it('goes where XState goes, step by step, and from every state by every event', () => {
    const visited = new Set<string>();
    const reached = new Map<string, Snapshot[]>([[start.state, [start]]]);
    const compare = (snapshot: Snapshot, event: Event): Snapshot => {
      const mine = step(machine, snapshot, event);
      expect(canonical(mine)).toBe(canonical(byXstate(machine, snapshot, event)));
      if (mine !== snapshot) visited.add(`${snapshot.state} ${event.type}`);
      return mine;
    };
    const any = fc.oneof(...Object.values(events));
    fc.assert(
      fc.property(fc.array(fc.tuple(any, fc.boolean()), { minLength: 20, maxLength: 60 }), (story) => {
        let snapshot = start;
        for (const [told, rings] of story) {
          snapshot = compare(snapshot, rings ? rung(told, snapshot) : told);
          keep(reached, snapshot);
        }
      }),
      runs(500),
    );
    for (const snapshot of [...reached.values()].flat()) {
      for (const arbitrary of Object.values(events)) {
        for (const event of fc.sample(arbitrary, { numRuns: 25, seed: 1 })) {
          compare(snapshot, event);
          compare(snapshot, rung(event, snapshot));
        }
      }
    }
    // The comparison is no proof of what it did not meet: every way that changes something was taken.
    const ways = [...tableOf(machine)].flatMap(([state, byType]) =>
      [...byType].filter(([, list]) => changes(list)).map(([type]) => `${state} ${type}`),
    );
    expect([...visited].sort()).toEqual(ways.sort());
  });
});

/** Some of the snapshots in each state: the latest ones, which have seen most. */
function keep(reached: Map<string, Snapshot[]>, snapshot: Snapshot): void {
  const some = reached.get(snapshot.state) ?? [];
  some.push(snapshot);
  if (some.length > 12) some.shift();
  reached.set(snapshot.state, some);
}

/** A timer that the snapshot waits for: by chance it would hardly ever be met. */
function rung(event: Event, { context }: Snapshot): Event {
  if (event.type !== 'timer') return event;
  const { timer, timers = {} } = context as { timer?: { token: number } | null; timers?: Record<string, { token: number }> };
  if (timer) return Object.assign({ ...event }, { token: timer.token });
  const [name] = [(event as { timer?: string }).timer ?? '', ...Object.keys(timers)].filter((one) => timers[one] !== undefined);
  return name === undefined ? event : Object.assign({ ...event }, { timer: name, token: timers[name]?.token });
}

/** Whether a way that can be taken changes anything: behind the first without a guard none is tried. */
function changes(ways: readonly Way[]): boolean {
  const last = ways.findIndex(({ guard }) => guard === null);
  return ways.slice(0, last < 0 ? ways.length : last + 1).some(({ target, actions }) => target !== null || actions.length > 0);
}

describe('a definition that the table does not know', () => {
  const types = { context: {} as { n: number }, events: {} as { type: 'go' } };
  const made = setup({
    types,
    actions: { more: assign({ n: ({ context }) => context.n + 1 }), act: () => {} },
    guards: { is: () => true },
  });
  const planted: ReadonlyArray<[string, () => AnyStateMachine]> = [
    ['states inside', () => made.createMachine({ context: { n: 0 }, initial: 'a', states: { a: { initial: 'b', states: { b: {} } } } })],
    ['a delayed transition', () => made.createMachine({ context: { n: 0 }, initial: 'a', states: { a: { after: { 5: 'b' } }, b: {} } })],
    ['an entry action', () => made.createMachine({ context: { n: 0 }, initial: 'a', states: { a: { entry: 'act' } } })],
    [
      'always',
      () => made.createMachine({ context: { n: 0 }, initial: 'a', states: { a: { always: { target: 'b', guard: 'is' } }, b: {} } }),
    ],
    [
      'an action that is no assign',
      () => made.createMachine({ context: { n: 0 }, initial: 'a', states: { a: { on: { go: { actions: 'act' } } } } }),
    ],
    [
      'an assign of functions',
      () => made.createMachine({ context: { n: 0 }, initial: 'a', states: { a: { on: { go: { actions: 'more' } } } } }),
    ],
    [
      'a nameless guard',
      () => made.createMachine({ context: { n: 0 }, initial: 'a', states: { a: { on: { go: { guard: () => true, target: 'a' } } } } }),
    ],
    ['a wildcard', () => made.createMachine({ context: { n: 0 }, initial: 'a', states: { a: { on: { '*': 'a' } } } })],
  ];
  it.each(planted)('is refused: %s', (_what, machine) => {
    expect(() => tableOf(machine())).toThrow();
  });
});
