/** What registrations ask for of their own servers: connections and weight live, standing by with a stand-in; the files have it, and no request is lost. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { observeBackend, observeStatistics } from '../../shared/haproxy/observe.ts';
import type { ServerStatistics } from '../../shared/haproxy/parse-sessions.ts';
import { parseStatisticOptions } from '../../shared/haproxy/parse-sessions.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { AskedOptions } from '../../shared/model/asked-options.ts';
import type { ServerOptions } from '../../shared/model/server-options.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { type HttpService, startHttpServices } from '../support/http-service.ts';
import { Pipeline } from '../support/pipeline.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { serviceConfig } from '../support/service-events.ts';
import { SteadyTraffic, summary } from '../support/steady-traffic.ts';

const cleanups = cleanupsAfterEach();
const CHECK = { type: 'http', method: 'GET', path: '/health', interval: 300, rise: 1, fall: 2 } as const;
const ALL: ServerOptions = { maxConn: null, options: ['backup', 'disabled', 'maxconn', 'weight'] };

class Stage {
  readonly pipeline: Pipeline;
  readonly services: readonly HttpService[];
  readonly listen: number;

  private constructor(pipeline: Pipeline, services: readonly HttpService[], listen: number) {
    this.pipeline = pipeline;
    this.services = services;
    this.listen = listen;
  }

  /** In sync, with an instance for each that asks. */
  static async set(server: ServerOptions, asks: readonly (AskedOptions | null)[]): Promise<Stage> {
    const [listen, services, pipeline] = await Promise.all([freePort(), startHttpServices(asks.length), Pipeline.start()]);
    cleanups.push(() => pipeline.stop());
    cleanups.push(() => Promise.all(services.map((service) => service.stop())));
    const stage = new Stage(pipeline, services, listen);
    await pipeline.configure(stage.config(server));
    await pipeline.tell('web', ...asks.map((asked, index) => stage.registered(index, asked)), { type: 'complete' });
    await until('all are up', async () => (await stage.up()) === asks.length, { timeoutMs: 30_000 });
    await stage.inSync();
    return stage;
  }

  config(server: ServerOptions): ServiceConfig {
    return serviceConfig({ listen: `127.0.0.1:${this.listen}`, check: CHECK, drainTimeout: 2_000, server });
  }

  registered(index: number, asked: AskedOptions | null) {
    return this.pipeline.registered(this.services[index]?.port ?? 0, asked === null ? {} : { options: asked });
  }

  ask(index: number, asked: AskedOptions | null): Promise<void> {
    return this.pipeline.tell('web', this.registered(index, asked));
  }

  seen(): Promise<ReadonlyMap<string, ServerStatistics>> {
    return withRuntime(
      this.pipeline.proxy.runtime,
      async (connection) => (await observeStatistics(connection, 'web', parseStatisticOptions)) ?? new Map(),
    );
  }

  up(): Promise<number> {
    return withRuntime(this.pipeline.proxy.runtime, async (connection) => {
      const servers = [...((await observeBackend(connection, 'web'))?.servers.values() ?? [])];
      return servers.filter(({ admin, operation }) => admin === 'ready' && operation === 'running').length;
    });
  }

  /** Connections at once of each, a `b` behind those of backup servers; stand-ins count as more. */
  async shown(): Promise<string> {
    const seen = await this.seen();
    const ours = this.services.map(({ port }) => seen.get(`127.0.0.1:${port}`));
    const rest = seen.size - ours.filter((one) => one !== undefined).length;
    return [...ours.map((one) => (one === undefined ? '-' : `${one.maxConn}${one.backup ? 'b' : ''}`)), ...(rest > 0 ? ['more'] : [])].join(
      ' ',
    );
  }

  become(wanted: string): Promise<unknown> {
    return until(wanted, async () => (await this.shown()) === wanted, { timeoutMs: 60_000 });
  }

  async inSync(): Promise<void> {
    await until('in sync', async () => (await this.pipeline.backendState('web')) === 'in-sync', { timeoutMs: 60_000 });
  }

  async sent(): Promise<string[]> {
    const { redis, keys } = this.pipeline.app.ports;
    const entries = await redis.xrange(keys.proxy(this.pipeline.proxy.id).log, '-', '+');
    return entries.flatMap(([, fields]) => {
      if (fields[fields.indexOf('type') + 1] !== 'patching') return [];
      const { commands } = JSON.parse(fields[fields.indexOf('data') + 1] ?? '') as { commands: { command: string }[] };
      return commands.map(({ command }) => command);
    });
  }

  /** What was sent meanwhile: without a reload, and with every request answered. */
  async sentWhile(change: () => Promise<unknown>): Promise<string[]> {
    const pid = await this.pipeline.haproxy.workerPid();
    const before = (await this.sent()).length;
    const traffic = new SteadyTraffic({ port: this.listen, rate: 100 });
    try {
      await change();
      await this.inSync();
      const so = traffic.done.length;
      await until('requests behind it', () => traffic.done.length > so + 20);
    } finally {
      await traffic.stop();
    }
    expect(summary(traffic.failed)).toEqual({});
    expect(await this.pipeline.haproxy.workerPid()).toBe(pid);
    return (await this.sent()).slice(before);
  }

  /** Who answers, of many requests. */
  async answering(): Promise<string> {
    const before = this.services.map(({ requests }) => requests);
    for (let count = 0; count < 40; count += 1) await fetch(`http://127.0.0.1:${this.listen}/`);
    return this.services.flatMap(({ requests }, index) => (requests > (before[index] ?? 0) ? [index] : [])).join();
  }

  file(): Promise<string> {
    return readFile(join(this.pipeline.managed, 'service-web.cfg'), 'utf8');
  }
}

