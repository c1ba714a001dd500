/**
 * PURE. Several znodes may back one instance, and each says something of its own. What counts is what their spokesman says: of those whose registration
 * can be read the one that was written last, so that it does not depend on the order in which they came and went. Whenever one of them comes, changes or
 * goes and another is the spokesman, what that one says is told again, behind it. One of which nothing is known yet (its path was not read since the
 * watcher began) can not speak, and perhaps should: the view says so of it (`unsaid`), and its next reading is told whatever it has.
 */
import type { Said, ServiceEvent } from '../model/event.ts';
import type { InstanceId } from '../model/ids.ts';
import type { Decoded } from '../model/registration.ts';
import type { ViewEntry } from './view.ts';

/** What one child has to tell. */
export interface Step {
  readonly name: string;
  /** null: it leaves the view; undefined: its entry stays as it is. */
  readonly entry: ViewEntry | null | undefined;
  readonly events: readonly ServiceEvent[];
}

export interface Words {
  /** The znodes that back an instance by the view. */
  names(instance: InstanceId): readonly string[];
  /** What was last put on record of a znode; null: not known. */
  said(name: string): Decoded | null;
}

/** The steps with what is told again, and what is to be told once it is read. `view` and `words` are as before them; `decoded` is what was read now. */
export function spoken(
  view: ReadonlyMap<string, ViewEntry>,
  steps: readonly Step[],
  decoded: ReadonlyMap<string, Decoded>,
  words: Words,
): readonly Step[] {
  const after = new Map(steps.flatMap(({ name, entry }) => (entry === undefined ? [] : [[name, entry] as const])));
  const comes = Map.groupBy(
    [...after].filter(([, entry]) => entry !== null),
    ([, entry]) => entry?.instance ?? '',
  );
  const again = new Map<number, ServiceEvent[]>();
  const unsaid: Step[] = [];
  for (const [instance, { step, last }] of touched(steps)) {
    const there = new Set([...words.names(instance), ...(comes.get(instance) ?? []).map(([name]) => name)]);
    const backing = [...there].flatMap((name): Backer[] => {
      const entry = after.has(name) ? after.get(name) : view.get(name);
      const says = decoded.get(name) ?? words.said(name);
      if (says === null && entry?.instance === instance && entry.unsaid !== true)
        unsaid.push({ name, entry: { ...entry, unsaid: true }, events: [] });
      return entry?.instance === instance && says?.instance === instance ? [{ name, entry, says }] : [];
    });
    const [first, ...others] = backing;
    if (first === undefined) continue;
    const speaks = others.reduce((best, other) => (isBefore(other, best) ? other : best), first);
    if (speaks.name === last) continue;
    const { czxid, mzxid, version } = speaks.entry;
    const event: ServiceEvent = {
      type: 'changed',
      instance,
      znode: { name: speaks.name, czxid, mzxid, version },
      said: saidOf(speaks.says),
    };
    again.set(step, [...(again.get(step) ?? []), event]);
  }
  return [...steps.map((step, at) => ({ ...step, events: [...step.events, ...(again.get(at) ?? [])] })), ...unsaid];
}

export function saidOf(says: Decoded): Said {
  return says.ok ? { registration: says.registration } : { rejection: says.rejection };
}

interface Backer {
  readonly name: string;
  readonly entry: ViewEntry;
  readonly says: Decoded;
}

/** Of each instance the last step that is about it, and the last znode that says something of it there. */
function touched(steps: readonly Step[]): Map<InstanceId, { step: number; last: string | null }> {
  const found = new Map<InstanceId, { step: number; last: string | null }>();
  for (const [step, { events }] of steps.entries()) {
    for (const event of events) {
      if (event.type !== 'registered' && event.type !== 'changed' && event.type !== 'deregistered') continue;
      const last = event.type === 'deregistered' ? (found.get(event.instance)?.last ?? null) : event.znode.name;
      found.set(event.instance, { step, last });
    }
  }
  return found;
}

function isBefore(a: Backer, b: Backer): boolean {
  if (a.says.ok !== b.says.ok) return a.says.ok;
  const [mine, yours] = [BigInt(a.entry.mzxid), BigInt(b.entry.mzxid)];
  return mine === yours ? a.name < b.name : mine > yours;
}
