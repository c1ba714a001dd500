/**
 * Bull Board over every queue there is, read-only. Queues of pools that are announced later are added while it runs. All of them are read over the
 * one connection that is there, which answers an outage with an error at once.
 */
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import { Queue } from 'bullmq';
import type { FastifyInstance } from 'fastify';
import type { PoolName } from '../../shared/model/ids.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import { proxiesQueue, reloadsQueue, SERVICES_QUEUE } from '../../shared/redis/keys.ts';
import type { JobData } from '../../shared/redis/queues.ts';
import type { Ports } from '../app.ts';

export const QUEUES_PATH = '/queues';
/** The board asks for the counts of all its queues every few seconds. */
const POOLS_MAX = 200;
const FOREIGN_FONT = /<link[^>]*\bhref="https:\/\/fonts\.[^>]*>/g;
const LOOK_EVERY_MS = 5_000;

const DESCRIPTIONS = {
  services: 'folds the new events of a service; key: the service',
  proxies: 'observes, plans and applies on a proxy; key: the proxy',
  reloads: 'reloads a proxy; key: the proxy',
} as const;

export class QueueBoard {
  readonly #ports: Ports;
  readonly #pools: Set<PoolName>;
  readonly #queues = new Map<string, Queue<JobData>>();
  #add: ((adapter: BullMQAdapter) => void) | null = null;
  #timer: NodeJS.Timeout | null = null;
  #full = false;

  /** `pools`: those that are configured here; the others announce themselves. */
  constructor(pools: readonly PoolName[], ports: Ports) {
    this.#pools = new Set(pools);
    this.#ports = ports;
  }

  async register(server: FastifyInstance): Promise<void> {
    const adapter = new FastifyAdapter();
    adapter.setBasePath(QUEUES_PATH);
    // Which clients work on a queue is asked of Redis per queue and look; `pointsman status` knows who is there.
    const options = { uiConfig: { boardTitle: 'pointsman', showWorkers: false } };
    const { addQueue } = createBullBoard({ queues: [], serverAdapter: adapter, options });
    this.#add = addQueue;
    this.#show(SERVICES_QUEUE, DESCRIPTIONS.services);
    await this.#look();
    server.addHook('onRequest', async (request, reply) => {
      // A queue waits for its connection, however long that takes; whoever looks is told instead.
      const waits = request.url.startsWith(`${QUEUES_PATH}/api/`) && this.#ports.redis.status !== 'ready';
      if (waits) return reply.status(503).send({ error: 'Redis does not answer' });
    });
    // Its page names a font elsewhere, which no browser is let load from here.
    server.addHook('onSend', async (request, _reply, payload) =>
      request.url.startsWith(QUEUES_PATH) && typeof payload === 'string' ? payload.replace(FOREIGN_FONT, '') : payload,
    );
    await server.register(adapter.registerPlugin(), { prefix: QUEUES_PATH });
    this.#timer = setInterval(() => void this.#look(), LOOK_EVERY_MS);
  }

  /** Those that are shown. */
  get queues(): readonly string[] {
    return [...this.#queues.keys()].sort();
  }

  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    await Promise.all([...this.#queues.values()].map((queue) => queue.close().catch(() => undefined)));
    this.#queues.clear();
  }

  async #look(): Promise<void> {
    try {
      for (const { pool } of await this.#ports.proxies.announced()) this.#pools.add(pool);
    } catch {
      // The next look follows.
    }
    const pools = [...this.#pools].sort();
    if (pools.length > POOLS_MAX && !this.#full)
      this.#logger.warn({ pools: pools.length, most: POOLS_MAX }, 'the dashboard does not show the queues of all pools');
    this.#full = pools.length > POOLS_MAX;
    for (const pool of pools.slice(0, POOLS_MAX)) {
      this.#show(proxiesQueue(pool), DESCRIPTIONS.proxies);
      this.#show(reloadsQueue(pool), DESCRIPTIONS.reloads);
    }
  }

  #show(name: string, description: string): void {
    if (this.#queues.has(name)) return;
    const { redis, keys } = this.#ports;
    const queue = new Queue<JobData>(name, { connection: redis, prefix: keys.queue(name), skipMetasUpdate: true });
    queue.on('error', (error) => this.#logger.debug({ queue: name, error: error.message }, 'queue error'));
    this.#queues.set(name, queue);
    const adapter = new BullMQAdapter(queue, { readOnlyMode: true, description });
    adapter.setFormatter('name', (job) => `${job.name} ${(job.data as JobData | undefined)?.key ?? ''}`.trim());
    this.#add?.(adapter);
  }

  get #logger(): Logger {
    return this.#ports.logger;
  }
}
