/**
 * PURE. One step of a machine: snapshot and event in, snapshot out; nothing is executed and no actor lives.
 * A snapshot is our own canonical JSON (schema, state, context), not the library's internal form, so it survives its upgrades.
 */
import { type AnyStateMachine, initialTransition } from 'xstate';
import { assert } from '../shared/errors.ts';
import { follow, tableOf } from './table.ts';

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

/** The next snapshot; the very same object when the event changed nothing. By the machine's table, which is as XState's `transition`. */
export function step<State extends string, Context>(
  machine: AnyStateMachine,
  snapshot: MachineSnapshot<State, Context>,
  event: { type: string },
): MachineSnapshot<State, Context> {
  const next = follow(tableOf(machine), snapshot.state, snapshot.context as object, event);
  return next === null ? snapshot : { schema: snapshot.schema, state: next.state as State, context: next.context as Context };
}
