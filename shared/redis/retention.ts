/**
 * Keeps the event logs within what the config retains: now and then one process sweeps over all of them, takes checkpoints and cuts. Nothing of it is on
 * the way of an event. A log is cut only up to its older checkpoint, so what was not folded stays, and a replay always has a start.
 */
import type { Redis } from 'ioredis';
import type { ProxyId, ServiceName } from '../model/ids.ts';
import type { Retain } from '../model/retain.ts';
import type { Keys } from './keys.ts';
import { type Limits, limitsOf, type Mark, nextStep, type ServiceStream } from './retention-plan.ts';
import { RETAIN } from './retention-script.ts';
import { runScript } from './script.ts';
import { execute } from './transaction.ts';
import { Turn } from './turn.ts';

/** One process sweeps at a time; should it die, another one may after so long. */
const TURN_MS = 20_000;
/** Of the events that are kept, this share in one service between two sweeps makes it look at that service at once. */
const RUSH_SHARE = 1 / 8;

interface Swept {
  readonly checkpoints: number;
  readonly cut: number;
}

export class Retention {
  readonly #redis: Redis;
  readonly #keys: Keys;
  /** Events that this process has folded since it last looked, by service. */
  readonly #folded = new Map<ServiceName, number>();

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** null: another process is at it. */
  async sweep(retain: Retain, now: number): Promise<Swept | null> {
    const turn = await Turn.take(this.#redis, this.#keys.retention, TURN_MS);
    if (turn === null) return null;
    try {
      return await this.#sweep(retain, now);
    } finally {
      await turn.end();
    }
  }

  /** Events were folded: when they are many, the service is looked at before the next sweep. */
  async folded(service: ServiceName, events: number, retain: Retain, now: number): Promise<void> {
    const sum = (this.#folded.get(service) ?? 0) + events;
    this.#folded.set(service, sum);
    if (sum < retain.events * RUSH_SHARE) return;
    this.#folded.delete(service);
    await this.#retain(service, await this.#service(service), { soft: retain.events, hard: retain.events }, retain, now);
  }

  async #sweep(retain: Retain, now: number): Promise<Swept> {
    this.#folded.clear();
    const services = new Map<ServiceStream, ServiceName>();
    for (const service of await this.#redis.smembers(this.#keys.services)) services.set(await this.#service(service), service);
    const proxies = new Map<ServiceStream, ProxyId>();
    for (const proxy of await this.#redis.hkeys(this.#keys.proxies))
      proxies.set(await this.#stream(this.#keys.proxy(proxy).log, null), proxy);
    const limits = limitsOf([...services.keys(), ...proxies.keys()], retain);
    let swept: Swept = { checkpoints: 0, cut: 0 };
    for (const [stream, limit] of limits) {
      const service = services.get(stream);
      const proxy = proxies.get(stream);
      if (service !== undefined) {
        const done = await this.#retain(service, stream, limit, retain, now);
        swept = { checkpoints: swept.checkpoints + done.checkpoints, cut: swept.cut + done.cut };
      } else if (proxy !== undefined) swept = { ...swept, cut: swept.cut + (await this.#cutProxy(proxy, limit, retain, now)) };
    }
    return swept;
  }

  async #retain(service: ServiceName, stream: ServiceStream, limits: Limits, { age }: Retain, now: number): Promise<Swept> {
    const step = nextStep(stream, limits, age, now);
    if (step === null) return { checkpoints: 0, cut: 0 };
    const { meta, instances, addresses, log, older, newer } = this.#keys.service(service);
    const keys = [meta, instances, addresses, log, ...[older, newer].flatMap((one) => [one.head, one.instances, one.addresses])];
    const cut = await runScript(this.#redis, RETAIN, keys, [step, String(now)]);
    return { checkpoints: step === 'rotate' && cut !== 'nothing' ? 1 : 0, cut: typeof cut === 'number' ? cut : 0 };
  }

  async #cutProxy(proxy: ProxyId, { hard }: Limits, { age }: Retain, now: number): Promise<number> {
    const { log } = this.#keys.proxy(proxy);
    const cut = await execute(
      this.#redis
        .pipeline()
        .xtrim(log, 'MAXLEN', hard)
        .xtrim(log, 'MINID', `${Math.max(0, now - age)}-0`),
    );
    return cut.reduce<number>((sum, count) => sum + Number(count), 0);
  }

  async #service(service: ServiceName): Promise<ServiceStream> {
    const keys = this.#keys.service(service);
    return this.#stream(keys.log, keys);
  }

  async #stream(log: string, keys: ReturnType<Keys['service']> | null): Promise<ServiceStream> {
    const pipeline = this.#redis.pipeline().xlen(log).memory('USAGE', log).xrange(log, '-', '+', 'COUNT', 1);
    if (keys !== null) {
      pipeline.hget(keys.meta, 'cursor');
      for (const { head } of [keys.older, keys.newer]) pipeline.hmget(head, 'cursor', 'at', 'added');
    }
    const [length, bytes, first, cursor, older, newer] = (await execute(pipeline)) as [
      number,
      number | null,
      [string, string[]][],
      (string | null)?,
      (string | null)[]?,
      (string | null)[]?,
    ];
    return {
      length,
      bytes: bytes ?? 0,
      first: first[0]?.[0] ?? null,
      added: length === 0 && first.length === 0 && bytes === null ? 0 : await this.#added(log, length),
      cursor: cursor ?? null,
      older: markOf(older),
      newer: markOf(newer),
    };
  }

  async #added(log: string, length: number): Promise<number> {
    const info = (await this.#redis.xinfo('STREAM', log)) as unknown[];
    const at = info.indexOf('entries-added');
    return at < 0 ? length : Number(info[at + 1]);
  }
}

function markOf(fields: readonly (string | null)[] | undefined): Mark | null {
  const [cursor, at, added] = fields ?? [];
  return typeof cursor === 'string' ? { cursor, at: Number(at), added: Number(added) } : null;
}
