/**
 * Three processes of `pointsman run --roles transition,reconciler` share one Redis; the one that is in the middle of an apply is killed with
 * SIGKILL, again and again. After each kill HAProxy must have what is desired within the deadline, every server whole.
 */

import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { observeBackends } from '../../shared/haproxy/observe.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { ServiceEvent } from '../../shared/model/event.ts';
import { Pipeline } from './pipeline.ts';
import { startPointsman } from './pointsman-process.ts';
import { until } from './poll.ts';
import type { StartedProcess } from './process.ts';
import { serviceConfig } from './service-events.ts';

const INSTANCES = 60;
const PROCESSES = 3;

export interface Round {
  readonly killed: number;
  /** The last event of the proxy's stream when the signal was sent: `patching` is the middle of an apply. */
  readonly during: string;
  /** ms from the kill to HAProxy as desired. */
  readonly convergedMs: number;
}

export class KillStory {
  readonly #pipeline: Pipeline;
  readonly #service: Server;
  readonly #config: string;
  readonly #processes = new Map<number, StartedProcess>();
  #registered = new Set<number>();

  private constructor(pipeline: Pipeline, service: Server, config: string) {
    this.#pipeline = pipeline;
    this.#service = service;
    this.#config = config;
  }

  static async start(): Promise<KillStory> {
    const pipeline = await Pipeline.start({ roles: [], managedBy: 'others' });
    const service = createServer((_request, response) => response.end('ok'));
    await new Promise<void>((resolve) => service.listen(0, '0.0.0.0', resolve));
    const config = join(pipeline.folder.path, 'pointsman.yaml');
    const story = new KillStory(pipeline, service, config);
    await writeFile(config, pipeline.yaml());
    for (let count = 0; count < PROCESSES; count += 1) await story.#launch();
    await pipeline.startHaproxy();
    await pipeline.configure(
      serviceConfig({
        check: { type: 'http', method: 'GET', path: '/health', interval: 500, rise: 1, fall: 2 },
        drainTimeout: 500,
        guard: { maxLoss: 1, window: 1_000, hold: 1_000 },
      }),
    );
    await until('the backend is loaded', async () => (await pipeline.backendState('web')) === 'in-sync', { timeoutMs: 30_000 });
    return story;
  }

  /** One change of many servers, one kill in the middle of it. */
  async round(turn: number): Promise<Round> {
    const { killed, during } = await this.#killDuring(this.#change(turn));
    const started = performance.now();
    await until('HAProxy has what is desired, every server whole', () => this.#converged(), { timeoutMs: 30_000, everyMs: 50 });
    const convergedMs = performance.now() - started;
    await this.#launch();
    return { killed, during, convergedMs };
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#processes.values()].map((process) => process.stop()));
    this.#service.closeAllConnections();
    this.#service.close();
    await this.#pipeline.stop();
  }

  /** Half of the instances change sides: those of even number in even turns. */
  #change(turn: number): ServiceEvent[] {
    const events: ServiceEvent[] = [];
    const port = (this.#service.address() as AddressInfo).port;
    for (let host = 1; host <= INSTANCES; host += 1) {
      if (host % 2 !== turn % 2) continue;
      const address = `127.0.0.${host}`;
      if (this.#registered.delete(host)) events.push(this.#pipeline.deregistered(port, address));
      else {
        this.#registered.add(host);
        events.push(this.#pipeline.registered(port, { host: address, address }));
      }
    }
    return events;
  }

  async #killDuring(events: readonly ServiceEvent[]): Promise<{ killed: number; during: string }> {
    const { keys } = this.#pipeline.app.ports;
    const redis = this.#pipeline.redis.client;
    const { claim, log } = keys.proxy('edge');
    const before = (await redis.xrevrange(log, '+', '-', 'COUNT', 1))[0]?.[0] ?? '0-0';
    await this.#pipeline.tell('web', ...events);
    return until(
      'a process is in the middle of an apply',
      async () => {
        const [last] = await redis.xrevrange(log, '+', `(${before}`, 'COUNT', 1);
        const during = last?.[1][last[1].indexOf('type') + 1];
        if (during !== 'patching') return false;
        const pid = Number((await redis.get(claim))?.split(':').at(-2));
        const process = this.#processes.get(pid);
        if (process === undefined) return false;
        process.kill('SIGKILL');
        this.#processes.delete(pid);
        await process.exited;
        return { killed: pid, during };
      },
      { everyMs: 0, timeoutMs: 20_000 },
    );
  }

  async #converged(): Promise<boolean> {
    const seen = await withRuntime(this.#pipeline.proxy.runtime, async (connection) => (await observeBackends(connection)).get('web'));
    const servers = [...(seen?.servers.values() ?? [])];
    const whole = servers.every(
      (server) => server.admin === 'ready' && server.operation === 'running' && server.checking && server.check === 'passed',
    );
    return whole && servers.length === this.#registered.size && (await this.#pipeline.backendState('web')) === 'in-sync';
  }

  async #launch(): Promise<void> {
    const started = await startPointsman(this.#config, {
      roles: ['transition', 'reconciler'],
      logFile: join(this.#pipeline.folder.path, 'pointsman.log'),
    });
    this.#processes.set(started.pid, started);
  }
}
