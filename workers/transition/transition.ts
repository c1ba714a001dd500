/**
 * The transition role: for each wake of a service, fold what is new, then mark and wake the proxies that carry it and arm its earliest
 * deadline. What follows a commit is derived from what is committed, so a crash in between is mended by the next run.
 */
import type { Worker } from 'bullmq';
import { PointsmanError } from '../../shared/errors.ts';
import type { ServiceEvent } from '../../shared/model/event.ts';
import { matchesAny } from '../../shared/model/glob.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import { SERVICES_QUEUE } from '../../shared/redis/keys.ts';
import type { Announcement, ProxyStore } from '../../shared/redis/proxy-store.ts';
import type { Cause, JobData, Queues, WakeJob } from '../../shared/redis/queues.ts';
import type { ServiceLog } from '../../shared/redis/service-log.ts';
import type { ServiceStore } from '../../shared/redis/service-store.ts';
import type { Handover } from '../../shared/runtime/handover.ts';
import type { Role } from '../../shared/runtime/role.ts';
import { Turns } from '../../shared/runtime/turns.ts';
import { type Folded, foldService } from './fold-service.ts';

/** Folds of one job; what is left after them is another job's. */
const FOLDS_PER_JOB = 50;
const CAS_TRIES = 10;
const CONCURRENCY = 16;
/** Every service is looked at again, so that a lost wake or an overdue deadline waits no longer. */
const SWEEP_EVERY_MS = 30_000;

/** Transitions told in a job's result. */
const TRANSITIONS_TOLD = 50;

/** What a job did, for people. */
interface Done {
  readonly revision: number | null;
  readonly events: number;
  readonly transitions: readonly string[];
}

export interface TransitionPorts {
  readonly log: ServiceLog;
  readonly store: ServiceStore;
  readonly proxies: ProxyStore;
  readonly queues: Queues;
  readonly handover: Handover;
  readonly logger: Logger;
}

export class Transition implements Role {
  readonly name = 'transition';
  readonly #ports: TransitionPorts;
  readonly #turns = new Turns();
  readonly #stopping = new AbortController();
  /** What the last fold of each service changed, for the job that finds it done. */
  readonly #done = new Map<ServiceName, readonly string[]>();
  #worker: Worker<JobData> | null = null;
  #sweep: NodeJS.Timeout | null = null;
  /** Deadlines that this process has armed since the last sweep. */
  readonly #armed = new Map<ServiceName, number>();
  /** The proxies that were announced when this was last read; told first, while it is read again. */
  #announced: readonly Announcement[] = [];

  constructor(ports: TransitionPorts) {
    this.#ports = ports;
  }

  async start(): Promise<void> {
    this.#worker = this.#ports.queues.work(SERVICES_QUEUE, (job, signal) => this.#run(job, signal), { concurrency: CONCURRENCY });
    this.#ports.handover.service = (service, events) => this.#told(service, events);
    this.#sweep = setInterval(() => void this.#wakeAll(), SWEEP_EVERY_MS);
    await this.#wakeAll();
  }

  async stop(): Promise<void> {
    if (this.#sweep !== null) clearInterval(this.#sweep);
    this.#sweep = null;
    this.#ports.handover.service = null;
    this.#stopping.abort();
    await this.#turns.ended();
    await this.#worker?.close();
    this.#worker = null;
  }

  async #run(job: WakeJob, signal: AbortSignal): Promise<unknown> {
    const service = job.data.key;
    const done = await this.#turns.run(service, () => this.#work(service, signal, []));
    await this.#arm(service, job.name === 'deadline');
    return done.events > 0 ? done : { ...done, already: this.#done.get(service) ?? [] };
  }

  /** By the watcher in this process; the job that follows does what this leaves undone. */
  #told(service: ServiceName, events: readonly ServiceEvent[]): void {
    this.#turns
      .run(service, () => this.#work(service, this.#stopping.signal, events))
      .catch((error: unknown) => this.#ports.logger.debug({ service, error: String(error) }, 'fold failed, the job follows'));
  }

  /** Folds what there is. `hint`: events that are on their way into the log. */
  async #work(service: ServiceName, signal: AbortSignal, hint: readonly ServiceEvent[]): Promise<Done> {
    let events = 0;
    let revision: number | null = null;
    const transitions: string[] = [];
    let more = false;
    for (let turn = 0; turn < FOLDS_PER_JOB && !signal.aborted; turn += 1) {
      const folded = await this.#fold(service, turn === 0 ? hint : []);
      if (folded.published < folded.revision) await this.#ports.store.published(service, folded.revision);
      events += folded.events;
      revision = folded.revision;
      transitions.push(...folded.transitions.map(({ instance, from, to }) => `${instance}: ${from} -> ${to}`));
      more = folded.more;
      if (!more) break;
    }
    if (more) await this.#ports.queues.wakeService(service, { why: 'more events than one job folds', time: Date.now() });
    const told = transitions.slice(0, TRANSITIONS_TOLD);
    if (events > 0) this.#done.set(service, told);
    return { revision, events, transitions: told };
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

  async #fold(service: ServiceName, hint: readonly ServiceEvent[]): Promise<Folded> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const ahead = attempt === 1 ? hint : [];
        return await foldService(this.#ports, service, Date.now(), ahead, (folded) => this.#publish(service, folded));
      } catch (error) {
        const lost = error instanceof PointsmanError && error.code === 'LOG_CAS_LOST';
        if (!lost || attempt >= CAS_TRIES) throw error;
      }
    }
  }

  /**
   * Marks and wakes every proxy that carries the service; told once per revision, again after a crash in between. Marks and wakes go over one
   * connection, in this order, and are not waited for one by one. Proxies that are known already are told at once; the list is read behind the
   * commit, in the same trip, and whoever it shows to be new or changed is told then. One that announces itself later yet reads what is committed.
   */
  async #publish(service: ServiceName, folded: Folded): Promise<void> {
    const { published, revision, transitions } = folded;
    const owed = published < revision && (folded.desiredChanged || published < revision - 1 || folded.events === 0);
    if (!owed) return;
    const first = transitions.slice(0, 5);
    const why = first.length > 0 ? first.map((change) => `${change.instance} ${change.to}`).join(', ') : 'config';
    const cause = { why: `${service}: ${why}`, events: first.map((change) => change.cause), time: Date.now() };
    const known = this.#announced.filter((proxy) => matchesAny(proxy.services, service));
    const [, announced] = await Promise.all([this.#tell(known, service, revision, cause), this.#ports.proxies.announced()]);
    this.#announced = announced;
    const told = new Set(known.map(({ id, pool }) => `${id} ${pool}`));
    const missed = announced.filter(({ id, pool, services }) => matchesAny(services, service) && !told.has(`${id} ${pool}`));
    await this.#tell(missed, service, revision, cause);
  }

  async #tell(carriers: readonly Announcement[], service: ServiceName, revision: number, cause: Cause): Promise<void> {
    const { proxies, queues, handover } = this.#ports;
    const marks = new Map([[service, revision]]);
    const sent = carriers.flatMap(({ id, pool }) => [proxies.mark([id], marks), queues.wakeProxy(pool, id, cause)]);
    for (const { id } of carriers) handover.proxy?.(id, service);
    await Promise.all(sent);
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