it('what is allowed counts from the start, the rest does not', async () => {
  const stage = await Stage.set({ maxConn: 80, options: ['maxconn'] }, [{ maxconn: 50, backup: true }, { maxconn: 500 }, null]);
  expect(await stage.shown()).toBe('50 80 80');
  expect(await stage.answering()).toBe('0,1,2');
}, 90_000);

it('connections at once are live, also from no limit and back', async () => {
  const stage = await Stage.set(ALL, [{ maxconn: 50 }, null]);
  expect(await stage.shown()).toBe('50 0');
  const sent = await stage.sentWhile(async () => {
    await stage.ask(0, { maxconn: 20 });
    await stage.ask(1, { maxconn: 30 });
    await stage.become('20 30');
    await stage.ask(0, null);
    await stage.become('0 30');
  });
  expect(sent.map((command) => command.replace(/\S+:\d+/, 'x')).sort()).toEqual([
    'set maxconn server x 0',
    'set maxconn server x 20',
    'set maxconn server x 30',
  ]);
}, 120_000);

it('a weight is live, and `disabled` takes the requests away until it is gone', async () => {
  const stage = await Stage.set(ALL, [{ weight: 10 }, null]);
  const sent = await stage.sentWhile(async () => {
    await stage.ask(1, { disabled: true });
    await until('one alone to answer', async () => (await stage.answering()) === '0', { timeoutMs: 20_000 });
    await stage.ask(1, { weight: 7 });
    await until('both to answer', async () => (await stage.answering()) === '0,1', { timeoutMs: 20_000 });
  });
  expect(sent.map((command) => command.replace(/\S+:\d+/, 'x'))).toEqual(['set server x weight 0', 'set server x weight 7']);
}, 120_000);

