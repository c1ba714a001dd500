/** What was last put on record of znodes whose registration can change without them (a host name that resolves differently). */
import type { Decoded } from '../../shared/model/registration.ts';
import type { Reading } from '../../shared/zookeeper/reading.ts';
import { isVolatile } from './decode-reading.ts';

export class Stated {
  readonly #byName = new Map<string, string>();

  /** Names whose registration reads otherwise than what is on record, though the znode may be the same. */
  restated(decoded: ReadonlyMap<string, Decoded>): Set<string> {
    const restated = new Set<string>();
    for (const [name, says] of decoded) if (isVolatile(says) && this.#byName.get(name) !== JSON.stringify(says)) restated.add(name);
    return restated;
  }

  /** It is on record now. */
  note(reading: Reading, decoded: ReadonlyMap<string, Decoded>, children: ReadonlyMap<string, unknown>): void {
    for (const [name, says] of decoded) {
      if (isVolatile(says)) this.#byName.set(name, JSON.stringify(says));
      else this.#byName.delete(name);
    }
    for (const name of reading.gone) this.#byName.delete(name);
    if (reading.kind === 'full') for (const name of this.#byName.keys()) if (!children.has(name)) this.#byName.delete(name);
  }
}
