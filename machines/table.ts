/**
 * PURE. A machine's transitions as a table, read from its XState definition once and followed without the library: the same steps at a twentieth of
 * their price. It knows flat machines with `on`, guards and `assign`, which is all that ours may have; anything else in a definition is refused
 * when it is read, so that no step can silently mean something else here. test/machines/table.test.ts holds both equal on every path.
 */
import type { AnyStateMachine, AnyTransitionDefinition } from 'xstate';
import { assert } from '../shared/errors.ts';

interface Args {
  readonly context: object;
  readonly event: { readonly type: string };
}
type Guard = (args: Args) => boolean;
type Assign = (args: Args) => object;

/** One way out of a state: the first whose guard holds is taken. */
export interface Way {
  readonly guardName: string | null;
  readonly guard: Guard | null;
  readonly actionNames: readonly string[];
  readonly actions: readonly Assign[];
  /** null: the state stays. */
  readonly target: string | null;
}

/** state -> event type -> the ways, in the order in which they are tried. Events that a state does not name are ignored by it. */
export type Table = ReadonlyMap<string, ReadonlyMap<string, readonly Way[]>>;

const tables = new WeakMap<AnyStateMachine, Table>();

/** @throws AssertionFailure for a definition with anything but flat states, `on`, guards and assigns. */
export function tableOf(machine: AnyStateMachine): Table {
  let table = tables.get(machine);
  if (table === undefined) {
    table = read(machine);
    tables.set(machine, table);
  }
  return table;
}

/** The next state and context; null: the event changes nothing. */
export function follow(
  table: Table,
  state: string,
  context: object,
  event: { readonly type: string },
): { state: string; context: object } | null {
  const ways = table.get(state);
  assert(ways !== undefined, `a state that the machine has, not ${state}`);
  const way = ways.get(event.type)?.find(({ guard }) => guard === null || guard({ context, event }));
  if (way === undefined || (way.target === null && way.actions.length === 0)) return null;
  let next = context;
  for (const assign of way.actions) next = { ...next, ...assign({ context: next, event }) };
  return { state: way.target ?? state, context: next };
}

function read(machine: AnyStateMachine): Table {
  const { root } = machine;
  assert(root.type === 'compound' && root.always === undefined, `${machine.id}: a flat machine`);
  assert(
    [root.entry, root.exit, root.invoke, root.after].every((none) => none.length === 0),
    `${machine.id}: only \`on\``,
  );
  const table = new Map<string, Map<string, readonly Way[]>>();
  for (const [name, node] of Object.entries(root.states)) {
    const { entry, exit, invoke, always, after } = node;
    assert(node.type === 'atomic' || node.type === 'final', `${machine.id}.${name}: no states inside`);
    assert([entry, exit, invoke, after].every((none) => none.length === 0) && always === undefined, `${machine.id}.${name}: only \`on\``);
    const ways = new Map<string, readonly Way[]>();
    // What a state says of an event comes before what the machine says of it.
    for (const { transitions } of [node, root]) {
      for (const [type, candidates] of transitions) {
        assert(!type.includes('*'), `${machine.id}: events are named`);
        const own = candidates.map((candidate) => wayOf(machine, candidate));
        ways.set(type, [...(ways.get(type) ?? []), ...own]);
      }
    }
    table.set(name, ways);
  }
  return table;
}

function wayOf(machine: AnyStateMachine, candidate: AnyTransitionDefinition): Way {
  const { guard, actions, target } = candidate;
  assert(guard === undefined || typeof guard === 'string', `${machine.id}: guards are named`);
  assert(target === undefined || target.length === 1, `${machine.id}: one target`);
  const named = actions.map((action: unknown) => {
    assert(typeof action === 'string', `${machine.id}: actions are named`);
    return action;
  });
  const { guards, actions: implementations } = machine.implementations;
  // A combined guard (`and`, `not`) is a function too, but one that only XState can ask.
  const asked = guard === undefined ? null : (guards[guard] as Guard & { check?: unknown });
  assert(asked === null || (typeof asked === 'function' && asked.check === undefined), `${machine.id}: guards are plain functions`);
  assert(target?.[0] === undefined || target[0].parent === machine.root, `${machine.id}: targets are states`);
  return {
    guardName: guard ?? null,
    guard: asked,
    actionNames: named,
    actions: named.map((name) => assignOf(machine.id, name, implementations[name])),
    target: target?.[0]?.key ?? null,
  };
}

/** What `assign` made: a function, or a record whose fields are values or functions. */
function assignOf(machine: string, name: string, implementation: unknown): Assign {
  const { type, assignment } = implementation as { type?: string; assignment?: Assign | Record<string, unknown> };
  assert(type === 'xstate.assign' && assignment !== undefined, `${machine}: ${name} is an assign`);
  if (typeof assignment === 'function') return assignment;
  assert(!Object.values(assignment).some((value) => typeof value === 'function'), `${machine}: ${name} assigns values`);
  return () => assignment;
}
