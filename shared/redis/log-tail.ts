/** The ends of event logs: the last entries of a stream, and what came after. */
import type { Redis } from 'ioredis';
import type { EventId } from '../model/ids.ts';
import type { Entry } from '../model/log-item.ts';
import { entryOf } from './entry.ts';
import type { Keys } from './keys.ts';
import { execute } from './transaction.ts';

export interface StreamName {
  readonly of: 'service' | 'proxy';
  readonly name: string;
}

export class LogTail {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Sorted by name, services first. */
  async streams(): Promise<StreamName[]> {
    const [services, proxies] = await Promise.all([this.#redis.smembers(this.#keys.services), this.#redis.hkeys(this.#keys.proxies)]);
    return [
      ...services.sort().map((name) => ({ of: 'service', name }) as const),
      ...proxies.sort().map((name) => ({ of: 'proxy', name }) as const),
    ];
  }

  /** Up to `count` entries before `id` (exclusive; null: the end), the last one first. */
  async before(stream: StreamName, id: EventId | null, count: number): Promise<Entry[]> {
    const entries = await this.#redis.xrevrange(this.#log(stream), id === null ? '+' : `(${id}`, '-', 'COUNT', count);
    return entries.map(([entry, fields]) => entryOf(entry, fields));
  }

  /** Of each stream up to `count` entries after an id (exclusive), in one trip. */
  async after(from: readonly (readonly [StreamName, EventId])[], count: number): Promise<Entry[][]> {
    if (from.length === 0) return [];
    const pipeline = this.#redis.pipeline();
    for (const [stream, id] of from) pipeline.xrange(this.#log(stream), `(${id}`, '+', 'COUNT', count);
    const pages = (await execute(pipeline)) as [string, string[]][][];
    return pages.map((page) => page.map(([id, fields]) => entryOf(id, fields)));
  }

  #log({ of, name }: StreamName): string {
    return of === 'service' ? this.#keys.service(name).log : this.#keys.proxy(name).log;
  }
}
