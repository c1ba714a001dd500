/** The shared HTTP frontend on real parts: services are found by host and path, and routed and unrouted without a reload where their backends exist. */
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RuntimeConnection } from '../../shared/haproxy/connection.ts';
import { changeRoutes, readRoutes } from '../../shared/haproxy/routes.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { asked } from '../support/host-request.ts';
import { type HttpService, startHttpServices } from '../support/http-service.ts';
import { Pipeline } from '../support/pipeline.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { serviceConfig } from '../support/service-events.ts';
import { edgeProxy, pathOf, System } from '../support/system.ts';

const cleanups = cleanupsAfterEach();

function service(name: string, reached: string): string {
  return `  ${name}:
    path: ${pathOf(name)}
    check: { http: GET /health, interval: 300ms, rise: 1, fall: 2 }
    guard: { maxLoss: 1 }
    allow: { loopback: true }
    ${reached}
`;
}

interface World {
  readonly system: System;
  readonly port: number;
  readonly one: HttpService;
  readonly two: HttpService;
  readonly map: string;
}

async function start(services: string): Promise<World> {
  const port = await freePort();
  const system = await System.start({
    services,
    proxies: (places) => edgeProxy(places, `, http: { listen: "127.0.0.1:${port}" }`),
  });
  cleanups.push(() => system.stop());
  const [one, two] = (await startHttpServices(2)) as [HttpService, HttpService];
  cleanups.push(() => Promise.all([one.stop(), two.stop()]));
  for (const [name, instance] of [
    ['web', one],
    ['api', two],
  ] as const) {
    if (!services.includes(`  ${name}:`)) continue;
    await system.register(name, nameOf(instance));
    await system.serving(name, [nameOf(instance)]);
    await system.inSync(name);
  }
  return { system, port, one, two, map: join(system.places.managed, 'routes.map') };
}

function nameOf({ port }: HttpService): string {
  return `127.0.0.1:${port}`;
}

