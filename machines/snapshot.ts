/**
 * PURE. One step of a machine: snapshot and event in, snapshot out; nothing is executed and no actor lives.
 * A snapshot is our own canonical JSON (schema, state, context), not the library's internal form, so it survives its upgrades.
 */
import { type AnyStateMachine, initialTransition, type SnapshotFrom, transition } from 'xstate';
import { assert } from '../shared/errors.ts';

export interface MachineSnapshot<State extends string, Context> {
  readonly schema: number;
  readonly state: State;
  readonly context: Context;
}

/** The snapshot of a machine that has seen nothing yet. */
export function begin<State extends string, Context>(
  machine: AnyStateMachine,
  schema: number,
  input: unknown,
): MachineSnapshot<State, Context> {
  const [snapshot] = initialTransition(machine, input);
  assert(snapshot.status !== 'error', `machine ${machine.id} cannot start`);
  return { schema, state: snapshot.value as State, context: snapshot.context as Context };
}

/** The next snapshot; the very same object when the event changed nothing. */
export function step<State extends string, Context>(
  machine: AnyStateMachine,
  snapshot: MachineSnapshot<State, Context>,
  event: { type: string },
): MachineSnapshot<State, Context> {
  const before = machine.resolveState({ value: snapshot.state, context: snapshot.context as object }) as SnapshotFrom<AnyStateMachine>;
  const [after] = transition(machine, before, event);
  if (after === before) return snapshot;
  return { schema: snapshot.schema, state: after.value as State, context: after.context as Context };
}

/** JSON with sorted keys: equal values give equal bytes. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  );
}
