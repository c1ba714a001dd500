/** How often each service may ask: so that one that asks in a loop takes nothing from the others. Bounded: services of the config, and one for all the rest. */

export interface RatePolicy {
  /** At once. */
  readonly burst: number;
  /** And then a second. */
  readonly perSecond: number;
}

export class RequestRate {
  readonly #policy: RatePolicy;
  readonly #left = new Map<string, { tokens: number; at: number }>();

  constructor(policy: RatePolicy) {
    this.#policy = policy;
  }

  /** Whether one more may be answered. `key`: the service, or one word for all that is none; `now`: performance.now(). */
  take(key: string, now: number): boolean {
    const { burst, perSecond } = this.#policy;
    const before = this.#left.get(key) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, before.tokens + ((now - before.at) / 1_000) * perSecond);
    const allowed = tokens >= 1;
    this.#left.set(key, { tokens: allowed ? tokens - 1 : tokens, at: now });
    return allowed;
  }
}
