/** New options that take servers down, over a fleet of three real HAProxies: they go no further than the proxy where the checks say so. */
import { expect, it } from 'vitest';
import { must } from '../../shared/errors.ts';
import { observeBackend } from '../../shared/haproxy/observe.ts';
import { structureOf } from '../../shared/haproxy/render-service.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import { RolloutStore } from '../../shared/redis/rollout-store.ts';
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
/** The instances answer 200, and no body has this. */
const WRONG = { ...WEB, check: { ...CHECK, expect: { body: 'no such word' } } };

/** Three proxies that carry web with its instances up. */
async function serving(instances: number): Promise<{ on: Fleet; app: App; services: readonly HttpService[] }> {
  const on = await Fleet.start(3, { rollout: { maxUnavailable: 1, stopOnFailure: true } });
  cleanups.push(() => on.stop());
  const services = await Promise.all(Array.from({ length: instances }, () => HttpService.start()));
  cleanups.push(() => Promise.all(services.map((service) => service.stop())));
  const app = await on.work(on.members, ['transition', 'reconciler']);
  await on.tell(app, 'web', { type: 'configured', config: WEB }, ...services.map(({ port }) => registeredAt(port)), { type: 'complete' });
  await until('all are up everywhere', async () => (await up(on)).every((count) => count === instances), LONG);
  await idle(app);
  return { on, app, services };
}

function idle(app: App): Promise<unknown> {
  return until('no slot is held', async () => (await readFleetStatus(app)).rollout.reloading.length === 0, LONG);
}

/** How many servers of web pass their checks, by proxy. */
function up(on: Fleet): Promise<number[]> {
  return Promise.all(
    on.members.map(async ({ haproxy }) => {
      const backend = await withRuntime(haproxy.runtime, (connection) => observeBackend(connection, 'web'));
      const servers = [...(backend?.servers.values() ?? [])];
      return servers.filter(({ admin, check, operation }) => admin === 'ready' && check === 'passed' && operation !== 'stopped').length;
    }),
  );
}

it('a check that no server passes stops at one proxy; the others keep theirs, and better options go on to all', async () => {
  const { on, app } = await serving(3);
  await on.tell(app, 'web', { type: 'configured', config: WRONG });
  const report = await until(
    'two are stopped',
    async () => {
      const now = await readFleetStatus(app);
      const blocked = now.proxies.flatMap(({ backends }) => backends).filter(({ detail }) => detail?.startsWith('rollout stopped at '));
      return blocked.length === 2 && now;
    },
    LONG,
  );
  const [stop] = report.rollout.stopped;
  expect(report.rollout.stopped).toMatchObject([{ what: 'web', done: 0, of: 3, reason: '3 of 3 servers are down with them' }]);
  expect(await on.having(WRONG), 'loaded by one alone').toEqual([stop?.proxy]);
  expect((await up(on)).toSorted()).toEqual([0, 3, 3]);
  await idle(app);
  // Other options that do no better have a proxy to fail at too, and no more than one.
  const again = { ...WRONG, check: { ...WRONG.check, interval: 250 } };
  const structure = structureOf(again, must(on.members[0], 'a proxy').config.defaults);
  await on.tell(app, 'web', { type: 'configured', config: again });
  await until(
    'they are stopped too',
    async () => (await new RolloutStore(app.ports.redis, app.ports.keys).stops()).some((one) => one.structure === structure),
    LONG,
  );
  await idle(app);
  expect(await on.having(again)).toHaveLength(1);
  expect((await up(on)).includes(3), 'all is well where neither was loaded').toBe(true);
  const better = { ...WEB, balance: 'leastconn' };
  await on.tell(app, 'web', { type: 'configured', config: better });
  await until('all have better ones', async () => (await on.having(better)).length === 3, { timeoutMs: 90_000 });
  await until('all are up everywhere', async () => (await up(on)).every((count) => count === 3), LONG);
  await until('nothing is stopped', async () => (await app.ports.redis.hlen(app.ports.keys.rollout.stops)) === 0, LONG);
}, 240_000);

it('good options go on to all, also past an instance that was down before, and past one that leaves meanwhile', async () => {
  const { on, app, services } = await serving(3);
  const [dead, leaving] = services as [HttpService, HttpService];
  dead.behaviour = 'fail';
  await until('one is down everywhere', async () => (await up(on)).every((count) => count === 2), LONG);
  const after = { ...WEB, balance: 'leastconn' };
  const { instance, znode } = registeredAt(leaving.port) as {
    instance: string;
    znode: { name: string; czxid: string; mzxid: string; version: number };
  };
  await on.tell(app, 'web', { type: 'configured', config: after });
  await until('one has them', async () => (await on.having(after)).length === 1, LONG);
  await on.tell(app, 'web', { type: 'deregistered', instance, znode });
  await until('all have them', async () => (await on.having(after)).length === 3, LONG);
  await idle(app);
  expect((await readFleetStatus(app)).rollout.stopped).toEqual([]);
  expect(await app.ports.redis.hlen(app.ports.keys.rollout.stops)).toBe(0);
}, 180_000);
