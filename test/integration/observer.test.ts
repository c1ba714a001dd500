/** The observer on a real HAProxy: changes of health reach the log as they happen, through reloads and restarts, and by the poll where there is no ring. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { InstanceSnapshot } from '../../machines/instance.ts';
import { identify, observeBackend } from '../../shared/haproxy/observe.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { HealthChange, Logged, ServiceEvent, Verdict } from '../../shared/model/event.ts';
import { withCheckWords } from '../../workers/observer/check-words.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { type HttpService, startHttpServices } from '../support/http-service.ts';
import { NoticeRecord, oldWorkers, runtimeConnections } from '../support/notices.ts';
import { Pipeline, type PipelineOptions } from '../support/pipeline.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { RuntimeRelay } from '../support/runtime-relay.ts';
import { serviceConfig } from '../support/samples.ts';

const cleanups = cleanupsAfterEach();

const CHECK = { type: 'http', method: 'GET', path: '/health', interval: 50, rise: 1, fall: 1 } as const;
/** ms from HAProxy's own notice to the event. Typical are 10; the machine may be busy. */
const SOON_MS = 500;

let pipeline: Pipeline | null = null;
let services: HttpService[] = [];

async function start(options: PipelineOptions = {}): Promise<Pipeline> {
  [pipeline, services] = await Promise.all([Pipeline.start(options), startHttpServices(2)]);
  return pipeline;
}

afterEach(async () => {
  await pipeline?.stop();
  await Promise.all(services.map((service) => service.stop()));
  pipeline = null;
});

const named = (at: number): string => `127.0.0.1:${services[at]?.port}`;

async function serving(on: Pipeline, rise = 1): Promise<void> {
  await on.configure(serviceConfig({ check: { ...CHECK, rise } }));
  await on.tell('web', on.registered(services[0]?.port ?? 0), on.registered(services[1]?.port ?? 0));
  await until('both to be up', async () => (await verdict(on, 0)) === 'up' && (await verdict(on, 1)) === 'up', { timeoutMs: 20_000 });
}

async function verdict(on: Pipeline, at: number): Promise<Verdict | undefined> {
  return (await on.app.ports.log.verdicts('web', 'edge')).get(named(at));
}

/** As HAProxy has it now. */
async function upThere(on: Pipeline): Promise<boolean> {
  const backend = await withRuntime(on.proxy.runtime, (connection) => observeBackend(connection, 'web'));
  const servers = [...(backend?.servers.values() ?? [])];
  return servers.length === 2 && servers.every(({ admin, check }) => admin === 'ready' && check === 'passed');
}

async function hearing(on: Pipeline): Promise<{ by: string; detail: string | null }> {
  return JSON.parse((await on.app.ports.proxies.state('edge'))['hearing'] ?? '{}') as { by: string; detail: string | null };
}

const byRing = (on: Pipeline): Promise<boolean> => until('the ring to be followed', async () => (await hearing(on)).by === 'ring');

async function events(on: Pipeline, cursor: string): Promise<Logged<ServiceEvent>[]> {
  return on.app.ports.log.read('web', cursor, 100);
}

/** The event that says so, after `cursor`. */
async function told(on: Pipeline, cursor: string, at: number, to: Verdict): Promise<Logged<ServiceEvent>> {
  return until(`the log to say ${to}`, async () =>
    (await events(on, cursor)).find(
      ({ event }) => event.type === 'health' && event.verdicts.some((change) => change.instance === named(at) && change.to === to),
    ),
  );
}

/** The first server fails, or passes again: ms from HAProxy's notice to the event. */
async function change(on: Pipeline, record: NoticeRecord, to: 'up' | 'down'): Promise<number> {
  const cursor = await on.app.ports.log.last('web');
  const since = Date.now();
  const [service] = services as [HttpService];
  service.behaviour = to === 'up' ? 'ok' : 'fail';
  const pattern = new RegExp(`^Server web/${named(0)} is ${to.toUpperCase()}\\b`);
  const event = await told(on, cursor, 0, to);
  return event.time - (await until('its notice', () => record.at(pattern, since)));
}

/** The machines have it that one proxy sees the first one down. */
async function downFolded(on: Pipeline): Promise<void> {
  await until(
    'the fold',
    async () => {
      const json = (await on.app.ports.store.instances('web', [named(0)])).get(named(0)) ?? '{}';
      return (JSON.parse(json) as InstanceSnapshot).context.health.down === 1;
    },
    { timeoutMs: 1_500 },
  );
}

