/**
 * PURE. When to ask a server for a sign of life, and when to give its connection up: early enough that another server can take the
 * session over before it ends. Times in ms, monotonic.
 */

/** Looks per session timeout. */
export const BEAT_TICKS = 12;

export class Heartbeat {
  readonly #timeout: number;
  #sent: number | null = null;
  #last: number;

  constructor(sessionTimeout: number, now: number) {
    this.#timeout = sessionTimeout;
    this.#last = now;
  }

  answered(): void {
    this.#sent = null;
  }

  /** `heard`: when the last byte came. A beat is due each quarter of the timeout; one that waits a third while nothing comes, or the whole, is the end. */
  tick(now: number, heard: number): 'send' | 'cut' | 'wait' {
    if (this.#sent === null) {
      if (now - this.#last < this.#timeout / 4) return 'wait';
      this.#sent = now;
      this.#last = now;
      return 'send';
    }
    const waited = now - this.#sent;
    const silent = waited > this.#timeout / 3 && now - heard > this.#timeout / 3;
    return silent || waited > this.#timeout ? 'cut' : 'wait';
  }
}
