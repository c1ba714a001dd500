/** PURE. A service that is being made of a Synapse service: where its keys go, and what its lines have said so far. */
import type { Draft, Place } from './draft.ts';

export class ServiceTarget {
  readonly draft: Draft;
  readonly place: Place;
  /** Whether it has a frontend of its own. */
  readonly listens: boolean;
  /** What its servers have to be spoken to with, and pointsman has no key for. */
  unspoken: string | null = null;

  constructor(draft: Draft, name: string, listens: boolean) {
    this.draft = draft;
    this.place = ['services', name];
    this.listens = listens;
  }

  carry(option: string, keys: readonly string[], value: unknown, why?: string): void {
    this.draft.carry(option, [...this.place, ...keys], value, why);
  }

  left(option: string, why: string): void {
    this.draft.left(option, why);
  }

  get(...keys: readonly string[]): unknown {
    return this.draft.get([...this.place, ...keys]);
  }

  set(keys: readonly string[], value: unknown): void {
    this.draft.set([...this.place, ...keys], value);
  }

  /** Another entry of a list that several options make up; the same one is not written twice. */
  add(option: string, keys: readonly string[], value: string, why?: string): void {
    const list = this.get(...keys);
    const entries = Array.isArray(list) ? (list as string[]) : [];
    const all = entries.includes(value) ? entries : [...entries, value];
    this.draft.set([...this.place, ...keys], all);
    this.draft.note(why === undefined ? 'carried' : 'changed', option, `${keys.join('.')}: ${why ?? 'as it is'}`, [...this.place, ...keys]);
  }
}