describe('with the ring', () => {
  it('tells of a server that fails, and that is back, within milliseconds of HAProxy noticing', async () => {
    const on = await start();
    await serving(on);
    await byRing(on);
    const record = new NoticeRecord(on.haproxy);
    const taken: number[] = [];
    try {
      for (let n = 0; n < 10; n += 1) taken.push(await change(on, record, 'down'), await change(on, record, 'up'));
    } finally {
      record.close();
    }
    const sorted = taken.toSorted((a, b) => a - b);
    expect(sorted.at(-1), `n ${sorted.length}, median ${sorted[10]} ms`).toBeLessThan(SOON_MS);
  });

  it("tells why a check fails, in HAProxy's words, whatever the service says", async () => {
    const on = await start();
    await serving(on);
    await byRing(on);
    const found = async (cursor: string, instance: string): Promise<string | undefined> =>
      until('it to be down', async () => {
        const news = (await events(on, cursor)).flatMap(({ event }) => (event.type === 'health' ? event.verdicts : []));
        return news.find((one) => one.instance === instance && one.to === 'down');
      }).then(({ detail }) => detail);
    const cursor = await on.app.ports.log.last('web');
    const [service] = services as [HttpService];
    service.statusText = 'No, "really", \\u202e not';
    service.behaviour = 'fail';
    expect(await found(cursor, named(0))).toBe('L7STS 503: No, "really", \\\\u202e not');
    const closed = await freePort();
    await on.tell('web', on.registered(closed));
    expect(await found(cursor, `127.0.0.1:${closed}`)).toBe('L4CON: Connection refused');
  });

  it('does not wait for those words when they take their time', async () => {
    const on = await start();
    await serving(on);
    const relay = await RuntimeRelay.start(() => on.haproxy.runtime.path);
    cleanups.push(async () => relay.close());
    relay.toClient = () => '';
    const { backend } = await on.app.ports.desired.read('web');
    const news: readonly HealthChange[] = [{ instance: named(0), from: 'up', to: 'down' }];
    const waits: number[] = [];
    for (let n = 0; n < 5; n += 1) {
      const at = performance.now();
      expect(await withCheckWords({ kind: 'tcp', host: '127.0.0.1', port: relay.port }, 'web', backend, news)).toEqual(news);
      waits.push(performance.now() - at);
    }
    expect(Math.min(...waits)).toBeLessThan(100);
  });

  it('has a change folded at once in this process, should its job be lost too, and the managed file follows', async () => {
    const on = await start();
    await serving(on);
    await byRing(on);
    on.app.ports.queues.wakeService = async () => undefined;
    (services[0] as HttpService).behaviour = 'fail';
    await downFolded(on);
    const file = (): Promise<string> => readFile(join(on.managed, 'service-web.cfg'), 'utf8');
    await until('the file', async () => new RegExp(`^.*server ${named(0)}.* disabled`, 'm').test(await file()), { timeoutMs: 5_000 });
  });

  it('has a change folded by its job where nobody in this process folds', async () => {
    const on = await start();
    await serving(on);
    await byRing(on);
    on.app.ports.handover.service = null;
    (services[0] as HttpService).behaviour = 'fail';
    await downFolded(on);
  });

  it('says in the end what HAProxy says after a flood of notices, in few events', async () => {
    const on = await start();
    await serving(on, 3);
    await byRing(on);
    const cursor = await on.app.ports.log.last('web');
    const lines = Array.from({ length: 250 }, () => ['down', 'up'].map((to) => `set server web/${named(1)} health ${to}`)).flat();
    for (let n = 0; n < 20; n += 1) await on.haproxy.cli(...lines);
    (services[0] as HttpService).behaviour = 'fail';
    await told(on, cursor, 0, 'down');
    await until('the other to be up', async () => (await verdict(on, 1)) === 'up');
    const health = (await events(on, cursor)).filter(({ event }) => event.type === 'health');
    expect(health.length).toBeLessThan(100);
    expect((await hearing(on)).by).toBe('ring');
  });

  it('keeps one connection, through a reload and a restart, holds no old worker, and leaves none', async () => {
    const on = await start();
    await serving(on);
    await byRing(on);
    const live = async (): Promise<boolean> => (await runtimeConnections(on.haproxy)) === 1;
    await until('one connection', live);
    await on.haproxy.reload();
    await until('no old worker', async () => (await oldWorkers(on.haproxy)) === 0, { timeoutMs: 5_000 });
    await until('one connection to the new worker', live);
    // One that is still being admitted there says nothing of going down.
    await until('both to be up there', () => upThere(on));
    let record = new NoticeRecord(on.haproxy);
    expect(await change(on, record, 'down')).toBeLessThan(SOON_MS);
    record.close();
    await on.haproxy.restart();
    await until('one connection to the restarted one', live);
    await until('it to be down there', async () => (await verdict(on, 0)) === 'down');
    record = new NoticeRecord(on.haproxy);
    expect(await change(on, record, 'up')).toBeLessThan(SOON_MS);
    record.close();
    await on.app.stop();
    await until('no connection', async () => (await runtimeConnections(on.haproxy)) === 0);
  });

  it('tells all verdicts of one look in one event, and none twice', async () => {
    const on = await start();
    // Long enough down to be seen.
    await serving(on, 10);
    await byRing(on);
    const cursor = await on.app.ports.log.last('web');
    await on.haproxy.cli(...[0, 1].map((at) => `set server web/${named(at)} health down`));
    // Set down by hand, no check has failed: that is no longer up, and not seen down.
    await told(on, cursor, 0, 'unknown');
    await until('both to be up again', async () => (await verdict(on, 0)) === 'up' && (await verdict(on, 1)) === 'up');
    const health = (await events(on, cursor)).flatMap(({ event }) => (event.type === 'health' ? [event.verdicts] : []));
    expect(health[0]).toHaveLength(2);
    for (const at of [0, 1]) {
      const own = health.flat().filter(({ instance }) => instance === named(at));
      expect(own.map(({ from, to }) => `${from} ${to}`)).toEqual(['up unknown', 'unknown up']);
    }
  });
});

