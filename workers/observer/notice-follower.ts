/**
 * At most one stream of notices of one proxy, always of its living worker: opened when a worker is seen, closed when that worker is seen no longer.
 * Where there is none to be had, that is said once, and tried again: at another worker, or after a while. Without it the poll sees everything, later.
 */
import { PointsmanError } from '../../shared/errors.ts';
import type { Passage } from '../../shared/haproxy/breaker.ts';
import { endText, NoticeStream, type StreamEnd } from '../../shared/haproxy/notice-stream.ts';
import type { Notice } from '../../shared/haproxy/parse-notice.ts';
import { breakerOf } from '../../shared/haproxy/runtime.ts';
import type { RuntimeAddress } from '../../shared/model/proxy-config.ts';
import { backoff } from '../../shared/runtime/wait.ts';

/** A stream that broke. */
const BROKEN_MS = { first: 200, most: 10_000 };
/** No connection was free, or ours was the last: others need it more. */
const FULL_MS = { first: 5_000, most: 300_000 };

/** How changes of health are heard of. */
export interface Hearing {
  readonly by: 'ring' | 'poll';
  /** Why not by the ring. */
  readonly detail: string | null;
}

export interface FollowerHandlers {
  readonly onNotice: (notice: Notice) => void;
  /** A stream has begun or has ended: what happened in between was not told. */
  readonly onGap: () => void;
  readonly onHearing: (hearing: Hearing) => void;
}

export class NoticeFollower {
  readonly #address: RuntimeAddress;
  readonly #handlers: FollowerHandlers;
  #stream: NoticeStream | null = null;
  /** Of the stream that is being opened. */
  #passage: Passage | null = null;
  /** The worker that the stream is of, or is to be of. */
  #pid = 0;
  #live = false;
  #failures = 0;
  /** Not before then (performance.now()), as long as it is this worker. */
  #notBefore = 0;
  #hearing: Hearing | null = null;
  #closed = false;

  constructor(address: RuntimeAddress, handlers: FollowerHandlers) {
    this.#address = address;
    this.#handlers = handlers;
  }

  /** The worker whose notices come; null: none do. */
  get following(): number | null {
    return this.#live ? this.#pid : null;
  }

  /** `pid` is the living worker. */
  attend(pid: number): void {
    if (pid !== this.#pid) {
      this.#drop();
      this.#pid = pid;
      this.#failures = 0;
      this.#notBefore = 0;
    }
    if (this.#closed || this.#stream !== null || performance.now() < this.#notBefore) return;
    this.#passage = breakerOf(this.#address).enter();
    if (this.#passage === null) return;
    try {
      this.#stream = new NoticeStream(this.#address, {
        onLive: (answering) => this.#begun(answering),
        onNotice: this.#handlers.onNotice,
        onEnd: (end) => this.#ended(end),
      });
    } catch (error) {
      if (!(error instanceof PointsmanError)) throw error;
      this.#ended({ why: 'closed', detail: error.message });
    }
  }

  /** Gives the connection back: the worker is stopping, or cannot be reached. */
  leave(): void {
    this.#drop();
  }

  /** Gives the connection back for a while: others get none. */
  makeRoom(): void {
    if (this.#stream !== null) this.#ended({ why: 'no-answer' });
  }

  /** For good. */
  close(): void {
    this.#closed = true;
    this.#drop();
  }

  #drop(): void {
    this.#passage?.over();
    this.#stream?.close();
    this.#stream = null;
    this.#live = false;
  }

  #begun(pid: number): void {
    this.#passage?.over();
    if (pid !== this.#pid) {
      // Another worker than the one that was looked at took the connection: the next look says which one lives.
      this.#drop();
      this.#handlers.onGap();
      return;
    }
    this.#live = true;
    this.#hear({ by: 'ring', detail: null });
    this.#handlers.onGap();
  }

  #ended(end: StreamEnd): void {
    const wasLive = this.#live;
    if (end.why === 'no-answer') this.#passage?.hung(endText(end));
    this.#drop();
    if (end.why === 'closed' && wasLive) this.#failures = 0;
    this.#notBefore = performance.now() + this.#wait(end);
    this.#failures += 1;
    // One that lived and was closed is mostly a worker that ended; the look that follows finds another one.
    if (end.why !== 'closed' || !wasLive) this.#hear({ by: 'poll', detail: endText(end) });
    if (wasLive) this.#handlers.onGap();
  }

  #wait(end: StreamEnd): number {
    switch (end.why) {
      case 'no-ring':
        return Number.POSITIVE_INFINITY;
      case 'no-answer':
        return backoff(this.#failures, FULL_MS);
      case 'closed':
        return backoff(this.#failures, BROKEN_MS);
    }
  }

  #hear(hearing: Hearing): void {
    if (this.#hearing?.by === hearing.by && this.#hearing.detail === hearing.detail) return;
    this.#hearing = hearing;
    this.#handlers.onHearing(hearing);
  }
}
