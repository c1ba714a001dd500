/**
 * Three processes of `pointsman run --roles transition,reconciler` share one Redis; the one that is in the middle of an apply is killed with
 * SIGKILL, again and again. After each kill HAProxy must have what is desired within the deadline, every server whole.
 */

import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { must } from '../../shared/errors.ts';
import { observeBackends } from '../../shared/haproxy/observe.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { ServiceEvent } from '../../shared/model/event.ts';
import type { ProxyEvent } from '../../shared/model/proxy-event.ts';
import { Pipeline } from './pipeline.ts';
import { startPointsman } from './pointsman-process.ts';
import { until } from './poll.ts';
import type { StartedProcess } from './process.ts';
import { serviceConfig } from './service-events.ts';

const INSTANCES = 60;
const PROCESSES = 3;
/** Changes until one is caught in the middle. */
const CHANGES_MAX = 10;
/** ms in which a change is mostly applied. */
const APPLIED_MS = 4_000;

export interface Round {
  readonly killed: number;
  /** Commands that the killed process had announced, and not said what became of. */
  readonly announced: number;
  /** Types of the events of the proxy's stream from that announcement to convergence, without it. */
  readonly after: readonly string[];
  /** ms from the kill to HAProxy as desired. */
  readonly convergedMs: number;
}

/**
 * Whether the process that announced was killed before it recorded what was answered. Then a `commands` that follows is another process's, which announced
 * before; there is none when all had been sent and the others found nothing to do.
 */
export function killedInTheMiddle({ announced, after }: Round): boolean {
  const answered = after.indexOf('commands');
  return announced > 0 && (answered === -1 || after.slice(0, answered).includes('patching'));
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
    const { killed, announced, id } = await this.#killed(turn);
    const started = performance.now();
    await until('HAProxy has what is desired, every server whole', () => this.#converged(), { timeoutMs: 30_000, everyMs: 50 });
    const convergedMs = performance.now() - started;
    const after = (await this.#events(id)).map((event) => event.type);
    await this.#launch();
    return { killed, announced, after, convergedMs };
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

  /** An apply takes a few ms, and may be over before it is seen: then the next change has another. */
  async #killed(turn: number): Promise<{ killed: number; announced: number; id: string }> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#killDuring(this.#change(turn));
      } catch (error) {
        if (attempt === CHANGES_MAX) throw error;
      }
    }
  }

  /** Stops whoever applies, looks whether it is in the middle, and kills it then; else it may go on, and the next one is waited for. */
  async #killDuring(events: readonly ServiceEvent[]): Promise<{ killed: number; announced: number; id: string }> {
    const { claim } = this.#pipeline.app.ports.keys.proxy('edge');
    const before = (await this.#events('-')).at(-1)?.id ?? '0-0';
    await this.#pipeline.tell('web', ...events);
    return until(
      'a process is in the middle of an apply',
      async () => {
        if ((await this.#announced(before)) === null) return false;
        const pid = Number((await this.#pipeline.redis.client.get(claim))?.split(':').at(-2));
        const process = this.#processes.get(pid);
        if (process === undefined) return false;
        process.kill('SIGSTOP');
        const last = await this.#announced(before);
        if (last === null) {
          process.kill('SIGCONT');
          return false;
        }
        process.kill('SIGKILL');
        this.#processes.delete(pid);
        await process.exited;
        return { killed: pid, announced: last.commands, id: last.id };
      },
      { everyMs: 0, timeoutMs: APPLIED_MS },
    );
  }

  /** The last event of the proxy's stream after `before`, if it says that commands are about to be sent: nobody has said yet what became of them. */
  async #announced(before: string): Promise<{ id: string; commands: number } | null> {
    const last = (await this.#events(before)).at(-1);
    return last?.type === 'patching' && last.commands.length > 0 ? { id: last.id, commands: last.commands.length } : null;
  }

  /** The events of the proxy's stream after this id, all of them for `-`. */
  async #events(after: string): Promise<({ id: string } & ProxyEvent)[]> {
    const { log } = this.#pipeline.app.ports.keys.proxy('edge');
    const entries = await this.#pipeline.redis.client.xrange(log, after === '-' ? '-' : `(${after}`, '+');
    return entries.map(([id, fields]) => {
      const field = (name: string): string => must(fields[fields.indexOf(name) + 1], name);
      return { id, ...({ type: field('type'), ...JSON.parse(field('data')) } as ProxyEvent) };
    });
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
