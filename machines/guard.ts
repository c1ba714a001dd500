/**
 * PURE. The guard against mass loss: a loss is a registration that ended and has not come back. When the open losses of `window`
 * are more than floor(maxLoss x the highest count of the last `hold`), none of them is believed: the service is held. A hold ends when
 * the instances are back or seen down, when an operator releases it, or after `hold`, then at a bounded rate. A registry that goes backwards freezes
 * it: then no loss is believed until an operator says so. Every loop ends: each `release` takes one instance off a finite list.
 */
import { assign, setup } from 'xstate';
import type { InstanceId } from '../shared/model/ids.ts';
import type { Guard as GuardConfig } from '../shared/model/service-config.ts';
import { begin, type MachineSnapshot, step } from './snapshot.ts';

/** 2: frozen. */
export const GUARD_SCHEMA = 2;
/** After a hold, this share of the instances may go per minute, and at least one. */
export const RELEASE_SHARE_PER_MINUTE = 0.15;
/** The history of counts is kept in this many slices of `hold`. */
const PEAK_SLICES = 30;

export type GuardState = 'open' | 'holding' | 'releasing' | 'frozen';

interface Loss {
  readonly instance: InstanceId;
  readonly at: number;
  /** Where it was registered, if losses are counted by path too. */
  readonly path?: string;
}

type Peaks = readonly { readonly at: number; readonly count: number }[];

export interface GuardContext {
  /** Believed losses of the last `window` (open), or everything that is held (the other states); oldest first. */
  readonly losses: readonly Loss[];
  /** Highest count of registered instances per slice of time; oldest first. */
  readonly peaks: Peaks;
  /** The same for each path of a service of whose paths only one is active: the loss of that one is a mass loss, however many stand by. */
  readonly paths?: Readonly<Record<string, Peaks>> | undefined;
  readonly timer: { readonly at: number; readonly token: number } | null;
  readonly token: number;
  readonly since: number;
}

export type GuardSnapshot = MachineSnapshot<GuardState, GuardContext>;

export type GuardEvent = { at: number; config: GuardConfig } & (
  | { type: 'count'; count: number; paths?: Readonly<Record<string, number>> }
  /** left: how many losses are known to come at once, this one included (default 1): they are judged together, though they are folded one by one. */
  | { type: 'loss'; instance: InstanceId; left?: number; path?: string }
  /** It is back. */
  | { type: 'return'; instance: InstanceId }
  /** It is held no longer: every proxy that looked sees it down, or it is kept for another reason. */
  | { type: 'settle'; instance: InstanceId }
  /** The registry went backwards: what it misses may only not have been restored. */
  | { type: 'freeze' }
  /** An operator believes it all. */
  | { type: 'release' }
  | { type: 'timer'; token: number }
);

const machine = setup({
  types: { context: {} as GuardContext, events: {} as GuardEvent },
  guards: {
    tooMany: ({ context, event }) => event.type === 'loss' && exceeds(context, event.left ?? 1, event),
    lastLeaves: ({ context, event }) =>
      (event.type === 'return' || event.type === 'settle') && context.losses.every((loss) => loss.instance === event.instance),
    isCurrent: ({ context, event }) => event.type === 'timer' && context.timer?.token === event.token,
    isCurrentAndLast: ({ context, event }) => event.type === 'timer' && context.timer?.token === event.token && context.losses.length <= 1,
  },
  actions: {
    count: assign(({ context, event }) =>
      event.type === 'count'
        ? { peaks: peaked(context.peaks, event.at, event.count, event.config.hold), ...peakedPaths(context, event) }
        : {},
    ),
    lose: assign(({ context, event }) => (event.type === 'loss' ? { losses: [...open(context.losses, event), lossOf(event)] } : {})),
    keep: assign(({ context, event }) => (event.type === 'loss' ? { losses: [...context.losses, lossOf(event)] } : {})),
    drop: assign(({ context, event }) =>
      event.type === 'return' || event.type === 'settle'
        ? { losses: context.losses.filter((loss) => loss.instance !== event.instance) }
        : {},
    ),
    armHold: assign(({ context, event }) => armed(context, event.at + event.config.hold)),
    armRelease: assign(({ context, event }) => armed(context, event.at + releaseEvery(context))),
    release: assign(({ context }) => ({ losses: context.losses.slice(1) })),
    clear: assign({ losses: [], timer: null }),
    disarm: assign({ timer: null }),
    /** Losses that were believed before are not held by what comes later. */
    lapse: assign({ losses: [] }),
    enter: assign(({ event }) => ({ since: event.at })),
  },
}).createMachine({
  id: 'guard',
  initial: 'open',
  options: { maxIterations: 1000 },
  context: { losses: [], peaks: [], timer: null, token: 0, since: 0 },
  on: { count: { actions: 'count' } },
  states: {
    open: {
      on: {
        loss: [{ guard: 'tooMany', target: 'holding', actions: ['lose', 'armHold', 'enter'] }, { actions: 'lose' }],
        return: { actions: 'drop' },
        freeze: { target: 'frozen', actions: ['lapse', 'enter'] },
      },
    },
    holding: {
      on: {
        loss: { actions: 'keep' },
        return: [{ guard: 'lastLeaves', target: 'open', actions: ['clear', 'enter'] }, { actions: 'drop' }],
        settle: [{ guard: 'lastLeaves', target: 'open', actions: ['clear', 'enter'] }, { actions: 'drop' }],
        freeze: { target: 'frozen', actions: ['disarm', 'enter'] },
        release: { target: 'open', actions: ['clear', 'enter'] },
        timer: { guard: 'isCurrent', target: 'releasing', actions: ['armRelease', 'enter'] },
      },
    },
    releasing: {
      on: {
        loss: { actions: 'keep' },
        return: [{ guard: 'lastLeaves', target: 'open', actions: ['clear', 'enter'] }, { actions: 'drop' }],
        settle: [{ guard: 'lastLeaves', target: 'open', actions: ['clear', 'enter'] }, { actions: 'drop' }],
        freeze: { target: 'frozen', actions: ['disarm', 'enter'] },
        release: { target: 'open', actions: ['clear', 'enter'] },
        timer: [
          { guard: 'isCurrentAndLast', target: 'open', actions: ['clear', 'enter'] },
          { guard: 'isCurrent', actions: ['release', 'armRelease'] },
        ],
      },
    },
    frozen: {
      on: {
        loss: { actions: 'keep' },
        return: { actions: 'drop' },
        settle: { actions: 'drop' },
        release: { target: 'open', actions: ['clear', 'enter'] },
      },
    },
  },
});

