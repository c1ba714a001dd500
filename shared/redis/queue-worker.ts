/**
 * Works on a queue for as long as it is not closed. A worker of BullMQ whose first contact Redis refuses (a login without the rights that it needs) never tries
 * again by itself: it is replaced, with back-off, until the rights are right. The same error is told once in a while.
 */
import type { Worker } from 'bullmq';
import { errorFields, errorText } from '../errors.ts';
import type { Logger } from '../observability/logger.ts';
import { backoff, pause } from '../runtime/wait.ts';
import { redisError } from './redis-error.ts';

const RETRY_MS = { first: 500, most: 15_000 };
const SAME_AGAIN_MS = 60_000;
const TOLD_MAX = 100;

export class QueueWorker {
  readonly #name: string;
  readonly #make: () => Worker;
  readonly #logger: Logger;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #worker: Worker | null = null;
  /** When each was told; forgotten together. */
  readonly #told = new Set<string>();
  #toldSince = 0;

  constructor(name: string, make: () => Worker, logger: Logger) {
    this.#name = name;
    this.#make = make;
    this.#logger = logger;
    this.#running = this.#run();
  }

  /** What is in hand is finished first. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#worker?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    for (let failures = 0; !signal.aborted; failures += 1) {
      const worker = this.#make();
      this.#worker = worker;
      worker.on('error', (error) => this.#tell(error));
      try {
        await worker.waitUntilReady();
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.#tell(error);
      }
      // It has nothing in hand, and what it waits for never comes.
      await worker.close(true).catch(() => undefined);
      await pause(backoff(failures, RETRY_MS), signal);
    }
  }

  #tell(error: unknown): void {
    const text = errorText(error);
    const now = performance.now();
    if (now - this.#toldSince >= SAME_AGAIN_MS || this.#told.size >= TOLD_MAX) {
      this.#told.clear();
      this.#toldSince = now;
    }
    if (this.#told.has(text)) return;
    this.#told.add(text);
    this.#logger.warn({ queue: this.#name, ...errorFields(redisError(error)) }, 'queue worker error');
  }
}
