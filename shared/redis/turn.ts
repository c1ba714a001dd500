/** What one process at a time is enough for: whoever takes the turn works, all others leave it. Should it die, another one may when the turn's time is over. */
import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { runScript } from './script.ts';
import { LET_GO } from './scripts.ts';
import { sourceOf } from './source.ts';

export class Turn {
  readonly #redis: Redis;
  readonly #key: string;
  readonly #token: string;
  readonly #goodUntil: number;

  private constructor(redis: Redis, taken: { key: string; token: string; goodUntil: number }) {
    this.#redis = redis;
    this.#key = taken.key;
    this.#token = taken.token;
    this.#goodUntil = taken.goodUntil;
  }

  /** For `ms` at most. null: another process has it. */
  static async take(redis: Redis, key: string, ms: number): Promise<Turn | null> {
    const token = `${sourceOf('transition')}:${randomUUID()}`;
    const goodUntil = performance.now() + ms / 2;
    const taken = await redis.set(key, token, 'PX', ms, 'NX');
    return taken === null ? null : new Turn(redis, { key, token, goodUntil });
  }

  /** Whether no more should be begun: half of its time is left for what is in hand. */
  get isEnding(): boolean {
    return performance.now() > this.#goodUntil;
  }

  /** One that lasted too long may be another's by now, and stays. */
  async end(): Promise<void> {
    await runScript(this.#redis, LET_GO, [this.#key], [this.#token]);
  }
}
