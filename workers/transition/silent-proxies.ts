/**
 * What a proxy's checks said counts as long as somebody looks at it. Of one that has been silent for long, its host mostly gone for good, it is withdrawn: an
 * instance must not stay up, or in, by what a proxy saw that nobody sees any more. That needs another proxy that is looked at and says something of the
 * service too: where there is none, it is we who do not see. What a proxy said of a service that it carries no longer is withdrawn in any case.
 * One process at a time sweeps, a bounded part of what there is; the next sweep goes on from there.
 */
import type { Redis } from 'ioredis';
import { errorText } from '../../shared/errors.ts';
import { matchesAny } from '../../shared/model/glob.ts';
import type { ProxyId, ServiceName } from '../../shared/model/ids.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import type { Keys } from '../../shared/redis/keys.ts';
import type { Announcement, ProxyStore } from '../../shared/redis/proxy-store.ts';
import { verdictCounts, withdrawAll } from '../../shared/redis/proxy-verdicts.ts';
import type { Queues } from '../../shared/redis/queues.ts';
import type { ServiceLog } from '../../shared/redis/service-log.ts';
import { sourceOf } from '../../shared/redis/source.ts';
import { Turn } from '../../shared/redis/turn.ts';

export const SILENT_MS = 10 * 60_000;
/** After that nothing is known of it any more, as of a proxy that never was. */
export const FORGOTTEN_MS = 7 * 24 * 3_600_000;
/**
 * Of one sweep, in answers of Redis: whether a proxy says something of a service is one, its end is some more. What is begun of a service is ended. A thousand
 * proxies that carry some of 200 services are looked at in ten sweeps.
 */
const WORK_MAX = 20_000;
const WITHDRAWAL_WORK = 10;
/** ms that a sweep may have the turn. */
const TURN_MS = 20_000;
/** Proxies asked in one trip for what they say of a service: mostly one of the first does. */
const WITNESSES = { first: 2, most: 200 };

export interface SilentProxiesPorts {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly proxies: ProxyStore;
  readonly log: ServiceLog;
  readonly queues: Queues;
  readonly logger: Logger;
}

interface Heard extends Announcement {
  /** ms for which nobody had an answer from it, by the clock of Redis. */
  readonly silence: number;
  /** ms since its reconciler was heard of. */
  readonly age: number;
}

/** What one sweep goes by. */
interface Sweep {
  readonly turn: Turn;
  /** Sorted. */
  readonly services: readonly ServiceName[];
  /** Those that were looked at of late. */
  readonly talking: readonly Heard[];
  /** Whether one of them says something of the service, as far as that was asked for. */
  readonly seen: Map<ServiceName, boolean>;
  /** Why something was withdrawn of these. */
  readonly why: Map<ServiceName, string>;
  left: number;
}

export class SilentProxies {
  readonly #ports: SilentProxiesPorts;
  /** Where the last sweep had no time for more. */
  #next: { readonly proxy: ProxyId; readonly service: ServiceName } | null = null;
  readonly #most: number;

  /** `most`: how much one sweep does at most. */
  constructor(ports: SilentProxiesPorts, most = WORK_MAX) {
    this.#ports = ports;
    this.#most = most;
  }

  /** What fails is the next sweep's; where another process is at it, it is that one's. */
  async sweep(): Promise<void> {
    const { redis, keys, logger } = this.#ports;
    try {
      const turn = await Turn.take(redis, keys.silence, TURN_MS);
      if (turn === null) return;
      try {
        await this.#sweep(turn);
      } finally {
        await turn.end();
      }
    } catch (error) {
      logger.debug({ error: errorText(error) }, 'sweep of the silent proxies failed, the next one follows');
    }
  }

  async #sweep(turn: Turn): Promise<void> {
    const { proxies, log, queues } = this.#ports;
    const announced = await proxies.announced();
    const { now, lookedAt } = await proxies.lookedAt(announced.map(({ id }) => id));
    // One that never answered is as old as its announcement, and heard of by nobody. (That time is its host's own.)
    const heard = announced.map((one): Heard => ({ ...one, silence: now - (lookedAt.get(one.id) ?? one.at), age: now - one.at }));
    const talking = heard.filter(({ id, silence }) => lookedAt.has(id) && silence <= SILENT_MS);
    const sweep: Sweep = { turn, services: await log.services(), talking, seen: new Map(), why: new Map(), left: this.#most };
    try {
      await this.#lookOn(sweep, heard);
    } finally {
      for (const [service, why] of sweep.why) await queues.wakeService(service, { why, time: Date.now() });
    }
  }

