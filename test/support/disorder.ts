/**
 * What can go wrong with events on their way: told twice, late, behind later ones, or spoiled in one place. What is spoiled has to pass the same boundary
 * as an event of an export (`asServiceEvent`), and is told only if that lets it through.
 */
import fc from 'fast-check';
import type { ServiceEvent } from '../../shared/model/event.ts';
import { asServiceEvent } from '../../shared/model/event-form.ts';

export type Fate =
  | { readonly kind: 'once' | 'twice' }
  /** Behind the events of so many later acts; with 0 those of one act change places. */
  | { readonly kind: 'late'; readonly acts: number }
  /** One field, picked among all of them, is something else; undefined: it is missing. */
  | { readonly kind: 'spoiled'; readonly pick: number; readonly value: unknown };

/** What a stranger would write. */
const HOSTILE: readonly unknown[] = [
  undefined,
  null,
  true,
  -1,
  0,
  0.5,
  257,
  2 ** 53,
  1e308,
  '',
  'x',
  '10.0.0.1:80',
  '__proto__',
  'constructor',
  '9'.repeat(40),
  [],
  {},
  ['x'],
];

export const fate: fc.Arbitrary<Fate> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Fate>({ kind: 'once' }) },
  { weight: 2, arbitrary: fc.constant<Fate>({ kind: 'twice' }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('late' as const), acts: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('spoiled' as const), pick: fc.nat(1_000), value: fc.constantFrom(...HOSTILE) }) },
);

/** Hands events out as their fates want it. */
export class Disorder {
  #late: { acts: number; readonly event: ServiceEvent }[] = [];
  #refused = 0;

  /** Events that the boundary refused. */
  get refused(): number {
    return this.#refused;
  }

  /** The events of one act; what is told for it now, late ones included. */
  deliver(events: readonly ServiceEvent[], { kind, ...more }: Fate): readonly ServiceEvent[] {
    for (const one of this.#late) one.acts -= 1;
    const due = this.#late.filter(({ acts }) => acts <= 0).map(({ event }) => event);
    this.#late = this.#late.filter(({ acts }) => acts > 0);
    if (kind === 'late' && 'acts' in more) {
      this.#late.push(...events.map((event) => ({ acts: more.acts, event })));
      return due;
    }
    if (kind === 'twice') return [...events, ...events, ...due];
    if (kind === 'spoiled' && 'pick' in more) return [...events.flatMap((event) => this.#spoil(event, more.pick, more.value)), ...due];
    return [...events, ...due];
  }

  #spoil(event: ServiceEvent, pick: number, value: unknown): readonly ServiceEvent[] {
    const data = JSON.parse(JSON.stringify(event)) as Record<string, unknown>;
    const places = placesOf(data);
    const place = places[pick % places.length];
    if (place !== undefined) Object.defineProperty(place.of, place.field, { value, enumerable: true, writable: true, configurable: true });
    // As it would come out of a file.
    const spoiled = JSON.parse(JSON.stringify(data)) as Record<string, unknown>;
    const heard = asServiceEvent(String(spoiled['type']), spoiled);
    if (heard === null) this.#refused += 1;
    return heard === null ? [] : [heard];
  }
}

interface Place {
  readonly of: object;
  readonly field: string;
}

/** Every field of it, at every depth. */
function placesOf(value: unknown): readonly Place[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([field, inner]) => [{ of: value, field }, ...placesOf(inner)]);
}
