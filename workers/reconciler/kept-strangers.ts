/**
 * Servers that nobody has heard of and that were too many to let go stay for the guard's `hold`, also when most of them are back and the rest would be few
 * enough: they were lost together, and are judged together. Kept in this process: another one judges by what it finds.
 */
import type { DesiredBackend } from '../../shared/model/desired.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { ObservedBackend } from '../../shared/model/observed.ts';
import { whyStrangersStay } from '../../shared/plan/strangers.ts';

export class KeptStrangers {
  /** Until when, performance.now(). */
  readonly #until = new Map<ServiceName, number>();

  /** Why those that serve stay; null: they may go. `now` in ms. */
  why(desired: DesiredBackend, observed: ObservedBackend, now: number): string | null {
    const why = whyStrangersStay(desired, observed);
    if (why !== null) {
      if (desired.complete) this.#until.set(desired.service, now + desired.config.guard.hold);
      return why;
    }
    if (now < (this.#until.get(desired.service) ?? 0)) return 'no instance of its name is known, as of too many others a while ago';
    this.#until.delete(desired.service);
    return null;
  }
}