it('who asks to stand by does so while others are up, and takes its turn again: new before old, no reload', async () => {
  const stage = await Stage.set(ALL, [null, null, { backup: true, maxconn: 9 }]);
  expect([await stage.shown(), await stage.answering()]).toEqual(['0 0 9b', '0,1']);
  const sent = await stage.sentWhile(async () => {
    await stage.ask(1, { backup: true, maxconn: 4 });
    await stage.become('0 4b 9b');
    await until('one alone to answer', async () => (await stage.answering()) === '0', { timeoutMs: 20_000 });
  });
  // The stand-in, and the server in its place.
  expect(sent.filter((command) => /^add server .* maxconn 4 backup$/.test(command))).toHaveLength(2);
  await stage.sentWhile(async () => {
    await stage.ask(1, null);
    await stage.ask(2, null);
    await stage.become('0 0 0');
    await until('all to answer', async () => (await stage.answering()) === '0,1,2', { timeoutMs: 20_000 });
  });
  for (const index of [0, 1]) (stage.services[index] as HttpService).behaviour = 'fail';
  await until('the third to answer', async () => (await stage.answering()) === '2', { timeoutMs: 20_000 });
}, 240_000);

it('a HAProxy started from the files has all of it: no command is needed', async () => {
  const stage = await Stage.set(ALL, [{ maxconn: 50 }, { backup: true, maxconn: 7 }, { weight: 3 }]);
  await until('the file to have all of it', async () => {
    const file = await stage.file();
    return !file.includes(' disabled ') && / weight 3 /.test(file) && / maxconn 7 .* backup /.test(file);
  });
  const before = (await stage.sent()).length;
  const pid = await stage.pipeline.haproxy.workerPid();
  await stage.pipeline.haproxy.reload();
  await until('another worker', async () => (await stage.pipeline.haproxy.workerPid()) !== pid);
  await until(
    'it was seen',
    async () => (await stage.pipeline.app.ports.proxies.state(stage.pipeline.proxy.id))['worker']?.includes(String(pid)) !== true,
  );
  await stage.inSync();
  expect(await stage.shown()).toBe('50 7b 0');
  expect((await stage.sent()).slice(before)).toEqual([]);
}, 90_000);

it('what is allowed no longer is taken back, live but for standing by', async () => {
  const stage = await Stage.set({ maxConn: null, options: ['maxconn', 'weight'] }, [{ maxconn: 50, weight: 9 }, { maxconn: 60 }]);
  const sent = await stage.sentWhile(async () => {
    await stage.pipeline.configure(stage.config({ maxConn: null, options: ['weight'] }));
    await stage.become('0 0');
  });
  expect(sent).toHaveLength(2);
  expect(
    await stage.sentWhile(async () => {
      await stage.pipeline.configure(stage.config({ maxConn: null }));
      await until('the weight to be as registered', async () => (await stage.sent()).some((command) => / weight 1$/.test(command)));
    }),
  ).toHaveLength(1);
}, 120_000);

it('what somebody sets by hand is left so, and a new wish is ours again', async () => {
  const stage = await Stage.set(ALL, [{ maxconn: 50 }, null]);
  const name = `127.0.0.1:${stage.services[0]?.port}`;
  const before = (await stage.sent()).length;
  await withRuntime(stage.pipeline.proxy.runtime, (connection) => connection.send([`set maxconn server web/${name} 5`]));
  const overrides = async (): Promise<unknown> => {
    const json = await stage.pipeline.app.ports.proxies.backend(stage.pipeline.proxy.id, 'web');
    const { context } = JSON.parse(json ?? '{}') as { context: { looked: { overrides: { server: string; maxConn?: number }[] } | null } };
    return context.looked?.overrides.map(({ server, maxConn }) => `${server} ${maxConn}`).join();
  };
  await stage.ask(1, { maxconn: 8 });
  await until('it is seen', async () => (await overrides()) === `${name} 5`, { timeoutMs: 40_000 });
  await until('the other to have what it asks for', async () => (await stage.shown()) === '5 8');
  await stage.ask(0, { maxconn: 5 });
  await until('it is no override any more', async () => (await overrides()) === '', { timeoutMs: 40_000 });
  expect((await stage.sent()).slice(before)).toHaveLength(1);
}, 120_000);