  async #lookOn(sweep: Sweep, heard: readonly Heard[]): Promise<void> {
    const first = this.#next;
    this.#next = null;
    const isAhead = ({ id }: Heard): boolean => first === null || id >= first.proxy;
    for (const proxy of [...heard.filter(isAhead), ...heard.filter((one) => !isAhead(one))]) {
      const services = first?.proxy === proxy.id ? sweep.services.filter((service) => service >= first.service) : sweep.services;
      const stopped = await this.#look(sweep, proxy, services);
      if (stopped !== null) this.#next = { proxy: proxy.id, service: stopped };
      if (stopped !== null) return;
    }
  }

  /** The service at which there was no time for more; null: it was looked at whole. */
  async #look(sweep: Sweep, proxy: Heard, services: readonly ServiceName[]): Promise<ServiceName | null> {
    const { redis, keys, proxies, logger } = this.#ports;
    const { id, silence, age } = proxy;
    if (isOver(sweep)) return services[0] ?? '';
    const isSilent = silence > SILENT_MS;
    if (!isSilent && proxy.services.includes('*')) return null;
    const carries = new Set(services.filter((service) => matchesAny(proxy.services, service)));
    const doubted = isSilent ? services : services.filter((service) => !carries.has(service));
    const counts = await verdictCounts(
      redis,
      keys,
      doubted.map((service) => [service, id]),
    );
    sweep.left -= doubted.length + 1;
    const said = doubted.filter((_, index) => (counts[index] ?? 0) > 0);
    let kept = services.length < sweep.services.length;
    let withdrawn = 0;
    let stopped: ServiceName | null = null;
    for (const [index, service] of said.entries()) {
      // One at least, so that each sweep gets on.
      if (index > 0 && isOver(sweep)) stopped = service;
      if (stopped !== null) break;
      if (carries.has(service) && !(await this.#isSeen(sweep, service))) kept = true;
      else withdrawn += await this.#withdraw(sweep, service, proxy, carries.has(service));
    }
    if (withdrawn > 0)
      logger.warn({ proxy: id, silence, withdrawn }, 'what a proxy said counts no more: it is silent, or carries that no longer');
    if (stopped !== null) return stopped;
    // Whose reconciler is heard of has only a HAProxy that is away.
    if (kept || sweep.talking.length === 0 || age < FORGOTTEN_MS || silence < FORGOTTEN_MS) return null;
    await proxies.forget(id);
    logger.info({ proxy: id, silence }, 'proxy silent for a week: forgotten');
    return null;
  }

  /** Whether a proxy that carries the service is looked at and says something of it. */
  async #isSeen(sweep: Sweep, service: ServiceName): Promise<boolean> {
    const { redis, keys } = this.#ports;
    const known = sweep.seen.get(service);
    if (known !== undefined) return known;
    const carriers = sweep.talking.filter(({ services }) => matchesAny(services, service)).map(({ id }) => [service, id] as const);
    let seen = false;
    for (let from = 0, size = WITNESSES.first; from < carriers.length && !seen; from += size, size = WITNESSES.most) {
      const asked = carriers.slice(from, from + size);
      seen = (await verdictCounts(redis, keys, asked)).some((count) => count > 0);
      sweep.left -= asked.length;
    }
    sweep.seen.set(service, seen);
    return seen;
  }

  /** Of how many instances. */
  async #withdraw(sweep: Sweep, service: ServiceName, { id }: Heard, carried: boolean): Promise<number> {
    const withdrawn = await withdrawAll(this.#ports.log, service, id, sourceOf('transition'));
    sweep.left -= WITHDRAWAL_WORK + withdrawn;
    sweep.why.set(service, carried ? `${id} has been silent for long` : `${id} carries it no longer`);
    return withdrawn;
  }
}

function isOver({ left, turn }: Sweep): boolean {
  return left <= 0 || turn.isEnding;
}
