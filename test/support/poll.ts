/**
 * Waits on a condition, with a deadline. Tests wait on the state of the world with this, never on a fixed sleep.
 */
import { pause } from '../../shared/runtime/wait.ts';

export interface PollOptions {
  /** ms; default 10,000 */
  readonly timeoutMs?: number;
  /** ms between two looks; default 20 */
  readonly everyMs?: number;
}

/** What a check may answer while the world is not there yet. */
type NotYet = undefined | false | null;

/**
 * The first answer of `check` that is not undefined, false or null. A check that throws counts as "not yet".
 * Throws an Error that names what was awaited, with the last answer or error.
 */
export async function until<T>(what: string, check: () => Promise<T | NotYet> | T | NotYet, options: PollOptions = {}): Promise<T> {
  const timeoutMs = options.timeoutMs ?? 10_000;
  const everyMs = options.everyMs ?? 20;
  const deadline = performance.now() + timeoutMs;
  let last = 'it was never looked at';
  let lastError: unknown;
  for (;;) {
    const left = deadline - performance.now();
    const answered = new AbortController();
    const looked = await Promise.race([look(check), pause(Math.max(left, everyMs), answered.signal).then(() => 'late' as const)]);
    answered.abort();
    if (looked === 'late') {
      last = `the check did not answer (before that: ${last})`;
    } else if ('value' in looked) {
      if (looked.value !== undefined && looked.value !== false && looked.value !== null) return looked.value;
      last = `the last answer was ${String(looked.value)}`;
      lastError = undefined;
    } else {
      last = `the last error was ${looked.error instanceof Error ? looked.error.message : String(looked.error)}`;
      lastError = looked.error;
    }
    if (performance.now() >= deadline) {
      throw new Error(`waited ${timeoutMs} ms for: ${what}; ${last}`, lastError === undefined ? undefined : { cause: lastError });
    }
    await pause(everyMs);
  }
}

async function look<T>(check: () => Promise<T> | T): Promise<{ value: T } | { error: unknown }> {
  try {
    return { value: await check() };
  } catch (error) {
    return { error };
  }
}
