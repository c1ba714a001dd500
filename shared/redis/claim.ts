/**
 * The claim on a proxy (one writer at a time): a token in Redis with a short life, renewed while work goes on. Whoever cannot prove that
 * it still holds it stops before the next command; a crashed holder's claim ends by itself.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import type { ProxyId } from '../model/ids.ts';
import type { Keys } from './keys.ts';
import { runScript } from './script.ts';
import { LET_GO, RENEW } from './scripts.ts';

export const CLAIM_TTL_MS = 5_000;
const RENEW_EVERY_MS = 1_000;
/** Held only while so much of its life is certainly left: covers a slow clock and a batch in flight. */
const SAFETY_MS = 1_500;

export class Claim {
  readonly #redis: Redis;
  readonly #key: string;
  /** Says who holds it, for people; unique for each take. */
  readonly #token = `${hostname()}:${process.pid}:${randomUUID()}`;
  #goodUntil = 0;
  #timer: NodeJS.Timeout | null = null;

  private constructor(redis: Redis, key: string) {
    this.#redis = redis;
    this.#key = key;
  }

  /** null: another has it. */
  static async take(redis: Redis, keys: Keys, proxy: ProxyId): Promise<Claim | null> {
    const claim = new Claim(redis, keys.proxy(proxy).claim);
    const asked = performance.now();
    const taken = await redis.set(claim.#key, claim.#token, 'PX', CLAIM_TTL_MS, 'NX');
    if (taken === null) return null;
    claim.#goodUntil = asked + CLAIM_TTL_MS - SAFETY_MS;
    claim.#timer = setInterval(() => void claim.#renew(), RENEW_EVERY_MS);
    return claim;
  }

  /** Whether it is certainly still ours, by our own monotonic clock. */
  held(): boolean {
    return performance.now() < this.#goodUntil;
  }

  async release(): Promise<void> {
    this.#stop();
    await runScript(this.#redis, LET_GO, [this.#key], [this.#token]).catch(() => undefined);
  }

  async #renew(): Promise<void> {
    const asked = performance.now();
    const renewed = await runScript(this.#redis, RENEW, [this.#key], [this.#token, String(CLAIM_TTL_MS)]).catch(() => null);
    if (renewed === 1) this.#goodUntil = asked + CLAIM_TTL_MS - SAFETY_MS;
    else if (renewed === 0) this.#stop();
  }

  #stop(): void {
    this.#goodUntil = 0;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}
