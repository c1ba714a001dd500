/** Waiting on a condition of the world, with a deadline and a signal. Every wait of the demo is one of these. */
import { errorText } from '../../shared/errors.ts';
import { pause } from '../../shared/runtime/wait.ts';

/** What did not come true in time, with what was seen last. */
export class NotInTime extends Error {
  override readonly name = 'NotInTime';
}

const EVERY_MS = 25;

export interface UntilOptions {
  /** ms */
  readonly within: number;
  readonly signal: AbortSignal;
  /** ms between two looks */
  readonly every?: number;
  /** What is seen instead, for the message. */
  readonly seen?: () => string;
}

/** The first answer of `look` that is not null or false. A look that throws counts as "not yet". Throws NotInTime, or the signal's reason. */
export async function until<T>(what: string, look: () => Promise<T | null | false> | T | null | false, options: UntilOptions): Promise<T> {
  const { within, signal, every = EVERY_MS, seen } = options;
  const deadline = performance.now() + within;
  let failure: string | null = null;
  for (;;) {
    signal.throwIfAborted();
    try {
      const answer = await look();
      if (answer !== null && answer !== false) return answer;
      failure = null;
    } catch (error) {
      failure = errorText(error);
    }
    if (performance.now() >= deadline) {
      const last = failure ?? seen?.() ?? null;
      throw new NotInTime(`waited ${within} ms for ${what}${last === null ? '' : `; last seen: ${last}`}`);
    }
    await pause(every, signal);
  }
}
