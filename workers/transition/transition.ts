/**
 * The transition role: for each wake of a service, fold what is new, then mark and wake the proxies that carry it and arm its earliest
 * deadline. What follows a commit is derived from what is committed, so a crash in between is mended by the next run.
 */
import type { Worker } from 'bullmq';
import { PointsmanError } from '../../shared/errors.ts';
import { matchesAny } from '../../shared/model/glob.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import { SERVICES_QUEUE } from '../../shared/redis/keys.ts';
import type { Announcement, ProxyStore } from '../../shared/redis/proxy-store.ts';
import type { JobData, Queues, WakeJob } from '../../shared/redis/queues.ts';
import type { ServiceLog } from '../../shared/redis/service-log.ts';
import type { ServiceStore } from '../../shared/redis/service-store.ts';
import type { Role } from '../../shared/runtime/role.ts';
import { type Folded, foldService } from './fold-service.ts';

/** Folds of one job; what is left after them is another job's. */
const FOLDS_PER_JOB = 50;
const CAS_TRIES = 10;
const CONCURRENCY = 16;
/** How long the list of announced proxies is believed; a new one marks everything dirty by itself. */
const PROXIES_FRESH_MS = 1_000;
/** Every service is looked at again, so that a lost wake or an overdue deadline waits no longer. */
const SWEEP_EVERY_MS = 30_000;

export interface TransitionPorts {
  readonly log: ServiceLog;
  readonly store: ServiceStore;
  readonly proxies: ProxyStore;
  readonly queues: Queues;
  readonly logger: Logger;
}

export class Transition implements Role {
  readonly name = 'transition';
  readonly #ports: TransitionPorts;
  #worker: Worker<JobData> | null = null;
  #sweep: NodeJS.Timeout | null = null;
  /** Deadlines that this process has armed since the last sweep. */
  readonly #armed = new Map<ServiceName, number>();
  #announced: { at: number; proxies: Announcement[] } = { at: Number.NEGATIVE_INFINITY, proxies: [] };

  constructor(ports: TransitionPorts) {
    this.#ports = ports;
  }

  async start(): Promise<void> {
    this.#worker = this.#ports.queues.work(SERVICES_QUEUE, (job, signal) => this.#run(job, signal), { concurrency: CONCURRENCY });
    this.#sweep = setInterval(() => void this.#wakeAll(), SWEEP_EVERY_MS);
    await this.#wakeAll();
  }

  async stop(): Promise<void> {
    if (this.#sweep !== null) clearInterval(this.#sweep);
    this.#sweep = null;
    await this.#worker?.close();
    this.#worker = null;
  }

  async #run(job: WakeJob, signal: AbortSignal): Promise<unknown> {
    const service = job.data.key;
    let events = 0;
    const transitions: string[] = [];
    let folded: Folded | null = null;
    for (let turn = 0; turn < FOLDS_PER_JOB && !signal.aborted; turn += 1) {
      folded = await this.#fold(service);
      events += folded.events;
      transitions.push(...folded.transitions.map(({ instance, from, to }) => `${instance}: ${from} -> ${to}`));
      await this.#publish(service, folded);
      if (!folded.more) break;
    }
    await this.#arm(service, job.name === 'deadline');
    return { revision: folded?.revision ?? null, events, transitions: transitions.slice(0, 50) };
  }

  /**
   * One delayed job at the earliest deadline, armed once per deadline. Another process may have replaced it by an earlier one: so when a deadline
   * has rung, the next is armed in any case. The sweep arms again what was lost.
   */
  async #arm(service: ServiceName, rung: boolean): Promise<void> {
    const { store, queues } = this.#ports;
    const deadline = await store.earliestDeadline(service);
    if (deadline === null || (!rung && this.#armed.get(service) === deadline)) return;
    await queues.wakeServiceLater(service, deadline - Date.now(), { why: 'the earliest deadline of the service', time: Date.now() });
    this.#armed.set(service, deadline);
  }

  async #fold(service: ServiceName): Promise<Folded> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await foldService(this.#ports, service, Date.now());
      } catch (error) {
        const lost = error instanceof PointsmanError && error.code === 'LOG_CAS_LOST';
        if (!lost || attempt >= CAS_TRIES) throw error;
      }
    }
  }

  /** Marks and wakes every proxy that carries the service; told once per revision, again after a crash in between. */
  async #publish(service: ServiceName, folded: Folded): Promise<void> {
    const { store, proxies, queues } = this.#ports;
    const { published, revision } = folded;
    if (published >= revision) return;
    const owed = folded.desiredChanged || published < revision - 1 || folded.events === 0;
    if (owed) {
      const carriers = (await this.#carriers()).filter((proxy) => matchesAny(proxy.services, service));
      await proxies.mark(
        carriers.map((proxy) => proxy.id),
        new Map([[service, folded.revision]]),
      );
      const why =
        folded.transitions.length > 0
          ? folded.transitions
              .slice(0, 5)
              .map((t) => `${t.instance} ${t.to}`)
              .join(', ')
          : 'config';
      const cause = { why: `${service}: ${why}`, events: folded.transitions.slice(0, 5).map((t) => t.cause), time: Date.now() };
      await Promise.all(carriers.map((proxy) => queues.wakeProxy(proxy.pool, proxy.id, cause)));
    }
    await store.published(service, folded.revision);
  }

  async #carriers(): Promise<Announcement[]> {
    if (performance.now() - this.#announced.at > PROXIES_FRESH_MS) {
      this.#announced = { at: performance.now(), proxies: await this.#ports.proxies.announced() };
    }
    return this.#announced.proxies;
  }

  async #wakeAll(): Promise<void> {
    const { log, queues, logger } = this.#ports;
    this.#armed.clear();
    try {
      for (const service of await log.services()) await queues.wakeService(service, { why: 'sweep', time: Date.now() });
    } catch (error) {
      logger.debug({ error: String(error) }, 'sweep of the services failed, the next one follows');
    }
  }
}
