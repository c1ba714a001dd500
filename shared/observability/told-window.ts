/** PURE. What strangers cause is told in bounded numbers: so many lines a minute, and with the first of the next minute how many were not. */

const TOLD_MAX = 10;
const WINDOW_MS = 60_000;

export class ToldWindow {
  #ends = 0;
  #told = 0;
  #untold = 0;

  /** null: not now. `now`: performance.now(). Else fields for the line: `untold`, if there were some. */
  take(now: number): { readonly untold?: number } | null {
    if (now >= this.#ends) {
      this.#ends = now + WINDOW_MS;
      this.#told = 0;
    }
    if (this.#told >= TOLD_MAX) {
      this.#untold += 1;
      return null;
    }
    this.#told += 1;
    const more = this.#untold === 0 ? {} : { untold: this.#untold };
    this.#untold = 0;
    return more;
  }
}
