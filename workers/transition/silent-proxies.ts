/**
 * What a proxy's checks said counts as long as somebody looks at it. Of one that has been silent for long, its host mostly gone for good, it is withdrawn: an
 * instance must not stay up, or in, by what a proxy saw that nobody sees any more. As long as no other proxy of the service is heard of, nothing is withdrawn:
 * then it is we who do not see.
 */
import { errorText } from '../../shared/errors.ts';
import { matchesAny } from '../../shared/model/glob.ts';
import type { ProxyId, ServiceName } from '../../shared/model/ids.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import type { Announcement, ProxyStore } from '../../shared/redis/proxy-store.ts';
import type { Queues } from '../../shared/redis/queues.ts';
import type { ServiceLog } from '../../shared/redis/service-log.ts';
import { sourceOf } from '../../shared/redis/source.ts';

export const SILENT_MS = 10 * 60_000;
/** After that nothing is known of it any more, as of a proxy that never was. */
export const FORGOTTEN_MS = 7 * 24 * 3_600_000;
/** Of one event. */
const VERDICTS_MAX = 500;

export interface SilentProxiesPorts {
  readonly proxies: ProxyStore;
  readonly log: ServiceLog;
  readonly queues: Queues;
  readonly logger: Logger;
}

interface Heard extends Announcement {
  /** ms for which nobody had an answer from it. */
  readonly silence: number;
}

export class SilentProxies {
  readonly #ports: SilentProxiesPorts;
  /** The services of which a silent proxy says nothing any more. */
  readonly #withdrawn = new Map<ProxyId, Set<ServiceName>>();

  constructor(ports: SilentProxiesPorts) {
    this.#ports = ports;
  }

  /** `now`: ms since the epoch. What fails is the next sweep's. */
  async sweep(now: number): Promise<void> {
    const { proxies, logger } = this.#ports;
    try {
      const announced = await proxies.announced();
      const looked = await proxies.lookedAt(announced.map(({ id }) => id));
      // One that never answered is as old as its announcement.
      const heard = announced.map((one): Heard => ({ ...one, silence: now - (looked.get(one.id) ?? one.at) }));
      const silent = heard.filter(({ silence }) => silence > SILENT_MS);
      const talking = heard.filter(({ silence }) => silence <= SILENT_MS);
      for (const id of this.#withdrawn.keys()) if (!silent.some((one) => one.id === id)) this.#withdrawn.delete(id);
      if (talking.length === 0) return;
      for (const proxy of silent) await this.#withdraw(proxy, talking, now);
    } catch (error) {
      logger.debug({ error: errorText(error) }, 'sweep of the silent proxies failed, the next one follows');
    }
  }

  async #withdraw(proxy: Heard, talking: readonly Heard[], now: number): Promise<void> {
    const { proxies, log, logger } = this.#ports;
    const { id, at, silence } = proxy;
    const done = this.#withdrawn.get(id) ?? new Set();
    this.#withdrawn.set(id, done);
    const carried = (await log.services()).filter((service) => matchesAny(proxy.services, service));
    let withdrawn = 0;
    for (const service of carried) {
      if (done.has(service) || !talking.some(({ services }) => matchesAny(services, service))) continue;
      withdrawn += await this.#withdrawOf(service, id);
      done.add(service);
    }
    if (withdrawn > 0) logger.warn({ proxy: id, silence, withdrawn }, 'proxy silent for long: what its checks said counts no more');
    // Whose reconciler is heard of has only a HAProxy that is away.
    if (now - at < FORGOTTEN_MS || silence < FORGOTTEN_MS || !carried.every((service) => done.has(service))) return;
    await proxies.forget(id);
    logger.info({ proxy: id, silence }, 'proxy silent for a week: forgotten');
  }

  async #withdrawOf(service: ServiceName, proxy: ProxyId): Promise<number> {
    const { log, queues } = this.#ports;
    const instances = [...(await log.verdicts(service, proxy)).keys()];
    for (let from = 0; from < instances.length; from += VERDICTS_MAX)
      await log.withdrawVerdicts(service, proxy, instances.slice(from, from + VERDICTS_MAX), sourceOf('transition'));
    if (instances.length > 0) await queues.wakeService(service, { why: `${proxy} has been silent for long`, time: Date.now() });
    return instances.length;
  }
}
