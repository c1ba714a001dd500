/**
 * What the registrars say of themselves in Redis, for `status` and the metrics. Nothing depends on it but what people see. There may be thousands of them, so
 * what is read is what is asked for: when they were heard of, what they count, and the entries that they name.
 */
import type { Redis } from 'ioredis';
import type { EntryReport, RegistrarReport } from '../model/registrar-report.ts';
import type { Keys } from './keys.ts';
import { execute } from './transaction.ts';

export interface RegistrarSummary extends Omit<RegistrarReport, 'entries'> {
  /** Host and pid. */
  readonly id: string;
  /** ms since the epoch */
  readonly at: number;
}

export interface RegistrarBeat extends RegistrarSummary, Pick<RegistrarReport, 'entries'> {}

/** Registrars read at once; one names up to a hundred entries. */
const PAGE = 100;

export class RegistrarStore {
  readonly #redis: Redis;
  readonly #keys: Keys['registrars'];

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys.registrars;
  }

  async announce({ entries, ...summary }: RegistrarBeat): Promise<void> {
    const { times, summaries, entries: named } = this.#keys;
    const { id, at } = summary;
    await execute(
      this.#redis.multi().zadd(times, at, id).hset(summaries, id, JSON.stringify(summary)).hset(named, id, JSON.stringify(entries)),
    );
  }

  /** One that ended has nothing to say any more. */
  async withdraw(id: string): Promise<void> {
    await this.#remove([id]);
  }

  /** What those count that were heard of since then, ms since the epoch; by name. One that cannot be read (damaged, or of another version) is left out. */
  async heardSince(since: number): Promise<RegistrarSummary[]> {
    const ids = await this.#redis.zrangebyscore(this.#keys.times, since, '+inf');
    return this.#read(ids, async (page) => (await this.#redis.hmget(this.#keys.summaries, ...page)).flatMap(summaryOf));
  }

  /** All that are known, with their entries, as `heardSince`. */
  async announced(): Promise<RegistrarBeat[]> {
    const { times, summaries, entries: named } = this.#keys;
    return this.#read(await this.#redis.zrange(times, '0', '-1'), async (page) => {
      const [counted, lists] = await Promise.all([this.#redis.hmget(summaries, ...page), this.#redis.hmget(named, ...page)]);
      return counted.flatMap((json, at) => {
        const [summary, entries] = [summaryOf(json)[0], parsed(lists[at] ?? null)];
        return summary !== undefined && Array.isArray(entries) ? [{ ...summary, entries: entries as EntryReport[] }] : [];
      });
    });
  }

  /** Takes away those that have not been heard of since then. */
  async forget(before: number): Promise<void> {
    const gone = await this.#redis.zrangebyscore(this.#keys.times, '-inf', `(${before}`, 'LIMIT', 0, PAGE);
    if (gone.length > 0) await this.#remove(gone);
  }

  async #remove(ids: readonly string[]): Promise<void> {
    const { times, summaries, entries } = this.#keys;
    await execute(
      this.#redis
        .multi()
        .zrem(times, ...ids)
        .hdel(summaries, ...ids)
        .hdel(entries, ...ids),
    );
  }

  async #read<T extends RegistrarSummary>(ids: readonly string[], page: (ids: readonly string[]) => Promise<T[]>): Promise<T[]> {
    const all: T[] = [];
    for (let at = 0; at < ids.length; at += PAGE) all.push(...(await page(ids.slice(at, at + PAGE))));
    return all.sort((a, b) => (a.id < b.id ? -1 : 1));
  }
}

/** None when it cannot be read. */
function summaryOf(json: string | null): [RegistrarSummary] | [] {
  const said = parsed(json) as Partial<RegistrarSummary> | null;
  const whole = said?.id !== undefined && said.at !== undefined && said.states && said.totals?.failures && said.lastPass;
  return whole ? [said as RegistrarSummary] : [];
}

function parsed(json: string | null): unknown {
  try {
    return json === null ? null : JSON.parse(json);
  } catch {
    return null;
  }
}
