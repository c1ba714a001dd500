/**
 * PURE. A pointsman.yaml in the making: plain values, and a note for each option that had a say in them. What is taken away again turns its notes
 * into `left`, so that the notes never promise what the file does not have.
 */

import type { Fate, Note } from './note.ts';
import { isMap } from './old-map.ts';

export type Place = readonly PropertyKey[];
type Plain = { [key: string]: unknown };

export class Draft {
  readonly config: Plain = {};
  #notes: Note[] = [];

  get notes(): readonly Note[] {
    return this.#notes;
  }

  /** The same value under another name, or what is nearest to it (`changed`, with the reason). */
  carry(option: string, to: Place, value: unknown, why?: string, fate: Fate = why === undefined ? 'carried' : 'changed'): void {
    const before = this.get(to);
    if (before !== undefined && JSON.stringify(before) !== JSON.stringify(value)) this.#turnLeft(to, 'a later line says otherwise');
    this.set(to, value);
    this.note(fate, option, `${placeText(to)}: ${valueText(value)}${why === undefined ? '' : `; ${why}`}`, to);
  }

  left(option: string, why: string): void {
    this.note('left', option, why);
  }

  note(fate: Fate, option: string, why: string, to: Place | null = null): void {
    this.#notes.push({ fate, option, why, to });
  }

  /** A value that no option asked for. */
  set(to: Place, value: unknown): void {
    let at: Plain = this.config;
    for (const key of to.slice(0, -1)) {
      const next = Object.hasOwn(at, key) ? at[String(key)] : undefined;
      const map: Plain = isMap(next) ? (next as Plain) : {};
      if (next !== map) define(at, String(key), map);
      at = map;
    }
    define(at, String(to.at(-1)), value);
  }

  get(place: Place): unknown {
    return place.reduce<unknown>(
      (at, key) => (typeof at === 'object' && at !== null && Object.hasOwn(at, key) ? (at as Plain)[String(key)] : undefined),
      this.config,
    );
  }

  /** Takes out what stands there, and maps that are empty then. */
  remove(place: Place, why: string): void {
    this.#cut(place);
    this.#turnLeft(place, why);
  }

  /** Takes out a service or a registration, with all that was said of what became of its options. */
  abandon(place: Place, option: string, why: string): void {
    this.#cut(place);
    this.#notes = this.#notes.filter((note) => !isBelow(note.to, place) && !/^[. ]/.test(after(note.option, option)));
    this.left(option, why);
  }

  #cut(place: Place): void {
    for (let length = place.length; length > 0; length -= 1) {
      const parent = this.get(place.slice(0, length - 1)) as Plain;
      delete parent[String(place[length - 1])];
      if (Object.keys(parent).length > 0 || length <= 3) break;
    }
  }

  #turnLeft(place: Place, why: string): void {
    this.#notes = this.#notes.map((note) => (isBelow(note.to, place) ? { ...note, fate: 'left', why, to: null } : note));
  }
}

/** `redis.url`; of a service or a registration only what is below it: `listen`, `check.http`. */
function placeText(place: Place): string {
  const own = place[0] === 'services' || place[0] === 'register' ? place.slice(2).filter((key) => !/^\d+$/.test(String(key))) : place;
  return own.map(String).join('.');
}

function isBelow(place: Place | null, above: Place): boolean {
  return place !== null && above.every((key, index) => String(place[index]) === String(key));
}

/** What follows `prefix` in it. */
function after(text: string, prefix: string): string {
  return text.startsWith(prefix) ? text.slice(prefix.length) : '';
}

/** A key is the file's own, whatever its name. */
function define(map: Plain, key: string, value: unknown): void {
  Object.defineProperty(map, key, { value, enumerable: true, writable: true, configurable: true });
}

function valueText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
