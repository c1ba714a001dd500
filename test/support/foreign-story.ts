/**
 * A HAProxy under steady traffic, with servers in every state (two up, one of another weight; one down; one cordoned; one that comes and goes), to which
 * somebody else does something. How long it took until pointsman knew, and until everything was as it should be again.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { observeAll } from '../../shared/haproxy/observe.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { WorkerIdentity } from '../../shared/model/observed.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { type HttpService, startHttpServices } from './http-service.ts';
import { Pipeline } from './pipeline.ts';
import { until } from './poll.ts';
import { freePort } from './port.ts';
import { serviceConfig } from './service-events.ts';
import { type SentRequest, SteadyTraffic } from './steady-traffic.ts';

const WITHIN_MS = 20_000;

export interface Act {
  readonly what: string;
  /** HAProxy itself is away for a moment, and loses what comes meanwhile. */
  readonly loses: boolean;
  /** Resolves when the new worker answers. */
  readonly run: (story: ForeignStory) => Promise<void>;
}

export const ACTS: readonly Act[] = [
  { what: 'SIGUSR2 to the master, as `systemctl reload` sends', loses: false, run: ({ pipeline }) => pipeline.haproxy.reload() },
  { what: 'a reload with other files', loses: false, run: (story) => story.reloadWithOtherFiles() },
  { what: 'master and worker killed, and started again', loses: true, run: ({ pipeline }) => pipeline.haproxy.restart() },
  {
    what: 'the worker crashes, its master ends, and it is started again',
    loses: true,
    run: ({ pipeline }) => pipeline.haproxy.crashWorker(),
  },
];

export const OWN_RELOAD: Act = { what: 'a reload of our own', loses: false, run: (story) => story.restructure() };

export interface Seen {
  readonly recognisedMs: number;
  readonly inSyncMs: number;
}

export class ForeignStory {
  readonly pipeline: Pipeline;
  /** On kept connections, and each request on one of its own. */
  #traffic: readonly SteadyTraffic[] = [];
  readonly #config: ServiceConfig;
  readonly #services: readonly HttpService[];
  /** When HAProxy was away: from its end until the new worker answered. */
  readonly #away: { from: number; to: number }[] = [];
  /** Of the server of the second service. */
  #weight = 4;
  #guest = true;

  private constructor(pipeline: Pipeline, config: ServiceConfig, services: readonly HttpService[]) {
    this.pipeline = pipeline;
    this.#config = config;
    this.#services = services;
  }

  static async start(): Promise<ForeignStory> {
    const [pipeline, services, port] = await Promise.all([Pipeline.start(), startHttpServices(5), freePort()]);
    const config = serviceConfig({
      listen: `127.0.0.1:${port}`,
      check: { type: 'http', method: 'GET', path: '/health', interval: 300, rise: 1, fall: 2 },
      drainTimeout: 2_000,
      guard: { maxLoss: 1, window: 10_000, hold: 300_000 },
    });
    await pipeline.configure(config);
    const [one, two, down, cordoned, guest] = services.map((service) => service.port) as [number, number, number, number, number];
    (services[2] as HttpService).behaviour = 'fail';
    await pipeline.tell(
      'web',
      pipeline.registered(one),
      pipeline.registered(two, { weight: 4 }),
      pipeline.registered(down),
      pipeline.registered(cordoned),
      pipeline.registered(guest),
      { type: 'cordoned', instance: `127.0.0.1:${cordoned}`, by: 'test', reason: 'why', until: null },
    );
    const story = new ForeignStory(pipeline, config, services);
    await until('it is as it should be', () => story.isAsItShould(), { timeoutMs: WITHIN_MS });
    story.#traffic = [true, false].map((keepAlive) => new SteadyTraffic({ port, rate: 60, keepAlive }));
    return story;
  }

