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

  words(backing: Backing): Words {
    return { names: (instance) => backing.names(instance), said: (name) => this.#byName.get(name) ?? null };
  }

  /** Names whose registration reads otherwise than what is on record, though the znode may be the same. `all`: also of those that give no host name. */
  restated(decoded: ReadonlyMap<string, Decoded>, { all = false } = {}): Set<string> {
    const restated = new Set<string>();
    for (const [name, says] of decoded)
      if ((all || isVolatile(says)) && JSON.stringify(this.#byName.get(name)) !== JSON.stringify(says)) restated.add(name);
    return restated;
  }

  /** It is on record now. */
  note(reading: Reading, decoded: ReadonlyMap<string, Decoded>, children: ReadonlyMap<string, unknown>): void {
    for (const [name, says] of decoded) this.#byName.set(name, says);
    for (const name of reading.gone) this.#byName.delete(name);
    if (reading.kind === 'full') for (const name of this.#byName.keys()) if (!children.has(name)) this.#byName.delete(name);
  }
}
