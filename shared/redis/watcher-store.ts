/** What the watchers say of themselves in Redis, so that `status` can tell a quiet registry from a watcher that is dead or cut off. */
import type { Redis } from 'ioredis';
import type { ServiceName } from '../model/ids.ts';
import type { Keys } from './keys.ts';

/** Services in trouble that are named; the rest is counted. */
export const TROUBLED_MAX = 100;

export interface WatcherBeat {
  /** Host and pid. */
  readonly id: string;
  /** ms since the epoch */
  readonly at: number;
  readonly leader: boolean;
  /** To Zookeeper. */
  readonly connected: boolean;
  /** Since when it is connected, or is not: ms since the epoch. */
  readonly since: number;
  /** What the link said last of why it is not connected. */
  readonly problem: string | null;
  /** How many it watches; those that stand by watch none. */
  readonly services: number;
  readonly troubled: readonly TroubledService[];
}

export interface TroubledService {
  readonly service: ServiceName;
  /** path: it is not there, and waited for · stale: what Zookeeper has is not known at the moment · refused: a child of a discovered root that is none. */
  readonly why: 'path' | 'stale' | 'refused';
  /** The path, or the error. */
  readonly detail: string;
}

export class WatcherStore {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  async announce(beat: WatcherBeat): Promise<void> {
    await this.#redis.hset(this.#keys.watchers, beat.id, JSON.stringify(beat));
  }

  /** Those that were heard of last come first. */
  async announced(): Promise<WatcherBeat[]> {
    const all = await this.#redis.hgetall(this.#keys.watchers);
    return Object.values(all)
      .map((json) => JSON.parse(json) as WatcherBeat)
      .sort((a, b) => b.at - a.at || (a.id < b.id ? -1 : 1));
  }

  /** Takes away those that have not been heard of since then. */
  async forget(before: number): Promise<void> {
    const gone = (await this.announced()).filter(({ at }) => at < before).map(({ id }) => id);
    if (gone.length > 0) await this.#redis.hdel(this.#keys.watchers, ...gone);
  }
}
