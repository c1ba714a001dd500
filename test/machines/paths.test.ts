/**
 * Model-based: the paths that xstate/graph finds through each machine, walked by production's `step`: the shortest to every state of its facts, and all
 * simple ones over a few of them. After each step the invariants hold, the facts are those that the path promises, and no deadline of an earlier visit
 * does anything.
 */
import { describe, expect, it } from 'vitest';
import type { AnyActorLogic } from 'xstate';
import { getAdjacencyMap, getShortestPaths } from 'xstate/graph';
import { step } from '../../machines/snapshot.ts';
import { waysThatCount } from '../../machines/specification.ts';
import { tableOf } from '../../machines/table.ts';
import { isOfLife, type Snapshot, WALKS, type Walk, type WalkEvent } from '../support/machine-walks.ts';

/** A path: its events, and the facts that hold after each. */
type Path = readonly { readonly event: WalkEvent; readonly facts: string }[];
type Tell = (snapshot: Snapshot) => string;

interface Found {
  readonly value: string;
  readonly context: object;
}

/** Simple paths are many: they are followed so far. */
const DEPTH = 6;

type Options = NonNullable<Parameters<typeof getShortestPaths>[1]>;

function optionsOf({ input, events, name }: Walk, tell: Tell, all: boolean): Options {
  const options = {
    input,
    events: (state: Found) => events(snapshotOf(state)).filter((event) => all || isOfLife(event, name)),
    serializeState: (state: Found) => tell(snapshotOf(state)),
    serializeEvent: (event: WalkEvent) => JSON.stringify(event),
  };
  return options as unknown as Options;
}

function snapshotOf({ value, context }: Found): Snapshot {
  return { schema: 0, state: value, context };
}

function shortestPaths(one: Walk): readonly Path[] {
  const found = getShortestPaths(one.machine as AnyActorLogic, optionsOf(one, one.facts, true));
  return found.map(({ steps }) =>
    (steps as unknown as readonly { event: WalkEvent; state: Found }[])
      .filter(({ event }) => event.type !== 'xstate.init')
      .map(({ event, state }) => ({ event, facts: one.facts(snapshotOf(state)) })),
  );
}

type Graph = Readonly<
  Record<string, { readonly transitions: Readonly<Record<string, { readonly event: WalkEvent; readonly state: Found }>> }>
>;

/** getSimplePaths knows no depth, so its graph is followed here: no facts twice on one path. */
function* simplePaths(one: Walk): Generator<Path> {
  const graph = getAdjacencyMap(one.machine as AnyActorLogic, optionsOf(one, one.few, false)) as unknown as Graph;
  function* from(facts: string, path: Path): Generator<Path> {
    if (path.length > 0) yield path;
    if (path.length === DEPTH) return;
    for (const { event, state } of Object.values(graph[facts]?.transitions ?? {})) {
      const next = one.few(snapshotOf(state));
      if (next !== one.few(one.start) && !path.some((step) => step.facts === next)) yield* from(next, [...path, { event, facts: next }]);
    }
  }
  yield* from(one.few(one.start), []);
}

interface Walked {
  readonly end: Snapshot;
  /** The ways that were taken, as `state event index`. */
  readonly taken: readonly string[];
  /** Deadlines of earlier visits that were tried. */
  readonly stale: number;
}

function walk(one: Walk, path: Path, tell: Tell): Walked {
  const taken: string[] = [];
  let stale = 0;
  const given = new Map<string, Set<number>>();
  let snapshot = one.start;
  for (const [index, { event: promised, facts }] of path.entries()) {
    const at = (index + 1) * 1_000;
    const token = promised.rings === undefined ? undefined : one.deadlines(snapshot)[promised.rings]?.token;
    const event: WalkEvent = { ...promised, at, ...(token === undefined ? {} : { token }) };
    const way = wayOf(one, snapshot, event);
    if (way !== null) taken.push(way);
    const before = snapshot;
    snapshot = step(one.machine, before, event);
    const late = staleDeadlines(one, snapshot, given, at);
    stale += late.length;
    const answered = late.filter((deadline) => step(one.machine, snapshot, deadline) !== snapshot);
    const said = path.slice(0, index + 1).map(({ event: { type } }) => type);
    const problems = [
      ...one.broken(before, snapshot, at),
      ...(tell(snapshot) === facts ? [] : [`facts ${tell(snapshot)} where the path has ${facts}`]),
      ...(token !== undefined && one.deadlines(snapshot)[promised.rings ?? '']?.token === token
        ? ['a deadline that rang stays armed']
        : []),
      ...answered.map(({ timer, token: old }) => `the stale deadline ${String(timer)} ${String(old)} was answered`),
    ];
    if (problems.length > 0) throw new Error(`${one.name}, after ${said.join(', ')}: ${problems.join('; ')}`);
  }
  return { end: snapshot, taken, stale };
}

