/**
 * What an observer has been asked to look at since its last look. Notices come in swarms, and one look answers a swarm: so a short while passes
 * between the first and the look. When too many services are named, everything is looked at, and that not too often.
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
  #services = new Set<ServiceName>();
  #everything = false;
  /** When everything was last handed out (performance.now()). */
  #lastEverything = Number.NEGATIVE_INFINITY;
  #wake: ((ms: number) => void) | null = null;

  service(service: ServiceName): void {
    if (this.#everything || this.#services.has(service)) return;
    if (this.#services.size >= SERVICES_MAX) return this.everything();
    this.#services.add(service);
    this.#wake?.(GATHER_MS);
  }

  everything(): void {
    this.#everything = true;
    this.#services.clear();
    this.#wake?.(this.#rest());
  }

  /** What was asked for, once there is something; after `ms`: everything. */
  async next(ms: number): Promise<Asked> {
    const soon = this.#everything ? this.#rest() : this.#services.size > 0 ? GATHER_MS : ms;
    const late = await this.#wait(Math.min(soon, ms), soon === ms);
    const asked = { everything: this.#everything || late, services: [...this.#services].sort() };
    this.#services = new Set();
    this.#everything = false;
    if (asked.everything) this.#lastEverything = performance.now();
    return asked;
  }

  /** Ends a wait at once. */
  end(): void {
    this.#wake?.(0);
  }

  #rest(): number {
    return Math.max(GATHER_MS, this.#lastEverything + EVERYTHING_REST_MS - performance.now());
  }

  /** Whether nobody asked for anything. What is asked for meanwhile may make it shorter, never longer. */
  #wait(ms: number, idle: boolean): Promise<boolean> {
    return new Promise((resolve) => {
      let end = performance.now() + ms;
      let late = idle;
      const done = (): void => {
        this.#wake = null;
        resolve(late);
      };
      let timer = setTimeout(done, ms);
      this.#wake = (sooner) => {
        late = false;
        if (performance.now() + sooner >= end) return;
        end = performance.now() + sooner;
        clearTimeout(timer);
        timer = setTimeout(done, sooner);
      };
    });
  }
}