  /** Ends the traffic, once each kind of it has had so many answers after the last act. */
  async endTraffic(answers = 20): Promise<void> {
    const now = performance.now();
    await until('more answers', () => this.#traffic.every((traffic) => traffic.since(now).length >= answers));
    await Promise.all(this.#traffic.map((traffic) => traffic.stop()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#traffic.map((traffic) => traffic.stop()));
    await this.pipeline.stop();
    await Promise.all(this.#services.map((service) => service.stop()));
  }

  /** A change just before, which the file on disk may not have yet: another weight, and the guest comes or goes. */
  async change(): Promise<void> {
    const { pipeline } = this;
    const [, two, , , guest] = this.#services as readonly [HttpService, HttpService, HttpService, HttpService, HttpService];
    this.#weight = this.#weight === 4 ? 7 : 4;
    this.#guest = !this.#guest;
    await pipeline.tell(
      'web',
      { ...pipeline.registered(two.port, { weight: this.#weight }), type: 'changed' } as ReturnType<Pipeline['registered']>,
      this.#guest ? pipeline.registered(guest.port) : pipeline.deregistered(guest.port),
    );
  }

  async tell({ run, loses }: Act): Promise<Seen> {
    const before = await this.pipeline.haproxy.workerPid();
    const begun = performance.now();
    let recognisedMs: number | null = null;
    const recognised = until(
      'pointsman knows the new worker',
      async () => {
        const known = (await this.#known())?.pid;
        if (known === undefined || known === before) return false;
        recognisedMs = performance.now() - begun;
        return true;
      },
      { timeoutMs: WITHIN_MS, everyMs: 5 },
    );
    await run(this);
    if (loses) this.#away.push({ from: begun, to: performance.now() });
    await recognised;
    await until('it is as it should be', () => this.isAsItShould(), { timeoutMs: WITHIN_MS, everyMs: 5 });
    return { recognisedMs: recognisedMs ?? Number.NaN, inSyncMs: performance.now() - begun };
  }

  get requests(): readonly SentRequest[] {
    return this.#traffic.flatMap(({ done }) => done);
  }

  get failed(): readonly SentRequest[] {
    return this.#traffic.flatMap(({ failed }) => failed);
  }

  /** Requests that failed though HAProxy was there. */
  get lost(): readonly SentRequest[] {
    return this.failed.filter(({ startedAt, endedAt }) => !this.#away.some(({ from, to }) => startedAt < to && endedAt > from));
  }

  /** Requests that the cordoned server got. */
  get strayed(): number {
    return this.#services[3]?.requests ?? 0;
  }

  /** Another option, which only a reload can load. */
  async restructure(): Promise<void> {
    const { haproxy } = this.pipeline;
    const before = await haproxy.workerPid();
    await this.pipeline.configure({ ...this.#config, balance: 'leastconn' });
    await until('a new worker', async () => (await haproxy.workerPid()) !== before, { timeoutMs: WITHIN_MS, everyMs: 5 });
  }

  /** An older state of our file, edited by hand besides: one server less, another weight. */
  async reloadWithOtherFiles(): Promise<void> {
    const file = join(this.pipeline.managed, 'service-web.cfg');
    const [one] = this.#services;
    const lines = (await readFile(file, 'utf8')).split('\n');
    const other = lines
      .filter((line) => !line.includes(` 127.0.0.1:${one?.port} `))
      .map((line) => line.replace(/ weight \d+ /, ' weight 9 '));
    await writeFile(file, other.join('\n'));
    await this.pipeline.haproxy.reload();
  }

  /** Our file edited by hand, in more than its servers. */
  async reloadWithOtherOptions(): Promise<void> {
    const file = join(this.pipeline.managed, 'service-web.cfg');
    await writeFile(file, (await readFile(file, 'utf8')).replace('balance roundrobin', 'balance first'));
    await this.pipeline.haproxy.reload();
  }

  /** HAProxy's servers, what is known of its worker, the file, the backend's state, and that nothing is left to be looked at. */
  async isAsItShould(): Promise<boolean> {
    const { worker, backends } = await withRuntime(this.pipeline.proxy.runtime, observeAll);
    const known = await this.#known();
    if (known?.pid !== worker.identity.pid || worker.stopping) return false;
    const servers = [...(backends.get('web')?.servers.values() ?? [])].filter(({ admin }) => admin === 'ready');
    const found = servers.map(({ port, weight, operation }) => `${port} ${weight} ${operation === 'stopped' ? 'down' : 'up'}`).sort();
    if (found.join() !== this.#expected().join()) return false;
    if ((await this.#written()).join() !== this.#expected().join()) return false;
    const { proxies } = this.pipeline.app.ports;
    return (await this.pipeline.backendState('web')) === 'in-sync' && (await proxies.dirty('edge')).size === 0;
  }

  /** What a HAProxy that is started now would begin with. */
  async #written(): Promise<string[]> {
    const text = await readFile(join(this.pipeline.managed, 'service-web.cfg'), 'utf8');
    const lines = text.split('\n').filter((line) => line.startsWith('    server '));
    return lines
      .map(
        (line) =>
          `${/ server \S+:(\d+) /.exec(line)?.[1]} ${/ weight (\d+) /.exec(line)?.[1]} ${line.includes(' disabled ') ? 'down' : 'up'}`,
      )
      .sort();
  }

  #expected(): string[] {
    const [one, two, down, , guest] = this.#services.map(({ port }) => port);
    return [`${one} 1 up`, `${two} ${this.#weight} up`, `${down} 1 down`, ...(this.#guest ? [`${guest} 1 up`] : [])].sort();
  }

  async #known(): Promise<WorkerIdentity | null> {
    const { worker } = await this.pipeline.app.ports.proxies.state('edge');
    return worker === undefined ? null : (JSON.parse(worker) as WorkerIdentity);
  }
}
