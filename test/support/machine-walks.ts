/**
 * The machines as graphs to walk: which events the fold could send in a state, and the facts that tell one state from another (those that guards read).
 * Deadlines are marked by `rings`: a walk answers the one that its own snapshot waits for.
 */
import type { AnyStateMachine } from 'xstate';
import { type BackendSnapshot, backendMachine, newBackend } from '../../machines/backend.ts';
import { type GuardSnapshot, guardMachine, newGuard } from '../../machines/guard.ts';
import { type InstanceSnapshot, instanceMachine, newInstance } from '../../machines/instance.ts';
import { isQuarantined } from '../../machines/projection.ts';
import type { MachineSnapshot } from '../../machines/snapshot.ts';
import {
  brokenOfBackend,
  brokenOfBackendStep,
  brokenOfGuard,
  brokenOfGuardStep,
  brokenOfInstance,
  brokenOfInstanceStep,
} from './machine-invariants.ts';

export type Snapshot = MachineSnapshot<string, object>;

export interface WalkEvent {
  readonly type: string;
  readonly at: number;
  /** The name of the deadline that it answers. */
  readonly rings?: string;
  readonly [field: string]: unknown;
}

export interface Walk {
  readonly name: string;
  readonly machine: AnyStateMachine;
  readonly input: unknown;
  readonly start: Snapshot;
  readonly events: (snapshot: Snapshot) => readonly WalkEvent[];
  /** All that guards and the fold tell apart: the shortest way to each is walked. */
  readonly facts: (snapshot: Snapshot) => string;
  /** So little of it that all simple paths can be walked. */
  readonly few: (snapshot: Snapshot) => string;
  readonly deadlines: (snapshot: Snapshot) => Readonly<Record<string, { readonly token: number }>>;
  readonly broken: (before: Snapshot, after: Snapshot, at: number) => readonly string[];
  /** Ways that no path can take, because an invariant forbids them: what is said of all states holds for these in vain. */
  readonly closed: readonly string[];
}

const AT = 1_000;
const REJECTION = { code: 'bad-data', detail: 'no JSON' };

function znode(name: string): object {
  return { name, czxid: '1', mzxid: '1', version: 0 };
}

function instanceEvents({ state, context }: InstanceSnapshot): readonly WalkEvent[] {
  const offered = { host: '10.0.0.1', address: '10.0.0.1', port: 80, weight: 3, labels: {} };
  const names = Object.keys(context.znodes);
  const from = context.witnesses[0]?.verdict ?? 'absent';
  const accept = { type: 'accept', at: AT, znode: znode('a'), offered, serverId: 7, warm: { of: 3, every: 10 } };
  const last = names.length <= 1 ? (names[0] ?? null) : undefined;
  return [
    accept,
    { ...accept, znode: znode('b') },
    { ...accept, warm: null },
    { type: 'reject', at: AT, znode: znode('a'), offered: null, rejection: REJECTION, keep: true },
    { type: 'reject', at: AT, znode: znode('a'), offered, rejection: REJECTION, keep: false },
    // The fold sends `unback` while another znode stands, and otherwise only to whom it makes no difference.
    ...(names.length > 1 || names.length === 0 ? [{ type: 'unback', at: AT, znode: 'b' }] : []),
    ...(last === undefined ? [] : [{ type: 'lose', at: AT, znode: last, drainTimeout: 100 }]),
    ...(last === undefined ? [] : [{ type: 'hold', at: AT, znode: last }]),
    ...(['up', 'down', 'absent'] as const).map((to) => ({ type: 'health', at: AT, proxy: 'p', from, to })),
    { type: 'cordon', at: AT, by: 'me', reason: 'why', until: null },
    { type: 'cordon', at: AT, by: 'me', reason: 'why', until: 9_000 },
    { type: 'uncordon', at: AT },
    // The fold asks only for one that is not in quarantine.
    ...(isQuarantined({ schema: 0, state, context }) ? [] : [{ type: 'quarantine', at: AT, shortest: 100 }]),
    { type: 'pardon', at: AT },
    { type: 'scale', at: AT, scale: 10 },
    { type: 'place', at: AT, place: { far: true } },
    { type: 'withdraw', at: AT, had: { weight: 3, at: AT }, stays: true },
    { type: 'tier', at: AT, path: '/a', tier: 1, behind: true },
    { type: 'rename', at: AT, below: '/a' },
    ...Object.entries(context.timers).map(([timer, { token }]) => ({ type: 'timer', at: AT, timer, token, rings: timer })),
  ];
}

/** What moves the state; the rest runs beside it. */
const LIFE = ['accept', 'reject', 'unback', 'lose', 'hold', 'health'];

