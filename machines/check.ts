/**
 * PURE. One health check of what this host registers: outcomes in, and whether the check passes, by rise and fall. The time of an outcome comes with it.
 * Several checks of one entry are judged together by `verdictOf`: all must pass.
 */
import { assign, setup } from 'xstate';
import { begin, type MachineSnapshot, step } from './snapshot.ts';

export const CHECK_SCHEMA = 1;

export type CheckState = 'unknown' | 'passing' | 'failing';

export interface CheckContext {
  /** Good outcomes in a row that make it pass, and failed ones that make it fail. */
  readonly rise: number;
  readonly fall: number;
  /** Outcomes in a row that speak against the present state; `unknown` counts both. */
  readonly good: number;
  readonly bad: number;
  /** When the present state was entered, ms. */
  readonly since: number;
  /** What the last failed outcome said; null: there was none since it passes. */
  readonly detail: string | null;
}

export type CheckSnapshot = MachineSnapshot<CheckState, CheckContext>;

export type CheckEvent = { readonly at: number } & (
  | { readonly type: 'pass' }
  /** `detail`: in a line, safe to print. */
  | { readonly type: 'fail'; readonly detail: string }
);

type Thresholds = Pick<CheckContext, 'rise' | 'fall'>;

const machine = setup({
  types: { context: {} as CheckContext, events: {} as CheckEvent, input: {} as Thresholds },
  actions: {
    countGood: assign(({ context }) => ({ good: context.good + 1, bad: 0 })),
    countBad: assign(({ context }) => ({ good: 0, bad: context.bad + 1 })),
    enter: assign(({ event }) => ({ since: event.at, good: 0, bad: 0 })),
    forget: assign({ good: 0, bad: 0 }),
    clear: assign({ detail: null }),
    explain: assign(({ event }) => detailOf(event)),
  },
  guards: {
    rises: ({ context }) => context.good + 1 >= context.rise,
    falls: ({ context }) => context.bad + 1 >= context.fall,
    failedBefore: ({ context }) => context.bad > 0,
  },
}).createMachine({
  id: 'check',
  initial: 'unknown',
  options: { maxIterations: 1000 },
  context: ({ input }) => ({ ...input, good: 0, bad: 0, since: 0, detail: null }),
  states: {
    unknown: {
      on: {
        pass: [{ guard: 'rises', target: 'passing', actions: ['enter', 'clear'] }, { actions: 'countGood' }],
        fail: [{ guard: 'falls', target: 'failing', actions: ['enter', 'explain'] }, { actions: ['countBad', 'explain'] }],
      },
    },
    passing: {
      on: {
        pass: { guard: 'failedBefore', actions: ['forget', 'clear'] },
        fail: [{ guard: 'falls', target: 'failing', actions: ['enter', 'explain'] }, { actions: ['countBad', 'explain'] }],
      },
    },
    failing: {
      on: {
        pass: [{ guard: 'rises', target: 'passing', actions: ['enter', 'clear'] }, { actions: 'countGood' }],
        fail: { actions: ['forget', 'explain'] },
      },
    },
  },
});

export const checkMachine = machine;

/** One that has not been made yet. `standing`: as an earlier one of the entry stood, until outcomes say otherwise. */
export function newCheck(
  { rise, fall }: Thresholds,
  standing: { state: CheckState; since: number } = { state: 'unknown', since: 0 },
): CheckSnapshot {
  const unknown = begin<CheckState, CheckContext>(machine, CHECK_SCHEMA, { rise, fall });
  return { ...unknown, state: standing.state, context: { ...unknown.context, since: standing.since } };
}

/** The next snapshot; the very same object when the outcome changed nothing. */
export function stepCheck(snapshot: CheckSnapshot, event: CheckEvent): CheckSnapshot {
  return step(machine, snapshot, event);
}

export interface Verdict {
  readonly state: CheckState;
  /** Since when, ms: of passing checks the last that came to pass, else the first of those that do not. */
  readonly since: number;
  /** Of the first check that fails; null: none does. */
  readonly detail: string | null;
}

/** All must pass; one that fails is enough to fail, also while others are unknown. None at all passes. */
export function verdictOf(checks: readonly CheckSnapshot[]): Verdict {
  const of = (state: CheckState): readonly CheckSnapshot[] => checks.filter((check) => check.state === state);
  const failing = of('failing');
  const unknown = of('unknown');
  const times = (some: readonly CheckSnapshot[]): number[] => some.map(({ context }) => context.since);
  if (failing.length > 0) return { state: 'failing', since: Math.min(...times(failing)), detail: failing[0]?.context.detail ?? null };
  if (unknown.length > 0) return { state: 'unknown', since: Math.min(...times(unknown)), detail: null };
  return { state: 'passing', since: Math.max(0, ...times(checks)), detail: null };
}

function detailOf(event: CheckEvent): { detail: string | null } {
  return { detail: event.type === 'fail' ? event.detail : null };
}