export const guardMachine = machine;

const unmoved = begin<GuardState, GuardContext>(machine, GUARD_SCHEMA, undefined);

export function newGuard(): GuardSnapshot {
  return unmoved;
}

export function stepGuard(snapshot: GuardSnapshot, event: GuardEvent): GuardSnapshot {
  return step(machine, snapshot, event);
}

/** Losses older than the window are no longer counted together with new ones. */
function open(losses: readonly Loss[], event: { at: number; config: GuardConfig }): readonly Loss[] {
  return losses.filter((loss) => loss.at > event.at - event.config.window);
}

/** Of all together, or of those below its own path. */
function exceeds(context: GuardContext, coming: number, event: { at: number; config: GuardConfig; path?: string }): boolean {
  const { at, config, path } = event;
  if (config.maxLoss >= 1) return false;
  const losses = open(context.losses, event);
  const tooMany = (lost: readonly Loss[], peaks: Peaks): boolean =>
    lost.length + coming > Math.floor(config.maxLoss * highest(peaks, at - config.hold));
  if (tooMany(losses, context.peaks)) return true;
  const own = path !== undefined && Object.hasOwn(context.paths ?? {}, path) ? context.paths?.[path] : undefined;
  const lost = losses.filter((loss) => loss.path === path);
  return own !== undefined && tooMany(lost, own);
}

function lossOf({ instance, at, path }: { instance: InstanceId; at: number; path?: string }): Loss {
  return path === undefined ? { instance, at } : { instance, at, path };
}

/** Those of paths that are named no longer are not kept. */
function peakedPaths(
  { paths }: GuardContext,
  event: { at: number; config: GuardConfig; paths?: Readonly<Record<string, number>> },
): Pick<GuardContext, 'paths'> {
  if (event.paths === undefined) return paths === undefined ? {} : { paths: undefined };
  const kept = Object.entries(event.paths).map(([path, count]) => [
    path,
    peaked(Object.hasOwn(paths ?? {}, path) ? (paths?.[path] ?? []) : [], event.at, count, event.config.hold),
  ]);
  return { paths: Object.fromEntries(kept) };
}

/** An entry says how many there were from its time until the next entry's. */
function highest(peaks: Peaks, from: number): number {
  return Math.max(
    0,
    ...peaks.filter((_peak, index) => (peaks[index + 1]?.at ?? Number.POSITIVE_INFINITY) >= from).map((peak) => peak.count),
  );
}

function peaked(peaks: Peaks, at: number, count: number, hold: number): Peaks {
  const kept = peaks.filter((_peak, index) => (peaks[index + 1]?.at ?? at) >= at - hold);
  const last = kept.at(-1);
  if (last !== undefined && isSameSlice(last.at, at, hold)) {
    // Within a slice only the highest count matters, but what holds now must follow it.
    if (count >= last.count) return [...kept.slice(0, -1), { at: last.at, count }];
    const before = kept.at(-2);
    if (before !== undefined && before.count >= last.count && isSameSlice(before.at, last.at, hold)) {
      return [...kept.slice(0, -1), { at, count }];
    }
  }
  return [...kept, { at, count }];
}

/** With a `hold` of nothing a slice is still a moment, so that not every count of a whole fleet is kept. */
function isSameSlice(from: number, to: number, hold: number): boolean {
  return to === from || to - from < hold / PEAK_SLICES;
}

function armed(context: GuardContext, at: number): Pick<GuardContext, 'timer' | 'token'> {
  const token = context.token + 1;
  return { token, timer: { at, token } };
}

/** ms between two releases. */
function releaseEvery(context: GuardContext): number {
  const count = Math.max(...context.peaks.map((peak) => peak.count), context.losses.length);
  return Math.round(60_000 / Math.max(1, Math.ceil(RELEASE_SHARE_PER_MINUTE * count)));
}
