/**
 * The event logs as a whole, for export and replay: read page by page, so memory stays small, together with the snapshots that were stored: copies of
 * one moment, which end by themselves. A log that is cut while it is read is an error, never a gap.
 */
import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { must, PointsmanError } from '../errors.ts';
import { compareEventIds, type EventId, type InstanceId, type ProxyId, type ServiceName } from '../model/ids.ts';
import type { LogItem } from '../model/log-item.ts';
import { entryOf } from './entry.ts';
import type { CheckpointKeys, Keys } from './keys.ts';
import { SNAPSHOT } from './retention-script.ts';
import { runScript } from './script.ts';
import { execute } from './transaction.ts';

/** A stored checkpoint as it is, JSON; it may be damaged. */
export interface StoredCheckpoint {
  readonly cursor: EventId;
  readonly service: string;
  readonly instances: Readonly<Record<InstanceId, string>>;
  readonly addresses: Readonly<Record<string, string>>;
}

/** Entries, or fields, in one reply. */
const PAGE = 1_000;
/** s; a read that takes longer starts again. */
const COPIES_LIVE_S = 3_600;

interface Stored {
  readonly cursor: EventId;
  readonly keys: CheckpointKeys;
}

export class LogSource {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  async services(): Promise<ServiceName[]> {
    return (await this.#redis.smembers(this.#keys.services)).sort();
  }

  async proxies(): Promise<ProxyId[]> {
    return (await this.#redis.hkeys(this.#keys.proxies)).sort();
  }

  /** The checkpoint up to which the log is cut: where a fold of what is left begins. null: there is none. */
  async older(service: ServiceName): Promise<StoredCheckpoint | null> {
    const { head, instances, addresses } = this.#keys.service(service).older;
    const read = this.#redis.multi().hmget(head, 'cursor', 'service').hgetall(instances).hgetall(addresses);
    const [[cursor, snapshot], ...parts] = (await execute(read)) as [(string | null)[], Record<string, string>, Record<string, string>];
    return cursor && snapshot ? { cursor, service: snapshot, instances: parts[0], addresses: parts[1] } : null;
  }

  /** The event up to which it is cut; `0-0`: none. */
  async cutUpTo(service: ServiceName): Promise<EventId> {
    return (await this.#redis.hget(this.#keys.service(service).older.head, 'cursor')) ?? '0-0';
  }

  /** @throws PointsmanError LOG_CUT: it was cut meanwhile. */
  async *service(service: ServiceName): AsyncGenerator<LogItem> {
    const keys = this.#keys.service(service);
    const copies = this.#copies(service);
    try {
      const all = [keys.older, keys.newer, ...copies].flatMap((one) => [one.head, one.instances, one.addresses]);
      const answer = await runScript(
        this.#redis,
        SNAPSHOT,
        [keys.meta, keys.instances, keys.addresses, keys.log, ...all],
        [String(COPIES_LIVE_S)],
      );
      const [older, newer, present, added, length] = answer as [string, string, string, string, string];
      const stored = [older, newer, present].flatMap((cursor, index) =>
        cursor === '' ? [] : [{ cursor, keys: must(copies[index], 'copy') }],
      );
      const start = older !== '' ? 'checkpoint' : added === length ? 'beginning' : 'none';
      const after = older === '' ? '0-0' : older;
      yield { kind: 'stream', of: 'service', name: service, after, start };
      yield* this.#entries(keys.log, after, stored, keys.older.head);
      yield { kind: 'end' };
    } finally {
      await this.#redis.unlink(...copies.flatMap((one) => [one.head, one.instances, one.addresses])).catch(() => undefined);
    }
  }

  async *proxy(proxy: ProxyId): AsyncGenerator<LogItem> {
    yield { kind: 'stream', of: 'proxy', name: proxy, after: '0-0', start: 'none' };
    yield* this.#entries(this.#keys.proxy(proxy).log, '0-0', [], null);
    yield { kind: 'end' };
  }

  /** `older`: where it is said up to which event the log was cut. */
  async *#entries(log: string, after: EventId, stored: readonly Stored[], older: string | null): AsyncGenerator<LogItem> {
    const due = [...stored].sort((a, b) => compareEventIds(a.cursor, b.cursor));
    let read = after;
    for (;;) {
      const page = this.#redis.multi().xrange(log, `(${read}`, '+', 'COUNT', PAGE);
      if (older !== null) page.hget(older, 'cursor');
      const [entries, cut] = (await execute(page)) as [[string, string[]][], (string | null)?];
      if (typeof cut === 'string' && compareEventIds(cut, read) > 0) {
        throw new PointsmanError('LOG_CUT', `the log was cut up to ${cut} while it was read`, { hint: 'run it again', retry: 'transient' });
      }
      for (const [id, fields] of entries) {
        while (due[0] !== undefined && compareEventIds(due[0].cursor, id) < 0) yield* this.#stored(must(due.shift(), 'checkpoint'));
        yield { kind: 'event', ...entryOf(id, fields) };
        read = id;
      }
      if (entries.length < PAGE) break;
    }
    for (const one of due) yield* this.#stored(one);
  }

  async *#stored({ cursor, keys }: Stored): AsyncGenerator<LogItem> {
    const [revision, service] = await this.#redis.hmget(keys.head, 'revision', 'service');
    if (typeof service !== 'string') {
      throw new PointsmanError('LOG_CUT', 'the copies of the snapshots ended while they were read', {
        hint: 'run it again',
        retry: 'transient',
      });
    }
    yield { kind: 'checkpoint', cursor, revision: Number(revision), service };
    for await (const [instance, json] of this.#fields(keys.instances)) yield { kind: 'instance', instance, json };
    for await (const [address, json] of this.#fields(keys.addresses)) yield { kind: 'address', address, json };
    yield { kind: 'checkpoint-end' };
  }

  async *#fields(key: string): AsyncGenerator<[string, string]> {
    let cursor = '0';
    do {
      const [next, fields] = await this.#redis.hscan(key, cursor, 'COUNT', PAGE);
      for (let at = 0; at + 1 < fields.length; at += 2) yield [fields[at] as string, fields[at + 1] as string];
      cursor = next;
    } while (cursor !== '0');
  }

  /** Of the older checkpoint, the newer one, and the present. */
  #copies(service: ServiceName): readonly CheckpointKeys[] {
    const base = this.#keys.copy(service, randomUUID());
    return ['older', 'newer', 'present'].map((name) => ({
      head: `${base}:${name}`,
      instances: `${base}:${name}:instances`,
      addresses: `${base}:${name}:addresses`,
    }));
  }
}