/** The entries of the map's file, without its header. */
async function onDisk(map: string): Promise<string[]> {
  return (await readFile(map, 'utf8')).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

async function live({ system, map }: World): Promise<string[]> {
  const connection = await RuntimeConnection.open(system.haproxy.runtime);
  try {
    return [...((await readRoutes(connection, map)) ?? [])].map((entry) => entry.join(' ')).sort();
  } finally {
    connection.close();
  }
}

describe('the shared frontend', () => {
  it('finds services by host, then by path, the longest first', async () => {
    const { port, one, two } = await start(service('web', 'host: Shop.local') + service('api', 'pathPrefix: /api'));
    const [web, api] = [`200 ${one.port}`, `200 ${two.port}`];
    expect(await asked(port, 'shop.local')).toBe(web);
    expect(await asked(port, 'SHOP.local.:8080', '/api/x?y=1')).toBe(web);
    expect(await asked(port, 'other.local', '/api')).toBe(api);
    expect(await asked(port, 'other.local', '/api/v1')).toBe(api);
    expect(await asked(port, 'other.local', '/apis')).toMatch(/^404 No service has this host and path/);
    expect(await asked(port, 'shop.local.evil', '/')).toMatch(/^404 /);
  });

  it('follows another host, and a service that goes, without a reload for it', async () => {
    const world = await start(service('web', 'host: shop.local') + service('api', 'host: shop.local\n    pathPrefix: /api'));
    const { system, port, one, two, map } = world;
    expect(await asked(port, 'shop.local', '/api/1')).toBe(`200 ${two.port}`);
    const worker = await system.haproxy.workerPid();
    await system.reconfigure(service('web', 'host: store.local') + service('api', 'host: shop.local\n    pathPrefix: /api'));
    await until('the other host', async () => (await asked(port, 'store.local')) === `200 ${one.port}`);
    await until('the host of before is nobody’s', async () => (await asked(port, 'shop.local')).startsWith('404'));
    expect(await asked(port, 'shop.local', '/api/1')).toBe(`200 ${two.port}`);
    await until('the file follows', async () => (await onDisk(map)).join() === 'shop.local/api/ api,store.local/ web');
    expect(await system.haproxy.workerPid()).toBe(worker);
    await system.reconfigure(service('web', 'host: store.local'));
    await until('it is nobody’s', async () => (await asked(port, 'shop.local', '/api/1')).startsWith('404'));
    await until('the file follows', async () => (await onDisk(map)).join() === 'store.local/ web');
  });

  it('has its routes at once after a restart of HAProxy, and after somebody changed the map', async () => {
    const world = await start(service('web', 'host: shop.local'));
    const { system, port, one, map } = world;
    await system.haproxy.restart();
    await until('a request', async () => (await asked(port, 'shop.local')).startsWith('200'));
    const connection = await RuntimeConnection.open(system.haproxy.runtime);
    await changeRoutes(connection, map, [
      { key: 'shop.local/', from: 'web', to: null },
      { key: 'stray.local/', from: null, to: 'web' },
    ]);
    connection.close();
    expect(await asked(port, 'shop.local')).toMatch(/^404/);
    await system.register('web', '127.0.0.1:1');
    await until('it is routed again', async () => (await asked(port, 'shop.local')) === `200 ${one.port}`);
    await until('the stray is gone', async () => (await live(world)).join() === 'shop.local/ web');
  });

  it('whose address is taken keeps what runs, and says so', async () => {
    const taken = createServer();
    cleanups.push(() => new Promise<void>((resolve) => taken.close(() => resolve())));
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const port = (taken.address() as AddressInfo).port;
    const listen = await freePort();
    let http = '';
    const services = service('web', `listen: "127.0.0.1:${listen}"\n    host: shop.local`);
    const system = await System.start({
      services,
      proxies: (places) => edgeProxy(places, http),
    });
    cleanups.push(() => system.stop());
    await system.inSync('web');
    const worker = await system.haproxy.workerPid();
    http = `, http: { listen: "127.0.0.1:${port}" }`;
    await system.reconfigure(services);
    await system.app.stop();
    system.app = system.newApp();
    system.startApp();
    const blocked = await until('it is said', async () => {
      const standing = await system.backendState('web');
      return standing?.state === 'blocked' ? standing.detail : null;
    });
    expect(blocked).toBe(`cannot listen on 127.0.0.1:${port}: another process listens there already`);
    expect(await system.haproxy.workerPid()).toBe(worker);
    expect(await asked(listen, 'any')).toMatch(/^503/);
  });
});

describe('a reload while Redis knows only some of the services that run', () => {
  it('leaves the host of one that it does not know', async () => {
    const port = await freePort();
    const http = { listen: `127.0.0.1:${port}` };
    const on = await Pipeline.start({ proxy: { http } });
    cleanups.push(() => on.stop());
    const [one, two] = (await startHttpServices(2)) as [HttpService, HttpService];
    cleanups.push(() => Promise.all([one.stop(), two.stop()]));
    const allow = { cidrs: ['0.0.0.0/0', '::/0'], loopback: true, names: true };
    const shop = serviceConfig({ host: 'shop.local', check: { type: 'none' }, allow });
    const api = { ...shop, name: 'api', path: '/services/api/instances', host: 'api.local' };
    await on.configure(shop);
    await on.configure(api);
    await on.tell('web', on.registered(one.port));
    await on.tell('api', on.registered(two.port));
    for (const [host, instance] of [
      ['shop.local', one],
      ['api.local', two],
    ] as const)
      await until(`${host} is served`, async () => (await asked(port, host)) === `200 ${instance.port}`);
    await until(
      'both are in sync',
      async () => (await on.backendState('web')) === 'in-sync' && (await on.backendState('api')) === 'in-sync',
    );
    await on.app.stop();
    await on.redis.client.flushall();
    const worker = await on.haproxy.workerPid();
    on.proxy = { ...on.proxy, defaults: { ...on.proxy.defaults, retries: 2 } };
    on.app = on.newApp(['transition', 'reconciler']);
    await on.app.start();
    await on.configure(shop);
    await on.tell('web', on.registered(one.port), { type: 'complete' });
    await until('the reload', async () => (await on.haproxy.workerPid()) !== worker, { timeoutMs: 20_000 });
    expect(await asked(port, 'api.local')).toBe(`200 ${two.port}`);
    await until('web is in sync', async () => (await on.backendState('web')) === 'in-sync', { timeoutMs: 20_000 });
    expect(await asked(port, 'shop.local')).toBe(`200 ${one.port}`);
    expect(await asked(port, 'api.local')).toBe(`200 ${two.port}`);
    expect(await onDisk(join(on.managed, 'routes.map'))).toEqual(['api.local/ api', 'shop.local/ web']);
  }, 60_000);
});
