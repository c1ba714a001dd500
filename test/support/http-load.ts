/** A bounded HTTP load on the loopback interface, and what came of it. */
import { Agent, get } from 'node:http';
import { pause } from '../../shared/runtime/wait.ts';

export interface LoadOptions {
  readonly port: number;
  /** Requests at a time, each on a connection of its own. */
  readonly clients?: number;
  /** ms between two requests of one client */
  readonly everyMs?: number;
  readonly path?: (turn: number) => string;
}

export class HttpLoad {
  /** Answers by status. */
  readonly statuses = new Map<number, number>();
  /** Requests without an answer, by what happened. */
  readonly errors = new Map<string, number>();
  /** Answers of 200 by the port that the sample service named. */
  readonly byPort = new Map<string, number>();
  readonly #agent: Agent;
  readonly #stopping = new AbortController();
  readonly #clients: Promise<void>[];

  constructor(options: LoadOptions) {
    const clients = options.clients ?? 4;
    this.#agent = new Agent({ keepAlive: true, maxSockets: clients });
    this.#clients = Array.from({ length: clients }, () => this.#client(options));
  }

  get total(): number {
    return sum(this.statuses) + sum(this.errors);
  }

  /** Requests that did not get a 200. */
  get failed(): number {
    return this.total - (this.statuses.get(200) ?? 0);
  }

  async #client(options: LoadOptions): Promise<void> {
    for (let turn = 0; !this.#stopping.signal.aborted; turn += 1) {
      await this.#request(options.port, options.path?.(turn) ?? '/');
      await pause(options.everyMs ?? 5, this.#stopping.signal);
    }
  }

  #request(port: number, path: string): Promise<void> {
    return new Promise((resolve) => {
      const request = get({ host: '127.0.0.1', port, path, agent: this.#agent, timeout: 15_000 }, (response) => {
        count(this.statuses, response.statusCode ?? 0);
        const service = response.headers['x-port'];
        if (typeof service === 'string') count(this.byPort, service);
        response.resume();
        response.once('end', resolve);
      });
      request.once('timeout', () => request.destroy(new Error('no answer')));
      request.once('error', (error) => {
        count(this.errors, error.message);
        resolve();
      });
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#clients);
    this.#agent.destroy();
  }
}

function count<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function sum(counts: ReadonlyMap<unknown, number>): number {
  return [...counts.values()].reduce((total, one) => total + one, 0);
}
