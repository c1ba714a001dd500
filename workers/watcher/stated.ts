/**
 * What was last put on record of each znode, so that it can be told again: of an instance that several znodes back, and of a registration that can change
 * without its znode (a host name that resolves differently). One for each znode that is there, of at most some KB.
 */
import type { Decoded } from '../../shared/model/registration.ts';
import type { Backing } from '../../shared/znode/backing.ts';
import type { Words } from '../../shared/znode/spokesman.ts';
import type { Reading } from '../../shared/zookeeper/reading.ts';
import { isVolatile } from './decode-reading.ts';

export class Stated {
  readonly #byName = new Map<string, Decoded>();
  /** Names of which the record may have less than what was read, should an earlier version have written it. */
  readonly #owed = new Set<string>();

  words(backing: Backing): Words {
    return { names: (instance) => backing.names(instance), said: (name) => this.#byName.get(name) ?? null };
  }

  /**
   * Names whose registration reads otherwise than what is on record, though the znode may be the same. `all`: also of those that give no host name.
   * `isMore`: what is read may be more than an earlier version put on record.
   */
  restated(
    decoded: ReadonlyMap<string, Decoded>,
    { all = false, isMore = () => false }: { readonly all?: boolean; readonly isMore?: (says: Decoded) => boolean } = {},
  ): Set<string> {
    const restated = new Set<string>();
    for (const [name, says] of decoded) {
      const onRecord = this.#owed.has(name) ? undefined : this.#byName.get(name);
      if ((all || isVolatile(says) || isMore(says)) && JSON.stringify(onRecord) !== JSON.stringify(says)) restated.add(name);
    }
    return restated;
  }

  /** What is read next counts as more than what is on record. */
  owe(): void {
    for (const name of this.#byName.keys()) this.#owed.add(name);
  }

  /** It is on record now. */
  note(reading: Reading, decoded: ReadonlyMap<string, Decoded>, children: ReadonlyMap<string, unknown>): void {
    for (const [name, says] of decoded) {
      this.#byName.set(name, says);
      this.#owed.delete(name);
    }
    for (const name of reading.gone) this.#byName.delete(name);
    if (reading.kind === 'full') for (const name of this.#byName.keys()) if (!children.has(name)) this.#byName.delete(name);
  }
}
