/** What the registrars say of themselves in Redis, for `status` and the metrics. Nothing depends on it but what people see. */
import type { Redis } from 'ioredis';
import type { RegistrarReport } from '../model/registrar-report.ts';
import type { Keys } from './keys.ts';

export interface RegistrarBeat extends RegistrarReport {
  /** Host and pid. */
  readonly id: string;
  /** ms since the epoch */
  readonly at: number;
}

export class RegistrarStore {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  async announce(beat: RegistrarBeat): Promise<void> {
    await this.#redis.hset(this.#keys.registrars, beat.id, JSON.stringify(beat));
  }

  /** One that ended has nothing to say any more. */
  async withdraw(id: string): Promise<void> {
    await this.#redis.hdel(this.#keys.registrars, id);
  }

  /** By name. */
  async announced(): Promise<RegistrarBeat[]> {
    const all = await this.#redis.hgetall(this.#keys.registrars);
    return Object.values(all)
      .map((json) => JSON.parse(json) as RegistrarBeat)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Takes away those that have not been heard of since then. */
  async forget(before: number): Promise<void> {
    const gone = (await this.announced()).filter(({ at }) => at < before).map(({ id }) => id);
    if (gone.length > 0) await this.#redis.hdel(this.#keys.registrars, ...gone);
  }
}
