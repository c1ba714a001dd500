/** Small things that are done a moment later, off the way of what is in hand; at the end those that wait are done at once. */
import { pause } from './wait.ts';

export class Later {
  readonly #waiting = new Set<Promise<void>>();
  readonly #ending = new AbortController();

  /** What `work` throws is given to `failed`. */
  add(ms: number, work: () => Promise<void>, failed: (error: unknown) => void): void {
    const done = pause(ms, this.#ending.signal)
      .then(work)
      .catch(failed)
      .then(() => void this.#waiting.delete(done));
    this.#waiting.add(done);
  }

  async end(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#waiting);
  }
}
