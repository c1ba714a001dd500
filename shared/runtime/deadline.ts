/** A bound on how long anything is awaited. */
import { ENDED, pause } from './wait.ts';

/** What `promise` gives, if it does so within `ms`; else throws what `late` makes. The work itself is not stopped. */
export async function within<T>(ms: number, promise: Promise<T>, late: () => Error): Promise<T> {
  const settled = new AbortController();
  const timeUp = pause(ms, settled.signal).then(() => {
    if (!settled.signal.aborted) throw late();
    return promise;
  });
  try {
    return await Promise.race([promise, timeUp]);
  } finally {
    settled.abort(ENDED);
    timeUp.catch(() => {});
  }
}
