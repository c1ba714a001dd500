/**
 * PURE. What becomes next of the znode of one entry: what was found there and what is wanted in, one step out. Taken again and again until there is none, it
 * ends with what is wanted, and never with two znodes.
 */

export interface FoundZnode {
  readonly data: string;
  /** The session that it belongs to; null: it is persistent. */
  readonly owner: string | null;
  /** The instance that it says; null: none can be read. */
  readonly says: string | null;
}

export interface ZnodeNeeds {
  /** null: there shall be none. */
  readonly wanted: string | null;
  readonly instance: string;
  /** Ours now. */
  readonly session: string | null;
  /** Whether it was there under this session already: then whoever has it now lives. */
  readonly held: boolean;
  /** It has to be made anew, since what it may do was decided when it was made. */
  readonly anew: boolean;
}

/**
 * `yield`: somebody who lives has it, and keeps it until it goes. `conflict`: it is another instance's.
 * A left-over one (of a dead session, or persistent) is replaced when it is wanted, and removed when it is not.
 */
export type ZnodeStep = 'none' | 'create' | 'set' | 'replace' | 'remove' | 'yield' | 'conflict';

export function znodeStep(found: FoundZnode | null, { wanted, instance, session, held, anew }: ZnodeNeeds): ZnodeStep {
  if (found === null) return wanted === null ? 'none' : 'create';
  if (found.owner !== null && found.owner === session) {
    if (wanted === null) return 'remove';
    if (anew) return 'replace';
    return found.data === wanted ? 'none' : 'set';
  }
  if (found.says !== null && found.says !== instance) return wanted === null ? 'none' : 'conflict';
  if (held) return wanted === null ? 'none' : 'yield';
  return wanted === null ? 'remove' : 'replace';
}
