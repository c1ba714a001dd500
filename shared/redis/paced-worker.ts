/**
 * BullMQ's worker, which asks for the next job at a bounded pace when Redis refuses to say (NOPERM, OOM, READONLY): BullMQ itself waits only when the connection
 * is gone, and asks again at once for any other answer, some thousand times a second.
 */
import { type Job, Worker } from 'bullmq';
import { backoff, pause } from '../runtime/wait.ts';

const REFUSED_MS = { first: 100, most: 5_000 };

export class PacedWorker<Data> extends Worker<Data> {
  #refused = 0;
  readonly #closing = new AbortController();

  protected override async moveToActive(token: string, name?: string): Promise<Job<Data>> {
    try {
      const job = await super.moveToActive(token, name);
      this.#refused = 0;
      return job;
    } catch (error) {
      await pause(backoff(this.#refused++, REFUSED_MS), this.#closing.signal);
      throw error;
    }
  }

  override close(force?: boolean): Promise<void> {
    this.#closing.abort();
    return super.close(force);
  }
}
