/**
 * PURE. The parts of SPEC.md that follow from the code: the states and events with their meaning, the diagram, and the total table of each machine.
 * Every state × every event has an outcome; `gaps` names what has none, or has words that no code stands behind.
 */
import type { AnyStateMachine } from 'xstate';
import { assert } from '../shared/errors.ts';
import { backendMachine } from './backend.ts';
import { checkMachine } from './check.ts';
import { guardMachine } from './guard.ts';
import { instanceMachine } from './instance.ts';
import { BACKEND, CHECK, GUARD, INSTANCE, type Meaning } from './meaning.ts';
import { tableOf, type Way } from './table.ts';

export interface Specified {
  readonly machine: AnyStateMachine;
  readonly meaning: Meaning;
}

export const SPECIFIED: readonly Specified[] = [
  { machine: instanceMachine, meaning: INSTANCE },
  { machine: guardMachine, meaning: GUARD },
  { machine: backendMachine, meaning: BACKEND },
  { machine: checkMachine, meaning: CHECK },
];

/** The ways that can be taken: behind the first without a guard none is tried, and a way without target and actions is none. */
export function waysThatCount(ways: readonly Way[]): readonly Way[] {
  const certain = ways.findIndex(({ guard }) => guard === null);
  return ways.slice(0, certain < 0 ? ways.length : certain + 1).filter(({ target, actions }) => target !== null || actions.length > 0);
}

/** Whether the event may do nothing in the state. */
export function mayIgnore(ways: readonly Way[]): boolean {
  return waysThatCount(ways).every(({ guard }) => guard !== null);
}

/** What is undecided, or decided in words only. */
export function gaps({ machine, meaning }: Specified): readonly string[] {
  const table = tableOf(machine);
  const states = [...table.keys()];
  const events = [...new Set([...table.values()].flatMap((ways) => [...ways.keys()]))];
  return [
    ...differences(states, Object.keys(meaning.states), 'state'),
    ...differences(events, Object.keys(meaning.events), 'event'),
    ...states.flatMap((state) => differences(ignoredIn(table.get(state), events), Object.keys(meaning.ignored[state] ?? {}), `${state} ×`)),
  ];
}

function ignoredIn(byEvent: ReadonlyMap<string, readonly Way[]> | undefined, events: readonly string[]): string[] {
  return events.filter((event) => mayIgnore(byEvent?.get(event) ?? []));
}

function differences(code: readonly string[], words: readonly string[], what: string): string[] {
  return [
    ...code.filter((name) => !words.includes(name)).map((name) => `${what} ${name}: has no words in meaning.ts`),
    ...words.filter((name) => !code.includes(name)).map((name) => `${what} ${name}: has words in meaning.ts, and nothing in the code`),
  ];
}

/** The document with all its generated parts as they follow from the code now. */
export function withSpecifications(document: string): string {
  return SPECIFIED.reduce((text, one) => withPart(text, one.machine.id, partOf(one)), document);
}

function withPart(document: string, id: string, part: string): string {
  const begin = `<!-- machine ${id}: written by npm run docs:machines -->`;
  const end = `<!-- end of machine ${id} -->`;
  const from = document.indexOf(begin);
  const to = document.indexOf(end);
  assert(from >= 0 && to > from, `SPEC.md has a place for the machine ${id}`);
  return `${document.slice(0, from + begin.length)}\n\n${part}\n\n${document.slice(to)}`;
}

function partOf({ machine, meaning }: Specified): string {
  return [
    rows('state', 'what it means', Object.entries(meaning.states)),
    rows('event', 'who sends it, and when', Object.entries(meaning.events)),
    diagramOf(machine),
    totalTableOf(machine, meaning),
  ].join('\n\n');
}

function rows(name: string, what: string, entries: readonly (readonly [string, string])[]): string {
  return [`| ${name} | ${what} |`, '|---|---|', ...entries.map(([key, words]) => `| \`${key}\` | ${words} |`)].join('\n');
}

