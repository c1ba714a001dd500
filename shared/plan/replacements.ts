/** PURE. In which order servers that must be made anew are replaced, and what becomes of their stand-ins (stand-in.ts). */
import type { DesiredBackend, DesiredServer } from '../model/desired.ts';
import type { ObservedBackend, ObservedServer } from '../model/observed.ts';
import { admissionOf } from './admission.ts';
import type { Hold } from './backend-plan.ts';
import { movesTo } from './changes.ts';
import { type Forms, isOfForm, misfit, serves, takesRequests } from './fit.ts';
import { replacedAtOnce, standInId, standInName, stoodInFor } from './stand-in.ts';

/** What comes next for a server that serves and must be made anew. */
export type Step =
  | { readonly step: 'leave' }
  | { readonly step: 'stand-in'; readonly server: DesiredServer }
  | { readonly step: 'wait'; readonly until: string };

export const UNTIL_UP = 'once its stand-in is up';

export class Replacements {
  readonly #desired: DesiredBackend;
  readonly #observed: ObservedBackend;
  readonly #forms: Forms;
  readonly #takenIds: Set<number>;
  readonly #wantedIds: ReadonlySet<number>;
  readonly #hold: Hold | null;
  /** Stand-ins there are, or will be. */
  #standIns = 0;
  /** One was not begun because of the hold. */
  isHeld = false;

  constructor(desired: DesiredBackend, observed: ObservedBackend, forms: Forms, hold: Hold | null) {
    this.#hold = hold;
    this.#desired = desired;
    this.#observed = observed;
    this.#forms = forms;
    this.#wantedIds = new Set([...desired.servers.values()].map(({ id }) => id));
    this.#takenIds = new Set([...this.#wantedIds, ...[...observed.servers.values()].map(({ id }) => id)]);
    for (const name of observed.servers.keys()) this.#standIns += Number(stoodInFor(name) !== null);
  }

  /** A stand-in that is answered counts as made. */
  next(wanted: DesiredServer, seen: ObservedServer): Step {
    const name = standInName(seen.name);
    const standIn = this.#observed.servers.get(name);
    if (standIn !== undefined) return this.#letsGo(standIn) ? { step: 'leave' } : { step: 'wait', until: UNTIL_UP };
    // One whose id another one waits for is replaced out of turn: that one's stand-in would hold up the turn for ever.
    const isAwaited = seen.id !== wanted.id && this.#wantedIds.has(seen.id);
    if (this.#standIns >= replacedAtOnce(this.#desired.servers.size) && !isAwaited) return { step: 'wait', until: 'after others' };
    // One that has another's id is in its way whatever the fleet does, and where an instance is to be is no option.
    const isForOptions = seen.id === wanted.id && !isOfForm(seen.name, this.#observed, this.#forms);
    if (this.#hold !== null && isForOptions) {
      this.isHeld = true;
      return { step: 'wait', until: this.#hold.why };
    }
    this.#standIns += 1;
    const id = standInId(wanted.id, (taken) => this.#takenIds.has(taken));
    this.#takenIds.add(id);
    return { step: 'stand-in', server: { ...wanted, name, id } };
  }

  /** Whether a stand-in stays: until the server that it stands in for is there as it should be, and good. */
  needs(standIn: ObservedServer, original: string): boolean {
    const wanted = this.#desired.servers.get(original);
    if (wanted?.admin !== 'ready') return false;
    const other = this.#observed.servers.get(original);
    // One of options that were wanted before holds up the next stand-in, but where it is all that serves of the two.
    if (!isOfForm(standIn.name, this.#observed, this.#forms)) return this.#isGood(standIn) && (other === undefined || !serves(other));
    if (other === undefined || this.#misfit(wanted, other) !== null) return true;
    // Where neither is good, nothing is gained by both.
    return !this.#isGood(other) && (this.#isGood(standIn) || other.check === 'pending');
  }

  /** Whether the server, or who stands in for it, is given requests and stays so. */
  serves(wanted: DesiredServer): boolean {
    const seen = this.#observed.servers.get(wanted.name);
    const standIn = this.#observed.servers.get(standInName(wanted.name));
    const leaves = (own: ObservedServer): boolean => standIn !== undefined && this.#misfit(wanted, own) !== null && this.#letsGo(standIn);
    if (seen !== undefined && (takesRequests(seen) ? !leaves(seen) : this.#comesIn(wanted, seen))) return true;
    return standIn !== undefined && takesRequests(standIn) && this.needs(standIn, wanted.name);
  }

  /** Whether it takes requests as soon as it is told to. */
  #comesIn(wanted: DesiredServer, seen: ObservedServer): boolean {
    if (seen.admin !== 'drain' || !takesRequests({ ...seen, admin: 'ready' }) || movesTo(wanted, seen)) return false;
    return this.#misfit(wanted, seen) === null && admissionOf(this.#desired.config, seen)?.command.kind === 'ready';
  }

  /** Whether the server that it stands in for leaves. */
  #letsGo(standIn: ObservedServer): boolean {
    if (this.#isGood(standIn) && isOfForm(standIn.name, this.#observed, this.#forms)) return true;
    // Where most others are good as they should be, one whose stand-in fails is bad itself: it is not kept by the options that it was made with.
    return standIn.check === 'failed' && this.#mostAreGood();
  }

  #mostAreGood(): boolean {
    const wanted = [...this.#desired.servers.values()].filter(({ admin }) => admin === 'ready');
    const good = wanted.filter((server) => {
      const seen = this.#observed.servers.get(server.name);
      return seen !== undefined && this.#isGood(seen) && this.#misfit(server, seen) === null;
    });
    return good.length * 2 > wanted.length;
  }

  #isGood(seen: ObservedServer): boolean {
    return serves(seen) && (this.#desired.config.check.type === 'none' || seen.check === 'passed');
  }

  #misfit(wanted: DesiredServer, seen: ObservedServer): string | null {
    return misfit(this.#desired, wanted, seen, this.#observed, this.#forms);
  }
}