const instance: Walk = {
  name: 'instance',
  machine: instanceMachine,
  input: { id: '10.0.0.1:80' },
  start: newInstance('10.0.0.1:80'),
  events: (snapshot) => instanceEvents(snapshot as InstanceSnapshot),
  facts: (snapshot) => {
    const { state, context } = snapshot as InstanceSnapshot;
    const { timers, znodes, rejection, cordon, warm, witnesses } = context;
    return JSON.stringify([
      state,
      Object.keys(znodes).length,
      rejection !== null,
      cordon !== null,
      isQuarantined({ schema: 0, state, context }),
      warm === null ? null : warm.step,
      witnesses[0]?.verdict ?? null,
      Object.keys(timers).sort(),
    ]);
  },
  few: (snapshot) => {
    const { state, context } = snapshot as InstanceSnapshot;
    return `${state} ${context.health.up} ${context.rejection !== null}`;
  },
  deadlines: (snapshot) => (snapshot as InstanceSnapshot).context.timers,
  broken: (before, after, at) => [
    ...brokenOfInstance(after as InstanceSnapshot),
    ...brokenOfInstanceStep(before as InstanceSnapshot, after as InstanceSnapshot, at),
  ],
  // M6: no warm-up is armed in `gone`.
  closed: ['gone timer 2', 'gone timer 3'],
};

/** Losses of whatever time count together, and a count is remembered for as long: the walks are about order and not about time. */
const GUARD = { maxLoss: 0.5, window: 1e9, hold: 1e9 };
const NAMES = ['a:1', 'b:1', 'c:1'];

function guardEvents({ context }: GuardSnapshot): readonly WalkEvent[] {
  const of = (type: string, more: object = {}): WalkEvent => ({ type, at: AT, config: GUARD, ...more });
  const lost = new Set(context.losses.map((loss) => loss.instance));
  return [
    of('count', { count: 2 }),
    of('count', { count: 4 }),
    ...NAMES.filter((name) => !lost.has(name)).map((name) => of('loss', { instance: name })),
    ...[...lost].map((name) => of('return', { instance: name })),
    ...[...lost].map((name) => of('settle', { instance: name })),
    of('freeze'),
    of('release'),
    ...(context.timer === null ? [] : [of('timer', { token: context.timer.token, rings: 'guard' })]),
  ];
}

const guard: Walk = {
  name: 'guard',
  machine: guardMachine,
  input: undefined,
  start: newGuard(),
  events: (snapshot) => guardEvents(snapshot as GuardSnapshot),
  facts: (snapshot) => {
    const { state, context } = snapshot as GuardSnapshot;
    return JSON.stringify([state, context.losses.map((loss) => loss.instance), Math.max(0, ...context.peaks.map((peak) => peak.count))]);
  },
  few: (snapshot) => {
    const { state, context } = snapshot as GuardSnapshot;
    const lost = context.losses.map((loss) => loss.instance);
    return `${state} ${lost.join('')} ${Math.max(0, ...context.peaks.map((peak) => peak.count))}`;
  },
  deadlines: (snapshot) => {
    const { timer } = (snapshot as GuardSnapshot).context;
    return timer === null ? {} : { guard: timer };
  },
  broken: (before, after, at) => [
    ...brokenOfGuard(after as GuardSnapshot),
    ...brokenOfGuardStep(before as GuardSnapshot, after as GuardSnapshot, at),
  ],
  closed: [],
};

const BACKEND_EVENTS: readonly WalkEvent[] = [
  { type: 'patching', at: AT, found: false },
  { type: 'patching', at: AT, found: true },
  { type: 'synced', at: AT, revision: 3 },
  { type: 'drifted', at: AT, detail: 'weight' },
  { type: 'reload-wanted', at: AT, detail: 'a new backend' },
  { type: 'reloading', at: AT },
  { type: 'reloaded', at: AT },
  { type: 'blocked', at: AT, detail: 'refused', nextTry: 9_000 },
  { type: 'unreachable', at: AT, detail: 'no answer', nextTry: 9_000 },
];

const backend: Walk = {
  name: 'backend',
  machine: backendMachine,
  input: undefined,
  start: newBackend(),
  events: () => BACKEND_EVENTS,
  facts: (snapshot) => {
    const { state, context } = snapshot as BackendSnapshot;
    return JSON.stringify([state, context.revision, context.detail, context.nextTry]);
  },
  few: ({ state }) => state,
  deadlines: () => ({}),
  broken: (before, after, at) => [
    ...brokenOfBackend(after as BackendSnapshot),
    ...brokenOfBackendStep(before as BackendSnapshot, after as BackendSnapshot, at),
  ],
  closed: [],
};

export const WALKS: readonly Walk[] = [instance, guard, backend];

/** Whether the event is one of those that move an instance from state to state; of the other machines all are. */
export function isOfLife({ type, rings }: WalkEvent, name: string): boolean {
  return name !== 'instance' || LIFE.includes(type) || rings === 'drain';
}
