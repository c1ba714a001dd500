/** How often each service may ask: so that one that asks in a loop takes nothing from the others. Bounded: services of the config, and one for all the rest. */

/** Requests that a service may make at once, and then a second. */
const BURST = 50;
const PER_SECOND = 20;

export class RequestRate {
  readonly #left = new Map<string, { tokens: number; at: number }>();

  /** Whether one more may be answered. `key`: the service, or one word for all that is none; `now`: performance.now(). */
  take(key: string, now: number): boolean {
    const before = this.#left.get(key) ?? { tokens: BURST, at: now };
    const tokens = Math.min(BURST, before.tokens + ((now - before.at) / 1_000) * PER_SECOND);
    const allowed = tokens >= 1;
    this.#left.set(key, { tokens: allowed ? tokens - 1 : tokens, at: now });
    return allowed;
  }
}
