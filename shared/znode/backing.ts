/** Which znodes back an instance, by the view: mostly one. Kept in step with it, so that asking costs nothing that grows with the service. */
import type { InstanceId } from '../model/ids.ts';
import type { ViewEntry } from './view.ts';

export class Backing {
  readonly #names = new Map<InstanceId, readonly string[]>();

  constructor(view: ReadonlyMap<string, ViewEntry> = new Map()) {
    for (const [name, entry] of view) this.note(name, undefined, entry);
  }

  names(instance: InstanceId): readonly string[] {
    return this.#names.get(instance) ?? [];
  }

  /** The view's entry of a znode was `before` and is `after`; undefined: there is none. */
  note(name: string, before: ViewEntry | undefined, after: ViewEntry | undefined): void {
    if (before?.instance === after?.instance) return;
    if (before !== undefined) {
      const others = this.names(before.instance).filter((other) => other !== name);
      if (others.length > 0) this.#names.set(before.instance, others);
      else this.#names.delete(before.instance);
    }
    if (after !== undefined) this.#names.set(after.instance, [...this.names(after.instance), name]);
  }
}
