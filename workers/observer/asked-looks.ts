/**
 * When an observer looks next, and at what. Notices come in swarms, and one look answers a swarm: so a short while passes between the first and the
 * look at what they name. Everything is looked at from time to time, and when it is asked for (too many were named, say), but not too often; what is named meanwhile does
 * not wait for that.
 */
import type { ServiceName } from '../../shared/model/ids.ts';

/** ms from the first notice to the look at what it names. */
export const GATHER_MS = 6;
/** ms between two looks at everything, however often they are asked for. */
const EVERYTHING_REST_MS = 200;
/** Services that one look names; two lines each go to HAProxy. */
export const SERVICES_MAX = 64;

export interface Asked {
  readonly everything: boolean;
  readonly services: readonly ServiceName[];
}

export class AskedLooks {
  readonly #services = new Set<ServiceName>();
  /** When the next looks are due (performance.now()). */
  readonly #due = { services: Number.POSITIVE_INFINITY, everything: Number.NEGATIVE_INFINITY };
  #lastEverything = Number.NEGATIVE_INFINITY;
  #ended = false;
  #wake: () => void = () => undefined;

  service(service: ServiceName): void {
    if (this.#services.has(service)) return;
    if (this.#services.size >= SERVICES_MAX) {
      this.#services.clear();
      this.#due.services = Number.POSITIVE_INFINITY;
      return this.everything();
    }
    this.#services.add(service);
    this.#sooner('services', performance.now() + GATHER_MS);
  }

  everything(): void {
    this.#sooner('everything', Math.max(performance.now() + GATHER_MS, this.#lastEverything + EVERYTHING_REST_MS));
  }

  /** What to look at, once there is something: everything at first, and again at the latest `everyMs` later. */
  async next(everyMs: number): Promise<Asked> {
    this.#sooner('everything', this.#lastEverything + everyMs);
    for (;;) {
      const now = performance.now();
      const everything = now >= this.#due.everything;
      if (this.#ended || everything || now >= this.#due.services) return this.#take(everything, now);
      await this.#wait(Math.min(this.#due.everything, this.#due.services) - now);
    }
  }

  /** Ends every wait at once. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  #take(everything: boolean, now: number): Asked {
    const services = everything ? [] : [...this.#services].sort();
    this.#services.clear();
    this.#due.services = Number.POSITIVE_INFINITY;
    if (everything) {
      this.#due.everything = Number.POSITIVE_INFINITY;
      this.#lastEverything = now;
    }
    return { everything, services };
  }

  #sooner(what: 'services' | 'everything', due: number): void {
    if (due >= this.#due[what]) return;
    this.#due[what] = due;
    this.#wake();
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#wake = () => undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#wake = done;
    });
  }
}
