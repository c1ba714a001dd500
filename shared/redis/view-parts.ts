/**
 * PURE. A change of the view as the calls that append it: one, or several when it is large. What a znode's step tells travels with its entry of the view,
 * so that a crash between two calls loses nothing; and losses that are told together say so, because they are judged together.
 */
import type { ServiceEvent } from '../model/event.ts';
import type { InstanceId } from '../model/ids.ts';
import type { ViewEntry } from '../znode/view.ts';

/** Events, and view entries, in one Lua call: bounds how long Redis is held. */
const PER_CALL = 1_000;
/** Events of a difference that is folded as one; of a larger one each loss says how many come with it. */
const WHOLE_MAX = 100;

export interface Part {
  readonly set: readonly (readonly [string, ViewEntry])[];
  readonly remove: readonly string[];
  readonly events: readonly ServiceEvent[];
}

interface Changes {
  readonly set: ReadonlyMap<string, ViewEntry>;
  readonly remove: readonly string[];
  readonly events: readonly ServiceEvent[];
}

export function partsOf(change: Changes): Part[] {
  const events = judgedTogether(change.events);
  const whole: Part = { set: [...change.set], remove: change.remove, events };
  if (change.set.size + change.remove.length <= PER_CALL && events.length <= PER_CALL) return [whole];
  const { general, steps } = stepsOf({ ...change, events });
  const told = new Set(steps.flatMap(({ names }) => [...names]));
  const parts: Filling[] = [
    { set: [...change.set].filter(([name]) => !told.has(name)), remove: change.remove.filter((name) => !told.has(name)), events: general },
    { set: [], remove: [], events: [] },
  ];
  const removed = new Set(change.remove);
  for (const { names, events } of steps) {
    if ((parts.at(-1)?.events.length ?? 0) + events.length > PER_CALL) parts.push({ set: [], remove: [], events: [] });
    const part = parts.at(-1);
    part?.events.push(...events);
    for (const name of names) {
      const entry = change.set.get(name);
      if (entry !== undefined) part?.set.push([name, entry]);
      else if (removed.has(name)) part?.remove.push(name);
    }
  }
  // Only when all of it is on record is it complete.
  return [...parts, { set: [], remove: [], events: events.filter((event) => event.type === 'complete') }];
}

interface Filling {
  readonly set: (readonly [string, ViewEntry])[];
  readonly remove: string[];
  readonly events: ServiceEvent[];
}

/** What must not be divided: all that is told of a znode, and of what other znodes of its instances said before. */
interface Step {
  readonly names: Set<string>;
  readonly instances: Set<InstanceId>;
  readonly events: ServiceEvent[];
}

function stepsOf({ set, remove, events }: Changes): { general: ServiceEvent[]; steps: Step[] } {
  const changes = new Set([...set.keys(), ...remove]);
  const general: ServiceEvent[] = [];
  const steps: Step[] = [];
  for (const event of events) {
    if (event.type === 'complete') continue;
    if (!('znode' in event)) {
      general.push(event);
      continue;
    }
    const { instance, znode } = event;
    const last = steps.at(-1);
    const belongs = last?.names.has(znode.name) || (!changes.has(znode.name) && last?.instances.has(instance));
    const step = belongs && last !== undefined ? last : { names: new Set<string>(), instances: new Set<InstanceId>(), events: [] };
    if (step !== last) steps.push(step);
    step.names.add(znode.name);
    step.instances.add(instance);
    step.events.push(event);
  }
  return { general, steps };
}

/** A loss among others of its difference says how many come, or that more come. */
function judgedTogether(events: readonly ServiceEvent[]): readonly ServiceEvent[] {
  const losses = lossesOf(events);
  if (losses.size < 2) return events;
  let left = losses.size;
  return events.map((event) => {
    if (event.type !== 'deregistered' || !losses.has(event)) return event;
    left -= 1;
    if (events.length > WHOLE_MAX) return { ...event, left: left + 1 };
    return left === 0 ? event : { ...event, more: true };
  });
}

/** With its last znode an instance is lost; not where another one backs it by then, and not one that had no address. */
function lossesOf(events: readonly ServiceEvent[]): Set<ServiceEvent> {
  const backed = new Set(events.flatMap((event) => (event.type === 'changed' ? [event.instance] : [])));
  const losses = new Map<InstanceId, ServiceEvent>();
  for (const event of events) {
    if (event.type === 'registered') backed.add(event.instance);
    if (event.type !== 'deregistered' || backed.has(event.instance) || event.instance.startsWith('znode:')) continue;
    losses.set(event.instance, event);
  }
  return new Set(losses.values());
}