/** Deadlines that were armed on this path and are no longer waited for. */
function staleDeadlines({ deadlines }: Walk, snapshot: Snapshot, given: Map<string, Set<number>>, at: number): readonly WalkEvent[] {
  const armed = deadlines(snapshot);
  for (const [name, { token }] of Object.entries(armed)) given.set(name, (given.get(name) ?? new Set()).add(token));
  return [...given].flatMap(([timer, tokens]) =>
    [...tokens].filter((token) => token !== armed[timer]?.token).map((token) => ({ type: 'timer', at, timer, token })),
  );
}

function wayOf({ machine }: Walk, { state, context }: Snapshot, event: WalkEvent): string | null {
  const ways = waysThatCount(tableOf(machine).get(state)?.get(event.type) ?? []);
  const index = ways.findIndex(({ guard }) => guard === null || guard({ context, event }));
  return index < 0 ? null : `${state} ${event.type} ${index}`;
}

describe.each(WALKS)('the machine $name', (one) => {
  it('keeps its invariants on the shortest path to every state of its facts, and takes every way', () => {
    const found = shortestPaths(one);
    const reached = new Set<string>();
    const taken = new Set<string>();
    let stale = 0;
    const walked = found.map((path) => ({ path, ...walk(one, path, one.facts) }));
    for (const { path, end, ...on } of walked) {
      for (const way of on.taken) taken.add(way);
      stale += on.stale;
      reached.add(one.facts(end));
      expect(one.facts(end)).toBe(path.at(-1)?.facts ?? one.facts(one.start));
    }
    // Behind each of these states every event once: so every edge between two of them is walked.
    for (const { path, end } of walked) {
      for (const event of one.events(end)) {
        const way = wayOf(one, end, event);
        if (way !== null) taken.add(way);
        const at = (path.length + 1) * 1_000;
        const after = step(one.machine, end, { ...event, at } as WalkEvent);
        expect(one.broken(end, after, at), `${path.map(({ event: { type } }) => type).join(', ')}, ${event.type}`).toEqual([]);
        expect(reached.has(one.facts(after)), `${one.facts(after)} has a shortest path`).toBe(true);
      }
    }
    expect(stale > 0).toBe(one.name !== 'backend');
    const all = [...tableOf(one.machine)].flatMap(([state, byEvent]) =>
      [...byEvent].flatMap(([event, ways]) => waysThatCount(ways).map((_way, index) => `${state} ${event} ${index}`)),
    );
    expect([...taken].sort()).toEqual(all.filter((way) => !one.closed.includes(way)).sort());
  });

  it('keeps its invariants on all simple paths over the states of its life', () => {
    const states = new Set([one.start.state]);
    for (const path of simplePaths(one)) {
      walk(one, path, one.few);
      for (const { facts } of path) states.add(facts.split(' ')[0] ?? '');
    }
    expect([...states].sort()).toEqual([...tableOf(one.machine).keys()].sort());
  });
});

it('finds a broken invariant, and a way that leads elsewhere than the path says', () => {
  const [one] = WALKS;
  if (one === undefined) throw new Error('no machine');
  const longest = [...simplePaths(one)].find((path) => path.length === DEPTH);
  expect(() => walk({ ...one, broken: () => ['planted'] }, longest ?? [], one.few)).toThrow('planted');
  expect(() =>
    walk(
      one,
      (longest ?? []).map((promised) => ({ ...promised, facts: 'elsewhere' })),
      one.few,
    ),
  ).toThrow('elsewhere');
});