function totalTableOf(machine: AnyStateMachine, meaning: Meaning): string {
  const cells = [...tableOf(machine)].flatMap(([state, byEvent]) =>
    Object.keys(meaning.events).map(
      (event) => `| \`${state}\` | \`${event}\` | ${outcome(byEvent.get(event) ?? [], meaning.ignored[state]?.[event])} |`,
    ),
  );
  return ['| state | event | outcome |', '|---|---|---|', ...cells].join('\n');
}

/** The ways in the order in which they are tried; the first whose guard holds is taken. */
function outcome(ways: readonly Way[], why: string | undefined): string {
  const decided = waysThatCount(ways).map(({ target, actionNames, guardName }) => {
    const actions = actionNames.length === 0 ? '' : ` (${actionNames.join(', ')})`;
    return `${target === null ? 'stays' : `-> \`${target}\``}${actions}${guardName === null ? '' : ` if ${guardName}`}`;
  });
  return [...decided, ...(mayIgnore(ways) ? [`ignored: because ${why}`] : [])].join('<br>else ');
}

/** What changes the state, as a Mermaid diagram. What most states answer in the same way is drawn once, from `any state`. */
function diagramOf(machine: AnyStateMachine): string {
  const table = tableOf(machine);
  const states = [...table.keys()];
  const arrows = new Map<string, string[]>();
  const draw = (from: string, to: string, label: string): void => {
    const key = `${nodeOf(from)} --> ${nodeOf(to)}`;
    arrows.set(key, [...(arrows.get(key) ?? []), label]);
  };
  const common = commonArrows(table);
  for (const { event, target, sources } of common) {
    const others = states.filter((state) => !sources.includes(state));
    draw(ANY, target, others.length === 0 ? event : `${event} (not from ${others.join(', ')})`);
  }
  for (const [state, byEvent] of table) {
    for (const [event, ways] of byEvent) {
      if (common.some((one) => one.event === event && one.sources.includes(state))) continue;
      const taken = waysThatCount(ways);
      for (const [index, { target, guardName }] of taken.entries()) {
        if (target !== null) draw(state, target, `${event}${guardName === null ? (index === 0 ? '' : ' [else]') : ` [${guardName}]`}`);
      }
    }
  }
  const named = [...states, ...(common.length === 0 ? [] : [ANY])].filter((state) => nodeOf(state) !== state);
  return [
    '```mermaid',
    'stateDiagram-v2',
    ...named.map((state) => `  state "${state}" as ${nodeOf(state)}`).sort(),
    `  [*] --> ${nodeOf(machine.root.initial.target[0]?.key ?? '')}`,
    ...[...arrows].map(([arrow, labels]) => `  ${arrow}: ${labels.sort().join(', ')}`).sort(),
    '```',
  ].join('\n');
}

const ANY = 'any state';

interface Common {
  readonly event: string;
  readonly target: string;
  readonly sources: readonly string[];
}

/** Events that lead from more than half of the states to the same one, whatever the context. */
function commonArrows(table: ReturnType<typeof tableOf>): readonly Common[] {
  const found = new Map<string, { event: string; target: string; sources: string[] }>();
  for (const [state, byEvent] of table) {
    for (const [event, ways] of byEvent) {
      const [only, ...others] = waysThatCount(ways);
      if (only === undefined || others.length > 0 || only.guard !== null || only.target === null) continue;
      const key = `${event} ${only.target}`;
      const arrow = found.get(key) ?? { event, target: only.target, sources: [] };
      arrow.sources.push(state);
      found.set(key, arrow);
    }
  }
  return [...found.values()].filter(({ sources }) => sources.length > table.size / 2);
}

/** Mermaid's names of states have no hyphens and no blanks. */
function nodeOf(state: string): string {
  return state.replace(/[^a-z0-9]/gi, '_');
}
