/**
 * Requests at a steady rate, whatever becomes of those before: a server that hangs does not slow them down. Each is kept with its times,
 * so that a test can say which began when. On the loopback interface, bounded.
 */
import { Agent, request } from 'node:http';
import { pause } from '../../shared/runtime/wait.ts';

export interface TrafficOptions {
  readonly port: number;
  /** Requests a second; default 100. */
  readonly rate?: number;
  readonly method?: string;
  readonly path?: string;
  /** false: each request has a connection of its own. Default true. */
  readonly keepAlive?: boolean;
}

export interface SentRequest {
  /** ms, performance.now() */
  readonly startedAt: number;
  readonly endedAt: number;
  /** null: no answer. */
  readonly status: number | null;
  /** The port that the sample service named. */
  readonly server: string | null;
  readonly error: string | null;
}

const IN_FLIGHT_MAX = 600;
const ANSWER_WITHIN_MS = 15_000;

export class SteadyTraffic {
  /** In the order of their ends. */
  readonly done: SentRequest[] = [];
  inFlight = 0;
  readonly #options: TrafficOptions;
  readonly #agent: Agent;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;

  constructor(options: TrafficOptions) {
    this.#options = options;
    this.#agent = new Agent({ keepAlive: options.keepAlive ?? true, maxSockets: IN_FLIGHT_MAX, maxFreeSockets: 64 });
    this.#running = this.#run();
  }

  /** Those that did not get a 200. */
  get failed(): readonly SentRequest[] {
    return this.done.filter((one) => one.status !== 200);
  }

  since(at: number): readonly SentRequest[] {
    return this.done.filter((one) => one.startedAt >= at);
  }

  /** Sends no more, and waits for the answers that are still out. */
  async stop(): Promise<readonly SentRequest[]> {
    this.#stopping.abort();
    await this.#running;
    while (this.inFlight > 0) await pause(10);
    this.#agent.destroy();
    return this.done;
  }

  async #run(): Promise<void> {
    const everyMs = 1_000 / (this.#options.rate ?? 100);
    let due = performance.now();
    while (!this.#stopping.signal.aborted) {
      for (; due <= performance.now(); due += everyMs) if (this.inFlight < IN_FLIGHT_MAX) this.#send();
      await pause(Math.max(1, due - performance.now()), this.#stopping.signal);
    }
  }

  #send(): void {
    const startedAt = performance.now();
    let over = false;
    const end = (status: number | null, server: string | null, error: string | null): void => {
      if (over) return;
      over = true;
      this.inFlight -= 1;
      this.done.push({ startedAt, endedAt: performance.now(), status, server, error });
    };
    this.inFlight += 1;
    const { port, method = 'GET', path = '/' } = this.#options;
    const sent = request({ host: '127.0.0.1', port, method, path, agent: this.#agent, timeout: ANSWER_WITHIN_MS }, (answer) => {
      const server = answer.headers['x-port'];
      answer.resume();
      answer.once('end', () => end(answer.statusCode ?? null, typeof server === 'string' ? server : null, null));
      answer.once('error', (error) => end(null, null, error.message));
    });
    sent.once('timeout', () => sent.destroy(new Error('no answer')));
    sent.once('error', (error) => end(null, null, error.message));
    sent.end();
  }
}

/** What became of them, for a failing test's message. */
export function summary(requests: readonly SentRequest[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, error } of requests) {
    const word = status === null ? (error ?? 'no answer') : String(status);
    counts[word] = (counts[word] ?? 0) + 1;
  }
  return counts;
}
