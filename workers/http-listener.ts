/** An HTTP server that a role of this process answers with. A port that is taken is tried again; it never keeps anything else from its work. */
import type { FastifyInstance } from 'fastify';
import { formatListen, type ListenAddress } from '../shared/config/address.ts';
import { errorFields } from '../shared/errors.ts';
import type { Logger } from '../shared/observability/logger.ts';
import type { Role } from '../shared/runtime/role.ts';
import { backoff, pause } from '../shared/runtime/wait.ts';

const RETRY_MS = { first: 500, most: 10_000 };

export interface ListenerOptions {
  /** Who listens, for people. */
  readonly name: string;
  readonly listen: ListenAddress;
  /** A server with its routes, made anew for each try. What it holds beside goes with its own close. */
  readonly make: () => Promise<FastifyInstance>;
  readonly logger: Logger;
}

export class HttpListener implements Role {
  readonly name: string;
  readonly #options: ListenerOptions;
  readonly #stopping = new AbortController();
  #server: FastifyInstance | null = null;
  #opening: Promise<void> = Promise.resolve();

  constructor(options: ListenerOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** Resolves after the first try; more follow in the background. */
  async start(): Promise<void> {
    if (await this.#open()) return;
    this.#opening = this.#retry();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#opening;
    await this.#server?.close();
    this.#server = null;
  }

  async #retry(): Promise<void> {
    const { signal } = this.#stopping;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      await pause(backoff(attempt, RETRY_MS), signal);
      if (signal.aborted || (await this.#open())) return;
    }
  }

  async #open(): Promise<boolean> {
    const { name, listen, make, logger } = this.#options;
    let server: FastifyInstance | null = null;
    try {
      server = await make();
      await server.listen({ host: listen.host === '*' ? '0.0.0.0' : listen.host, port: listen.port });
    } catch (error) {
      await server?.close();
      logger.warn({ listen: formatListen(listen), ...errorFields(error) }, `${name} cannot listen, trying again`);
      return false;
    }
    this.#server = server;
    logger.info({ url: `http://${formatListen(listen)}/` }, `${name} listens`);
    return true;
  }
}
