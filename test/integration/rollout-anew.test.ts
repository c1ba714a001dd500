/** New options that servers are made anew for, over a fleet of three real HAProxies: one after the other, and no further than where they fail. */
import { describe, expect, it } from 'vitest';
import { observeBackend } from '../../shared/haproxy/observe.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import { stoodInFor } from '../../shared/plan/stand-in.ts';
import type { App } from '../../workers/app.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { Fleet } from '../support/fleet.ts';
import { readFleetStatus, registeredAt } from '../support/fleet-service.ts';
import { HttpService } from '../support/http-service.ts';
import { until } from '../support/poll.ts';
import { serviceConfig } from '../support/service-events.ts';

const cleanups = cleanupsAfterEach();
const LONG = { timeoutMs: 60_000 };
const CHECK = { type: 'http', method: 'GET', path: '/health', interval: 200, rise: 1, fall: 2 } as const;
const WEB = serviceConfig({ name: 'web', path: '/services/web/instances', check: CHECK, drainTimeout: 500 });

/** The instances speak no TLS. */
const TLS = { verify: 'none' } as const;

interface Serving {
  readonly on: Fleet;
  readonly app: App;
}

/** Three proxies that carry web with its instances up. */
async function serving(instances: number): Promise<Serving> {
  const on = await Fleet.start(3, { rollout: { maxUnavailable: 1, stopOnFailure: true } });
  cleanups.push(() => on.stop());
  const services = await Promise.all(Array.from({ length: instances }, () => HttpService.start()));
  cleanups.push(() => Promise.all(services.map((service) => service.stop())));
  const app = await on.work(on.members, ['transition', 'reconciler']);
  await on.tell(app, 'web', { type: 'configured', config: WEB }, ...services.map(({ port }) => registeredAt(port)), { type: 'complete' });
  await until('all are up everywhere', async () => (await up(on)).every((names) => names.length === instances), LONG);
  await until('nobody reloads', async () => (await readFleetStatus(app)).rollout.reloading.length === 0, LONG);
  return { on, app };
}

async function servers(on: Fleet) {
  const seen = await Promise.all(
    on.members.map(({ haproxy }) => withRuntime(haproxy.runtime, (connection) => observeBackend(connection, 'web'))),
  );
  return seen.map((backend) => [...(backend?.servers.values() ?? [])]);
}

async function up(on: Fleet): Promise<string[][]> {
  return (await servers(on)).map((all) =>
    all.filter(({ admin, operation }) => admin === 'ready' && operation === 'running').map(({ name }) => name),
  );
}

/** Which proxies have stand-ins. */
async function making(on: Fleet): Promise<number[]> {
  return (await servers(on)).flatMap((all, index) => (all.some(({ name }) => stoodInFor(name) !== null) ? [index] : []));
}

async function withQueueLimit(on: Fleet, limit: string): Promise<number> {
  const texts = await Promise.all(on.members.map(({ haproxy }) => haproxy.cli('show stat web 4 -1')));
  const done = texts.filter(([text = '']) => {
    const [head = '', ...rows] = text.trim().split('\n');
    const column = head.split(',').indexOf('qlimit');
    return rows.length > 0 && rows.every((row) => row.split(',')[column] === limit && row.split(',')[1]?.endsWith('-next') === false);
  });
  return done.length;
}

const pids = (on: Fleet): Promise<number[]> => Promise.all(on.members.map(({ haproxy }) => haproxy.workerPid()));

describe('options that servers are made anew for', () => {
  it('reach one proxy after the other, without a reload', async () => {
    const { on, app } = await serving(2);
    const before = await pids(on);
    await on.tell(app, 'web', { type: 'configured', config: { ...WEB, server: { maxConn: null, maxQueue: 77 } } });
    const at: number[][] = [];
    await until(
      'all have them',
      async () => {
        at.push(await making(on));
        return (await withQueueLimit(on, '77')) === 3;
      },
      LONG,
    );
    expect(new Set(at.flat()), 'each had stand-ins').toEqual(new Set([0, 1, 2]));
    expect(Math.max(...at.map((proxies) => proxies.length)), 'at once').toBe(1);
    expect(await pids(on), 'no reload').toEqual(before);
    await until('the slot is free', async () => (await readFleetStatus(app)).rollout.reloading.length === 0, LONG);
  }, 120_000);

  it('stop at the proxy where no stand-in comes up; nobody loses a server, and other options go on', async () => {
    const { on, app } = await serving(2);
    const old = await up(on);
    await on.tell(app, 'web', { type: 'configured', config: { ...WEB, server: { maxConn: null, tls: TLS } } });
    const [first = -1] = await until('one has a stand-in', async () => {
      const proxies = await making(on);
      return proxies.length > 0 && proxies;
    });
    const { slots } = app.ports.keys.rollout;
    const id = `edge-${first}`;
    const slot = JSON.parse((await app.ports.redis.hget(slots, id)) ?? 'null') as object | null;
    expect(slot).toMatchObject({ changes: { web: expect.stringContaining('form ') }, stops: true });
    // As if its time were over, which is a minute.
    await app.ports.redis.hset(slots, id, JSON.stringify({ ...slot, until: Date.now() - 1 }));
    const report = await until(
      'the others are stopped',
      async () => {
        const now = await readFleetStatus(app);
        const held = now.proxies
          .flatMap(({ backends }) => backends)
          .filter(({ detail }) => detail?.startsWith(`rollout stopped at ${id}: `));
        return held.length === 2 && now;
      },
      LONG,
    );
    expect(report.rollout.stopped).toMatchObject([{ what: 'web', proxy: id, done: 0, of: 3 }]);
    expect(await making(on), 'nowhere else').toEqual([first]);
    expect(await up(on), 'all serve on as they did').toEqual(old);
    await on.tell(app, 'web', { type: 'configured', config: { ...WEB, server: { maxConn: null, maxQueue: 78 } } });
    await until('all have other options', async () => (await withQueueLimit(on, '78')) === 3, { timeoutMs: 90_000 });
    await until('nothing is stopped', async () => (await app.ports.redis.hlen(app.ports.keys.rollout.stops)) === 0, LONG);
  }, 180_000);
});
