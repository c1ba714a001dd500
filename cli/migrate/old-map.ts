/**
 * PURE. A map of the old config that knows which of its keys were asked for, so that in the end none goes without a line. What is no map is an
 * empty one. Keys are the file's own, never those of a prototype.
 */
import { oldText } from './old-text.ts';

export class OldMap {
  /** Where it stands: `services.web.haproxy`. */
  readonly path: string;
  readonly #value: Readonly<Record<string, unknown>>;
  readonly #asked = new Set<string>();

  constructor(value: unknown, path: string) {
    this.#value = isMap(value) ? value : {};
    this.path = path;
  }

  get keys(): readonly string[] {
    return Object.keys(this.#value);
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#value, key);
  }

  /** undefined: not there. */
  take(key: string): unknown {
    this.#asked.add(key);
    return this.has(key) ? this.#value[key] : undefined;
  }

  takeMap(key: string): OldMap {
    return new OldMap(this.take(key), this.at(key));
  }

  /** Lines of a section: a list, or one text. Blank ones are left out. */
  takeLines(key: string): string[] {
    const value = this.take(key);
    const lines = typeof value === 'string' ? value.split('\n') : Array.isArray(value) ? value : [];
    return lines.map((line) => oldText(line).trim().replace(/\s+/g, ' ')).filter((line) => line !== '');
  }

  at(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }

  /** What was never asked for. */
  get rest(): readonly string[] {
    return this.keys.filter((key) => !this.#asked.has(key));
  }
}

export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
