/**
 * Parts that are not there: pointsman says what it waits for, takes nothing out of HAProxy for want of knowledge, and goes on once they
 * come. Under traffic; no request fails but where HAProxy itself was away.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pause } from '../../shared/runtime/wait.ts';
import { type HttpService, startHttpServices } from '../support/http-service.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { SteadyTraffic, summary } from '../support/steady-traffic.ts';
import { isServing, pathOf, System } from '../support/system.ts';

const SERVICE = 'web';
/** What may take a moment without anything being wrong. */
const GRACE_MS = 1_000;

let system: System;
let services: HttpService[];
let listen: number;
let next = 0;
/** Those that are registered. */
const names: string[] = [];

beforeAll(async () => {
  listen = await freePort();
  [system, services] = await Promise.all([
    System.start({
      services: `  ${SERVICE}:
    path: ${pathOf(SERVICE)}
    listen: "127.0.0.1:${listen}"
    check: { http: GET /health, interval: 300ms, rise: 1, fall: 2 }
    allow: { loopback: true }`,
    }),
    startHttpServices(8),
  ]);
  await another();
  await another();
  await system.serving(SERVICE, names);
  await system.inSync(SERVICE);
}, 60_000);

afterAll(async () => {
  await system.stop();
  await Promise.all(services.map((service) => service.stop()));
});

/** One more instance registers. */
async function another(): Promise<string> {
  const name = `127.0.0.1:${services[next++]?.port}`;
  await system.register(SERVICE, name, '', { sessionTimeout: 20_000 });
  names.push(name);
  return name;
}

/** Looks all the while: what is registered is in HAProxy and takes requests. */
async function nothingIsRemoved(ms: number): Promise<void> {
  const end = performance.now() + ms;
  let looks = 0;
  while (performance.now() < end) {
    const servers = await system.servers(SERVICE);
    expect([...servers.values()].filter(isServing).map(({ name }) => name)).toEqual(expect.arrayContaining(names));
    looks += 1;
    await pause(50);
  }
  expect(looks).toBeGreaterThan(5);
}

async function restartWithout(part: () => Promise<void>): Promise<void> {
  await system.app.stop();
  await part();
  system.app = system.newApp();
  system.startApp();
}

async function told(since: number, says: RegExp): Promise<Record<string, unknown>> {
  return until(
    `a line of its log that says ${says}`,
    async () => (await system.log()).slice(since).find(({ msg }) => says.test(String(msg))),
    {
      timeoutMs: 15_000,
    },
  );
}

describe('not there at the start', () => {
  it('Zookeeper', async () => {
    const traffic = new SteadyTraffic({ port: listen, rate: 50 });
    const lines = (await system.log()).length;
    await restartWithout(() => system.zookeeper.server.kill());
    await told(lines, /zookeeper/);
    await nothingIsRemoved(2_000);
    await system.zookeeper.server.start();
    await system.zookeeper.server.ready();
    await another();
    await system.serving(SERVICE, names, 20_000);
    await traffic.stop();
    expect(summary(traffic.failed)).toEqual({});
  }, 60_000);

  it('Redis, and then it is empty', async () => {
    const traffic = new SteadyTraffic({ port: listen, rate: 50 });
    const lines = (await system.log()).length;
    await restartWithout(() => system.killRedis());
    await told(lines, /waiting for redis/);
    await nothingIsRemoved(2_000);
    await system.startRedis();
    await Promise.all([nothingIsRemoved(4_000), system.started()]);
    await another();
    await system.serving(SERVICE, names, 20_000);
    await traffic.stop();
    expect(summary(traffic.failed)).toEqual({});
    expect(await system.proxyEvents('reloading'), 'no reload was needed').toEqual([]);
  }, 60_000);

  it('HAProxy: it starts from the files, with its servers', async () => {
    await until('the file to have them in rotation', async () => {
      const file = await readFile(join(system.places.managed, `service-${SERVICE}.cfg`), 'utf8');
      return names.every((name) => file.includes(` # instance ${name} ready\n`));
    });
    const lines = (await system.log()).length;
    await restartWithout(async () => {
      process.kill(system.haproxy.pid, 'SIGKILL');
      await until('HAProxy to be gone', () =>
        system.servers(SERVICE).then(
          () => false,
          () => true,
        ),
      );
    });
    const line = await told(lines, /proxy cannot be worked on/);
    expect(String(line.error)).toContain(system.places.runtime);
    await until('the backend to be shown as unreachable', async () => (await system.backendState(SERVICE))?.state === 'unreachable');
    await another();
    const fresh = names.pop() ?? '';
    await system.haproxy.run();
    const started = performance.now();
    await until('those of the files to serve', async () => {
      const up = [...(await system.servers(SERVICE)).values()].filter(isServing).map(({ name }) => name);
      return names.every((name) => up.includes(name));
    });
    expect(performance.now() - started).toBeLessThan(GRACE_MS);
    names.push(fresh);
    await system.serving(SERVICE, names, 20_000);
    await system.inSync(SERVICE);
  }, 60_000);
});

describe('Zookeeper', () => {
  it('gone for 10 s costs no request and no server', async () => {
    const traffic = new SteadyTraffic({ port: listen, rate: 100 });
    const from = (await system.proxyEvents('patching')).length;
    await system.zookeeper.server.kill();
    await nothingIsRemoved(10_000);
    await system.zookeeper.server.start();
    await system.zookeeper.server.ready();
    await nothingIsRemoved(5_000);
    expect((await system.proxyEvents('patching')).slice(from), 'commands sent').toEqual([]);
    await another();
    await system.serving(SERVICE, names, 20_000);
    await traffic.stop();
    expect(traffic.done.length).toBeGreaterThan(1_000);
    expect(summary(traffic.failed)).toEqual({});
  }, 60_000);
});
