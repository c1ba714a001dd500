/**
 * The transition role: for each wake of a service, fold what is new, then mark and wake the proxies that carry it and arm its earliest
 * deadline. What follows a commit is derived from what is committed, so a crash in between is mended by the next run.
 */
import { PointsmanError } from '../../shared/errors.ts';
import type { ServiceEvent } from '../../shared/model/event.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { Retain } from '../../shared/model/retain.ts';
import type { DesiredStore } from '../../shared/redis/desired-store.ts';
import { SERVICES_QUEUE } from '../../shared/redis/keys.ts';
import type { QueueWorker } from '../../shared/redis/queue-worker.ts';
import type { Queues, WakeJob } from '../../shared/redis/queues.ts';
import type { Retention } from '../../shared/redis/retention.ts';
import type { ServiceLog } from '../../shared/redis/service-log.ts';
import type { Handover } from '../../shared/runtime/handover.ts';
import type { Role } from '../../shared/runtime/role.ts';
import { Turns } from '../../shared/runtime/turns.ts';
import { Expectations } from './expectations.ts';
import { type Folded, foldService } from './fold-service.ts';
import { LogKeeper } from './log-keeper.ts';
import { Publisher } from './publisher.ts';
import { type RebuildPorts, rebuild } from './rebuild.ts';
import { RefusalTeller } from './refusal-teller.ts';
import { SilentProxies } from './silent-proxies.ts';
import { Unreadable } from './stored.ts';

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

export interface TransitionPorts extends RebuildPorts {
  readonly log: ServiceLog;
  readonly desired: DesiredStore;
  readonly queues: Queues;
  readonly retention: Retention;
  readonly handover: Handover;
}

export class Transition implements Role {
  readonly name = 'transition';
  readonly #ports: TransitionPorts;
  readonly #expectations: Expectations;
  readonly #refusals: RefusalTeller;
  readonly #keeper: LogKeeper;
  readonly #silent: SilentProxies;
  readonly #publisher: Publisher;
  readonly #turns = new Turns();
  readonly #stopping = new AbortController();
  /** What the last fold of each service changed, for the job that finds it done. */
  readonly #done = new Map<ServiceName, readonly string[]>();
  #worker: QueueWorker | null = null;
  #sweep: NodeJS.Timeout | null = null;
  #isSweeping = false;
  /** Deadlines that this process has armed since the last sweep. */
  readonly #armed = new Map<ServiceName, number>();

  /** `retain`: how much of the logs is kept; null: all of it. */
  constructor(ports: TransitionPorts, retain: Retain | null = null) {
    this.#ports = ports;
    this.#keeper = new LogKeeper(ports, retain);
    this.#silent = new SilentProxies(ports);
    this.#publisher = new Publisher(ports);
    this.#expectations = new Expectations(ports.handover);
    this.#refusals = new RefusalTeller(ports.logger);
  }

  set retain(retain: Retain) {
    this.#keeper.retain = retain;
  }

  async start(): Promise<void> {
    this.#worker = this.#ports.queues.work(SERVICES_QUEUE, (job, signal) => this.#run(job, signal), { concurrency: CONCURRENCY });
    this.#ports.handover.noticed = (service) => this.#expectations.expect(service);
    this.#ports.handover.settled = (service) => this.#expectations.take(service)?.tell(null);
    this.#ports.handover.service = (service, events) => this.#told(service, events);
    this.#sweep = setInterval(() => void this.#sweepAll(), SWEEP_EVERY_MS);
    await this.#wakeAll();
  }

  async stop(): Promise<void> {
    if (this.#sweep !== null) clearInterval(this.#sweep);
    this.#sweep = null;
    this.#ports.handover.noticed = null;
    this.#ports.handover.settled = null;
    this.#ports.handover.service = null;
    this.#expectations.end();
    this.#stopping.abort();
    await this.#turns.ended();
    await this.#publisher.end();
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
      events += folded.events;
      this.#refusals.tell(service, folded.refused, performance.now());
      revision = folded.revision;
      transitions.push(...folded.transitions.map(({ instance, from, to }) => `${instance}: ${from} -> ${to}`));
      more = folded.more;
      if (!more) break;
    }
    if (more) await this.#ports.queues.wakeService(service, { why: 'more events than one job folds', time: Date.now() });
    const told = transitions.slice(0, TRANSITIONS_TOLD);
    if (events > 0) {
      this.#done.set(service, told);
      this.#keeper.folded(service, events);
    }
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
    let readied = hint.length > 0 ? this.#expectations.take(service) : null;
    try {
      for (let attempt = 1; ; attempt += 1) {
        const first = attempt === 1;
        try {
          const folding = foldService(this.#ports, service, Date.now(), first ? hint : [], (folded, sent) =>
            this.#publisher.publish(service, folded, sent, first ? readied : null),
          );
          // What the fold needs is on its way by now; what the passes need, if they are not ready yet, follows it.
          if (first && hint.length > 0) readied ??= this.#expectations.ready(service);
          return await folding;
        } catch (error) {
          const lost = error instanceof PointsmanError && error.code === 'LOG_CAS_LOST';
          if (attempt >= CAS_TRIES) throw error;
          if (error instanceof Unreadable) await rebuild(this.#ports, service, error);
          else if (!lost) throw error;
        }
      }
    } finally {
      // Should there be nothing for them; of two answers the first counts.
      readied?.tell(null);
    }
  }

  /** None of them fails. One that is still at it is not overtaken by the next. */
  async #sweepAll(): Promise<void> {
    if (this.#isSweeping) return;
    this.#isSweeping = true;
    try {
      await this.#wakeAll();
      await this.#silent.sweep();
      await this.#keeper.sweep();
    } finally {
      this.#isSweeping = false;
    }
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