it('keeps in Redis that HAProxy answers, by the clock there', async () => {
  const on = await start();
  const looked = () => on.app.ports.proxies.lookedAt(['edge']);
  await until('a look to be kept', async () => (await looked()).lookedAt.has('edge'));
  const { now, lookedAt } = await looked();
  expect(lookedAt.get('edge')).toBeLessThanOrEqual(now);
  expect(now - (lookedAt.get('edge') ?? 0)).toBeLessThan(20_000);
});

describe('by the poll', () => {
  it('where HAProxy has no ring of ours, and says so', async () => {
    const sections = (at: string): string =>
      `${HTTP}\nbackend web\n  option httpchk GET /health\n  server s1 ${at} check inter 50 rise 1 fall 1\n`;
    const on = await start({ roles: ['transition', 'observer'], managed: false, managedBy: 'others' });
    await on.configure(serviceConfig({ check: CHECK }));
    await on.tell('web', on.registered(services[0]?.port ?? 0));
    await on.haproxy.configure({ sections: sections(named(0)).replace('server s1', `server ${named(0)}`) });
    await on.haproxy.run();
    // Without a reconciler, nobody else has met this worker.
    const { identity } = await withRuntime(on.haproxy.runtime, identify);
    await on.app.ports.proxies.setState('edge', { worker: JSON.stringify(identity) });
    await until('the log to say up', async () => (await verdict(on, 0)) === 'up');
    const [service] = services as [HttpService];
    service.behaviour = 'fail';
    await until('the log to say down', async () => (await verdict(on, 0)) === 'down');
    expect(await hearing(on)).toEqual({ by: 'poll', detail: 'HAProxy was started without the ring pointsman-notices of our managed file' });
    expect(await runtimeConnections(on.haproxy)).toBe(0);
  });

  it('where others need the last runtime connection', async () => {
    const sections = `global\n  setenv POINTSMAN_STATS_MAXCONN 3\n${HTTP}`;
    const on = await start({ sections });
    await serving(on);
    await byRing(on);
    const others = [await on.haproxy.connect(), await on.haproxy.connect()];
    try {
      await until('the stream to make room', async () => (await hearing(on)).by === 'poll', { timeoutMs: 10_000 });
      expect((await hearing(on)).detail).toContain('no runtime connection is free');
      const [service] = services as [HttpService];
      service.behaviour = 'fail';
      await until('the log to say down', async () => (await verdict(on, 0)) === 'down');
    } finally {
      for (const other of others) other.close();
    }
    await until('the ring to be followed again', async () => (await hearing(on)).by === 'ring', { timeoutMs: 20_000 });
  });
});

const HTTP = 'defaults base\n  mode http\n  timeout connect 1s\n  timeout client 10s\n  timeout server 10s\n';
