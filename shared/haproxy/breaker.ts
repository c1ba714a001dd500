/**
 * Whether a runtime socket may be connected to, for everybody in this process who would. A HAProxy that is stopped, or whose connections are all taken,
 * lets each new one hang without a word, and what gave up leaves its connection waiting there. So after HUNG_MAX that hung in a row nobody connects for
 * a while, longer each time; then one may try. A HAProxy that refuses connections, or is not there, answers at once: that opens no breaker.
 */
import { backoff } from '../runtime/wait.ts';

/** Connections that hung, one after the other. */
const HUNG_MAX = 3;
/** ms that nobody connects; the longest is also how long a HAProxy that answers again may go unnoticed. */
const OPEN_MS = { first: 1_000, most: 15_000 };

export interface BreakerState {
  /** closed: connections are made · open: none is · probing: one is out to see whether it is answered. */
  readonly state: 'closed' | 'open' | 'probing';
  /** What the connections that hung said; null: closed. */
  readonly detail: string | null;
  /** Since when none was answered (ms since the epoch); null: closed. */
  readonly since: number | null;
  /** When the next may try (ms since the epoch); null: closed, or one is at it. */
  readonly nextTry: number | null;
}

/** One connection, as the breaker knows it. Only the first of `hung` and `over` counts. */
export interface Passage {
  /** HAProxy answered. */
  readonly answered: () => void;
  /** HAProxy did not answer in time. */
  readonly hung: (detail: string) => void;
  /** Closed or refused, and not for want of an answer. */
  readonly over: () => void;
}

const CLOSED: BreakerState = { state: 'closed', detail: null, since: null, nextTry: null };

export class Breaker {
  #state: BreakerState = CLOSED;
  /** Connections in a row that hung. */
  #hung = 0;
  /** How often it opened since HAProxy last did all that it was asked. */
  #opened = 0;
  /** performance.now() */
  #notBefore = 0;
  /** The one that is out. */
  #probe: Passage | null = null;
  readonly #listeners = new Set<(state: BreakerState) => void>();

  get state(): BreakerState {
    return this.#state;
  }

  /** Told when it opens, and when it closes. Returns what ends that. */
  watch(listener: (state: BreakerState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** null: nobody connects now. Whoever gets a passage says how it went. */
  enter(): Passage | null {
    if (this.#state.state === 'probing') return null;
    const passage = this.#passage();
    if (this.#state.state === 'closed') return passage;
    if (performance.now() < this.#notBefore) return null;
    this.#state = { ...this.#state, state: 'probing', nextTry: null };
    this.#probe = passage;
    return passage;
  }

  #passage(): Passage {
    let done = false;
    const passage: Passage = {
      answered: () => {
        if (!done && this.#isProbe(passage)) this.#close(HUNG_MAX - 1);
      },
      hung: (detail) => {
        if (!done) this.#noteHung(passage, detail);
        done = true;
      },
      over: () => {
        if (!done && this.#state.state === 'closed') [this.#hung, this.#opened] = [0, 0];
        else if (!done && this.#isProbe(passage)) this.#close(0);
        done = true;
      },
    };
    return passage;
  }

  #isProbe(passage: Passage): boolean {
    return this.#state.state === 'probing' && this.#probe === passage;
  }

  #noteHung(passage: Passage, detail: string): void {
    // Those that were under way when it opened say nothing new.
    if (this.#state.state !== 'closed' && !this.#isProbe(passage)) return;
    this.#hung += 1;
    if (this.#state.state === 'closed' && this.#hung < HUNG_MAX) return;
    const wait = backoff(this.#opened, OPEN_MS);
    this.#opened += 1;
    this.#notBefore = performance.now() + wait;
    const now = Date.now();
    this.#become({ state: 'open', detail, since: this.#state.since ?? now, nextTry: now + wait });
  }

  /** One more that hangs opens it again, as long as `hung` says that only the connection was answered, and nothing asked on it yet. */
  #close(hung: number): void {
    this.#hung = hung;
    this.#become(CLOSED);
  }

  #become(state: BreakerState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
  }
}
