/** Waiting, bounded and abortable. */

/** A reason to abort a wait with: without one a DOMException with its stack is made each time. */
export const ENDED = 'the wait is over';

/** Resolves after `ms`, or at once when the signal aborts (never rejects). */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** Exponential back-off with full jitter of `share`: attempt 0 gives about `first`, never more than `most`. */
export function backoff(attempt: number, options: { first: number; most: number; share?: number }): number {
  const base = Math.min(options.most, options.first * 2 ** Math.min(attempt, 30));
  const share = options.share ?? 0.2;
  return Math.round(base * (1 - share + Math.random() * share));
}
