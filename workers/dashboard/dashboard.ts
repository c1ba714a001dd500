/** The dashboard role: Bull Board at /queues, on loopback, read-only: every job with its cause and its result. */
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import { type FastifyInstance, fastify } from 'fastify';
import type { Config } from '../../shared/config/config.ts';
import { must } from '../../shared/errors.ts';
import { proxiesQueue, reloadsQueue, SERVICES_QUEUE } from '../../shared/redis/keys.ts';
import type { Role } from '../../shared/runtime/role.ts';
import type { Ports } from '../app.ts';

const PATH = '/queues';

export class Dashboard implements Role {
  readonly name = 'dashboard';
  readonly #config: Config;
  readonly #ports: Ports;
  #server: FastifyInstance | null = null;

  constructor(config: Config, ports: Ports) {
    this.#config = config;
    this.#ports = ports;
  }

  async start(): Promise<void> {
    const { host, port } = must(this.#config.dashboard, 'dashboard.listen').listen;
    const server = fastify();
    const adapter = new FastifyAdapter();
    adapter.setBasePath(PATH);
    createBullBoard({ queues: (await this.#queues()).map((name) => new BullMQAdapter(this.#ports.queues.queue(name), { readOnlyMode: true })), serverAdapter: adapter });
    await server.register(adapter.registerPlugin(), { prefix: PATH });
    server.get('/', async (_request, reply) => reply.redirect(`${PATH}/`));
    await server.listen({ host, port });
    this.#server = server;
    this.#ports.logger.info({ url: `http://${host}:${port}${PATH}/` }, 'dashboard listens');
  }

  async stop(): Promise<void> {
    await this.#server?.close();
    this.#server = null;
  }

  /** Of every pool that is configured here or was announced elsewhere. */
  async #queues(): Promise<string[]> {
    const announced = await this.#ports.proxies.announced().catch(() => []);
    const pools = new Set([...this.#config.proxies.map((proxy) => proxy.pool), ...announced.map((proxy) => proxy.pool)]);
    return [SERVICES_QUEUE, ...[...pools].sort().flatMap((pool) => [proxiesQueue(pool), reloadsQueue(pool)])];
  }
}
