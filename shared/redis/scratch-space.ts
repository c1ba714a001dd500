/**
 * Logs that were imported, under keys of their own: to be looked at and replayed, never to be worked on. No worker knows of them. A checkpoint that a
 * stream begins with becomes its older one, the last one its present snapshots, what lies between the newer one.
 */
import type { Redis } from 'ioredis';
import type { LogItem } from '../model/log-item.ts';
import type { CheckpointKeys, Keys } from './keys.ts';
import { execute } from './transaction.ts';

/** Commands in one trip. */
const COMMANDS_PER_TRIP = 1_000;
const SCAN_COUNT = 1_000;

export class ScratchSpace {
  readonly #redis: Redis;
  readonly #keys: Keys;
  #pipeline: ReturnType<Redis['pipeline']>;
  #queued = 0;
  #stream: Extract<LogItem, { kind: 'stream' }> | null = null;
  /** Checkpoints of the stream so far, and where the present one goes. */
  #checkpoints = 0;
  #place: CheckpointKeys | null = null;

  /** `keys`: those of the scratch space. */
  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
    this.#pipeline = redis.pipeline();
  }

  async isEmpty(): Promise<boolean> {
    const [services, proxies] = await Promise.all([this.#redis.exists(this.#keys.services), this.#redis.exists(this.#keys.proxies)]);
    return services + proxies === 0;
  }

  /** Every key of the space, and no other: its prefix ends with a colon or, inside a hash tag, is followed by one. */
  async clear(): Promise<number> {
    let [removed, cursor] = [0, '0'];
    for (const pattern of [`${this.#keys.prefix}:*`, `{${this.#keys.prefix}:*`]) {
      do {
        const [next, found] = await this.#redis.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT);
        for (const key of found) removed += await this.#redis.unlink(key);
        cursor = next;
      } while (cursor !== '0');
    }
    return removed;
  }

  async add(item: LogItem): Promise<void> {
    switch (item.kind) {
      case 'stream':
        this.#open(item);
        break;
      case 'event': {
        const fields = ['v', String(item.v), 'type', item.type, 'data', JSON.stringify(item.data)];
        if (item.source !== null) fields.push('source', item.source);
        if (item.cause !== null) fields.push('cause', item.cause);
        this.#queue().xadd(this.#log(), item.id, ...fields);
        break;
      }
      case 'checkpoint': {
        const head = { cursor: item.cursor, revision: String(item.revision), service: item.service };
        this.#place = await this.#next();
        this.#queue().hset(this.#place.head, { ...head, at: '0', added: '0' });
        break;
      }
      case 'instance':
        if (this.#place !== null) this.#queue().hset(this.#place.instances, item.instance, item.json);
        break;
      case 'address':
        if (this.#place !== null) this.#queue().hset(this.#place.addresses, item.address, item.json);
        break;
      case 'checkpoint-end':
      case 'end':
        this.#place = null;
    }
    if (this.#queued >= COMMANDS_PER_TRIP) await this.flush();
  }

  async flush(): Promise<void> {
    const pipeline = this.#pipeline;
    this.#pipeline = this.#redis.pipeline();
    this.#queued = 0;
    await execute(pipeline);
  }

  #queue(): ReturnType<Redis['pipeline']> {
    this.#queued += 1;
    return this.#pipeline;
  }

  #open(item: Extract<LogItem, { kind: 'stream' }>): void {
    this.#stream = item;
    this.#checkpoints = 0;
    this.#place = null;
    if (item.of === 'service') this.#queue().sadd(this.#keys.services, item.name);
    else {
      const silent = { id: item.name, pool: item.name, services: [], version: null, at: 0 };
      this.#queue().hset(this.#keys.proxies, item.name, JSON.stringify(silent));
    }
  }

  /** The first goes where a replay begins, if this is where the stream does; a later one is the present, and what was the present becomes the newer one. */
  async #next(): Promise<CheckpointKeys> {
    const { older, newer, meta, instances, addresses } = this.#keys.service(this.#stream?.name ?? '');
    const present = { head: meta, instances, addresses };
    this.#checkpoints += 1;
    if (this.#checkpoints === 1 && this.#stream?.start === 'checkpoint') return older;
    await this.flush();
    for (const [from, to] of [
      [present.head, newer.head],
      [present.instances, newer.instances],
      [present.addresses, newer.addresses],
    ] as const) {
      await this.#redis.unlink(to);
      if ((await this.#redis.exists(from)) === 1) await this.#redis.rename(from, to);
    }
    return present;
  }

  #log(): string {
    const name = this.#stream?.name ?? '';
    return this.#stream?.of === 'proxy' ? this.#keys.proxy(name).log : this.#keys.service(name).log;
  }
}
