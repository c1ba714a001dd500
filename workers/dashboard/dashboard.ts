/**
 * The dashboard role: on loopback, read-only: the services with what is held first, every queue with its jobs (key, cause, result) under /queues,
 * /metrics and /health. A port that is taken is tried again; it never keeps the other roles from their work.
 */
import { type FastifyInstance, fastify } from 'fastify';
import { formatListen, isLoopback } from '../../shared/config/address.ts';
import type { Config } from '../../shared/config/config.ts';
import { PointsmanError } from '../../shared/errors.ts';
import type { Role } from '../../shared/runtime/role.ts';
import { pause } from '../../shared/runtime/wait.ts';
import type { Ports } from '../app.ts';
import { HttpListener } from '../http-listener.ts';
import { type Fleet, readFleet } from './fleet.ts';
import { metricsText } from './metrics.ts';
import { OnceInAWhile } from './once-in-a-while.ts';
import { Overviews } from './overview.ts';
import { QueueBoard } from './queue-board.ts';
import { guardRequests } from './request-guard.ts';
import type { ServiceOverview } from './service-overview.ts';
import { startPage } from './start-page.ts';

const PING_DEADLINE_MS = 1_000;
const REQUEST_TIMEOUT_MS = 10_000;

export class Dashboard implements Role {
  readonly name = 'dashboard';
  readonly #pools: readonly string[];
  readonly #ports: Ports;
  readonly #overviews: Overviews;
  readonly #listener: HttpListener;
  readonly #services = new OnceInAWhile<readonly ServiceOverview[]>();
  readonly #fleets = new OnceInAWhile<Fleet>();

  /** @throws PointsmanError CONFIG_INVALID: no `dashboard.listen`, or one off loopback. */
  constructor(config: Config, ports: Ports) {
    const listen = config.dashboard?.listen;
    if (listen === undefined || !isLoopback(listen.host)) {
      const found =
        listen === undefined
          ? 'dashboard.listen is not set'
          : `dashboard.listen is ${formatListen(listen)}, and the dashboard has no authentication`;
      throw new PointsmanError('CONFIG_INVALID', found, {
        hint: 'set dashboard.listen to a loopback address such as 127.0.0.1:9080',
        retry: 'after',
      });
    }
    this.#pools = config.proxies.map((proxy) => proxy.pool);
    this.#ports = ports;
    this.#overviews = new Overviews(ports);
    this.#listener = new HttpListener({ name: this.name, listen, make: () => this.#make(), logger: ports.logger });
  }

  /** Resolves after the first try; more follow in the background. */
  start(): Promise<void> {
    return this.#listener.start();
  }

  stop(): Promise<void> {
    return this.#listener.stop();
  }

  async #make(): Promise<FastifyInstance> {
    const server = fastify({ connectionTimeout: REQUEST_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS, forceCloseConnections: true });
    const board = new QueueBoard(this.#pools, this.#ports);
    server.addHook('onClose', () => board.close());
    guardRequests(server);
    server.get('/', async (_request, reply) => {
      const services = await this.#overview();
      return reply
        .status(services === null ? 503 : 200)
        .type('text/html; charset=utf-8')
        .send(startPage(services, Date.now()));
    });
    server.get('/metrics', async (_request, reply) => {
      const [services, fleet] = await Promise.all([this.#overview(), this.#fleet(board.queues)]);
      if (services === null || fleet === null) return reply.status(503).send({ error: 'Redis does not answer' });
      const { type, text } = await metricsText(services, fleet);
      return reply.type(type).send(text);
    });
    server.get('/health', async (_request, reply) => {
      const redis = await this.#redisAnswers();
      return reply.status(redis ? 200 : 503).send({ status: redis ? 'ok' : 'failed', redis });
    });
    server.get('/favicon.ico', async (_request, reply) => reply.status(204).send());
    await board.register(server);
    return server;
  }

  #overview(): Promise<readonly ServiceOverview[] | null> {
    return this.#services.read(() => this.#overviews.read());
  }

  #fleet(queues: readonly string[]): Promise<Fleet | null> {
    return this.#fleets.read(() => readFleet(this.#ports, queues, Date.now()));
  }

  async #redisAnswers(): Promise<boolean> {
    const answered = this.#ports.redis.ping().then(
      () => true,
      () => false,
    );
    return Promise.race([answered, pause(PING_DEADLINE_MS).then(() => false)]);
  }
}
