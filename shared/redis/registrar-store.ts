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

  /** By name. One that cannot be read (damaged, or of another version) is left out. */
  async announced(): Promise<RegistrarBeat[]> {
    const all = await this.#redis.hgetall(this.#keys.registrars);
    return Object.values(all)
      .flatMap((json) => beatOf(json) ?? [])
      .sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Takes away those that have not been heard of since then. */
  async forget(before: number): Promise<void> {
    const all = await this.#redis.hgetall(this.#keys.registrars);
    const gone = Object.entries(all).flatMap(([id, json]) => ((beatOf(json)?.at ?? 0) < before ? [id] : []));
    if (gone.length > 0) await this.#redis.hdel(this.#keys.registrars, ...gone);
  }
}

function beatOf(json: string): RegistrarBeat | null {
  try {
    const beat = JSON.parse(json) as Partial<RegistrarBeat> | null;
    const whole =
      beat?.id !== undefined &&
      beat.at !== undefined &&
      beat.states &&
      beat.totals?.failures &&
      beat.lastPass &&
      Array.isArray(beat.entries);
    return whole ? (beat as RegistrarBeat) : null;
  } catch {
    return null;
  }
}
