/**
 * The queues. A job carries a key, never news: whoever runs it reads the world. Deduplicated by that key, keeping the last one that comes
 * while a job runs, so that at most one job per key runs and no wake is lost (docs/adr/0004).
 */

import { type Job, Queue, type QueueOptions, type WorkerOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import { errorFields, PointsmanError } from '../errors.ts';
import type { PoolName, ProxyId, ServiceName } from '../model/ids.ts';
import type { Logger } from '../observability/logger.ts';
import { queueOptions, type RedisSettings } from './connection.ts';
import { Keys, proxiesQueue, reloadsQueue, SERVICES_QUEUE } from './keys.ts';
import { PacedWorker } from './paced-worker.ts';
import { QueueWorker } from './queue-worker.ts';

/** A crashed worker's job starts elsewhere within lock + 2 x stalled = 9 s, measured 5.4..6.6 s. The same everywhere: the slowest setting rules. */
const LOCK_MS = 5_000;
const STALLED_MS = 2_000;
/** A job that crashes its worker again and again is stopped by its attempts, not by this. */
const STALLED_COUNT_MAX = 1_000;
const ATTEMPTS = 10;
const KEPT_JOBS = 200;

/** Shown at the queue dashboard; no code decides by it. */
export interface Cause {
  readonly why: string;
  readonly path?: string;
  readonly events?: readonly string[];
  readonly zxid?: string | null;
  /** ms since the epoch. */
  readonly time: number;
}

export interface JobData {
  readonly key: string;
  readonly cause: Cause;
}

export type WakeJob = Job<JobData, unknown, string>;

export class Queues {
  readonly #settings: RedisSettings;
  readonly #keys: Keys;
  readonly #logger: Logger;
  readonly #redis: Redis;
  readonly #queues = new Map<string, Queue<JobData>>();

  /** Jobs are added over `redis`, the connection of our own data: what was sent on it before is done before the job can be seen. */
  constructor(settings: RedisSettings, redis: Redis, logger: Logger) {
    this.#settings = settings;
    this.#redis = redis;
    this.#keys = new Keys(settings.prefix);
    this.#logger = logger;
  }

  async wakeService(service: ServiceName, cause: Cause): Promise<void> {
    await this.#wake(SERVICES_QUEUE, 'fold', service, cause, service, 0);
  }

  /** Wakes the service when its earliest deadline is due. An id of its own: a shared one would lose wakes. */
  async wakeServiceLater(service: ServiceName, delayMs: number, cause: Cause): Promise<void> {
    await this.#wake(SERVICES_QUEUE, 'deadline', service, cause, `${service}/deadline`, Math.max(1, delayMs));
  }

  async wakeProxy(pool: PoolName, proxy: ProxyId, cause: Cause): Promise<void> {
    await this.#wake(proxiesQueue(pool), 'reconcile', proxy, cause, proxy, 0);
  }

  /** For what only time brings: sessions that end, a busy delete, a claim held by another. */
  async wakeProxyLater(pool: PoolName, proxy: ProxyId, delayMs: number, cause: Cause): Promise<void> {
    await this.#wake(proxiesQueue(pool), 'look-again', proxy, cause, `${proxy}/later`, Math.max(1, delayMs));
  }

  async wakeReload(pool: PoolName, proxy: ProxyId, delayMs: number, cause: Cause): Promise<void> {
    await this.#wake(reloadsQueue(pool), 'reload', proxy, cause, proxy, delayMs);
  }

  /** A worker that runs one job per key at a time, and stops a job whose lock could not be renewed. */
  work(name: string, run: (job: WakeJob, signal: AbortSignal) => Promise<unknown>, options: { concurrency: number }): QueueWorker {
    const workerOptions: WorkerOptions = {
      connection: queueOptions(this.#settings),
      prefix: this.#keys.queue(name),
      concurrency: options.concurrency,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_MS,
      maxStalledCount: STALLED_COUNT_MAX,
      autorun: true,
    };
    const make = (): PacedWorker<JobData> => {
      const worker = new PacedWorker<JobData>(
        name,
        (job, _token, signal) => run(job as WakeJob, signal ?? new AbortController().signal),
        workerOptions,
      );
      worker.on('failed', (job, error) => {
        // What is not one of our coded errors is a bug, or near one: then the stack says where.
        const detail = error instanceof PointsmanError ? errorFields(error) : { err: error };
        this.#logger.warn({ queue: name, key: keyOf(job?.data), ...detail }, 'job failed');
      });
      worker.on('lockRenewalFailed', (ids: string[]) => {
        for (const id of ids) worker.cancelJob(id);
      });
      return worker;
    };
    return new QueueWorker(name, make, this.#logger);
  }

  /** The queue object itself: for the dashboard and `status`. */
  queue(name: string): Queue<JobData> {
    const known = this.#queues.get(name);
    if (known !== undefined) return known;
    const options: QueueOptions = {
      connection: this.#redis,
      prefix: this.#keys.queue(name),
      defaultJobOptions: {
        attempts: ATTEMPTS,
        backoff: { type: 'exponential', delay: 200 },
        removeOnComplete: { count: KEPT_JOBS },
        removeOnFail: { count: KEPT_JOBS },
      },
    };
    const queue = new Queue<JobData>(name, options);
    queue.on('error', (error) => this.#logger.debug({ queue: name, error: error.message }, 'queue error'));
    this.#queues.set(name, queue);
    // A first contact that Redis refuses is never tried again by it: another one is.
    queue.waitUntilReady().catch(() => {
      if (this.#queues.get(name) === queue) this.#queues.delete(name);
      queue.close().catch(() => undefined);
    });
    return queue;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#queues.values()].map((queue) => queue.close().catch(() => undefined)));
    this.#queues.clear();
  }

  async #wake(name: string, what: string, key: string, cause: Cause, id: string, delay: number): Promise<void> {
    await this.queue(name).add(
      what,
      { key, cause },
      { deduplication: { id, keepLastIfActive: true, replace: true }, ...(delay > 0 ? { delay } : {}) },
    );
  }
}

/** A stranger's job may hold anything. */
function keyOf(data: JobData | null | undefined): unknown {
  return data?.key;
}
