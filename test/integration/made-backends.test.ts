/**
 * A new service without a reload, where HAProxy can make backends at runtime (3.4): run with `HAPROXY=/path/to/haproxy`, otherwise skipped. Real parts all of
 * them, services found below a znode.
 */
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { planProxy } from '../../cli/plan/proxy-plan.ts';
import { RuntimeConnection } from '../../shared/haproxy/connection.ts';
import { formOf, structureOf } from '../../shared/haproxy/render-service.ts';
import { shapeOf } from '../../shared/haproxy/render-shapes.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { versionOf } from '../support/haproxy-versions.ts';
import { asked } from '../support/host-request.ts';
import { HttpService } from '../support/http-service.ts';
import { type PlainClient, plainClient } from '../support/plain-client.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { edgeProxy, pathOf, System } from '../support/system.ts';

const cleanups = cleanupsAfterEach();
const [major = 0, minor = 0] = (versionOf('haproxy') ?? '0.0').split('.').map(Number);
const MAKES = major > 3 || (major === 3 && minor >= 4);

/** A tripwire beside other tests: a quiet machine takes some 25 ms, and `npm run bench -- --only new-service` holds the median to 100. */
const FIGURE_MS = 500;

let system: System;
let plain: PlainClient;
let port: number;
let one: HttpService;
let worker: number;

function config(like = ''): string {
  return `
discover:
  - { root: /services, children: instances, host: "{service}.local", like: { check: none, guard: { maxLoss: 1 }, allow: { loopback: true }${like} } }`;
}

function fileOf(service: string): string {
  return join(system.places.managed, `service-${service}.cfg`);
}

async function lines(...texts: string[]): Promise<string[]> {
  const connection = await RuntimeConnection.open(system.haproxy.runtime);
  try {
    return await connection.send(texts);
  } finally {
    connection.close();
  }
}

async function routed(service: string, instance: HttpService): Promise<void> {
  await until(`${service} to answer`, async () => (await asked(port, `${service}.local`)) === `200 ${instance.port}`, { everyMs: 2 });
}

function serviceAs(config: ServiceConfig | null): ServiceConfig {
  return config ?? expect.fail('it is configured');
}

async function start(like = ''): Promise<void> {
  port = await freePort();
  system = await System.start({
    services: config(like),
    proxies: (places) => edgeProxy(places, `, http: { listen: "127.0.0.1:${port}" }`),
  });
  cleanups.push(() => system.stop());
  plain = await plainClient(system.zookeeper.connect);
  cleanups.push(() => plain.close());
  one = await HttpService.start();
  cleanups.push(() => one.stop());
  worker = await system.haproxy.workerPid();
}

describe.skipIf(!MAKES)('a new service', () => {
  beforeEach(async ({ task }) => {
    if (!task.name.includes('cookie')) await start();
  });

  it('is made, routed, written down, and taken away, all without a reload', async () => {
    const session = await system.register('web', `127.0.0.1:${one.port}`);
    await routed('web', one);
    await system.inSync('web');
    await until('its file', async () => (await readFile(fileOf('web'), 'utf8')).includes(`127.0.0.1:${one.port} `));
    expect(await system.haproxy.workerPid()).toBe(worker);
    await session.close();
    await plain.removeAll('/services/web');
    await system.app.ports.queues.wakeService('web', { why: 'test', time: 0 });
    await one.stop();
    await system.reconfigure('');
    await until('its backend is gone', async () => !(await system.backends()).includes('web'), { timeoutMs: 20_000 });
    await until('its file is gone', () =>
      access(fileOf('web')).then(
        () => false,
        () => true,
      ),
    );
    expect(await asked(port, 'web.local')).toMatch(/^404/);
    expect(await lines('show map virt@pointsman-made')).toEqual(['']);
    expect(await system.haproxy.workerPid()).toBe(worker);
  });

  it('is there after a restart of HAProxy, which needs no command', async () => {
    await system.register('web', `127.0.0.1:${one.port}`);
    await routed('web', one);
    await system.inSync('web');
    await until('its file', async () => (await readFile(fileOf('web'), 'utf8')).includes(`127.0.0.1:${one.port} `));
    const sent = (await system.proxyEvents('commands')).length;
    await system.haproxy.restart();
    await routed('web', one);
    await until('it is looked at', async () => (await system.proxyEvents('worker')).length === 2);
    await system.inSync('web');
    expect((await system.proxyEvents('commands')).length).toBe(sent);
  });

  it('that was half made when we ended is finished', async () => {
    await system.register('first', `127.0.0.1:${one.port}`);
    await routed('first', one);
    const { desired, log } = system.app.ports;
    const first = serviceAs(await log.configOnRecord('first'));
    expect((await desired.read('first')).backend?.config).toEqual(first);
    await system.app.stop();
    const { defaults } = system.configWith(config()).proxies[0] ?? expect.fail('a proxy');
    const web = { ...first, name: 'web', host: 'web.local', path: pathOf('web') };
    const loaded = `${structureOf(web, defaults)}.${formOf(web)}`;
    await lines(`add map virt@pointsman-made web ${loaded}`, `add backend web from ${shapeOf(web, defaults)}`);
    await system.register('web', `127.0.0.1:${one.port}`);
    system.app = system.newApp();
    system.startApp();
    await routed('web', one);
    await system.inSync('web');
    expect(await system.haproxy.workerPid()).toBe(worker);
  });

  it('is what a dry run says would be made', async () => {
    await system.register('web', `127.0.0.1:${one.port}`);
    await routed('web', one);
    await system.inSync('web');
    await system.app.stop();
    const at = `web/127.0.0.1:${one.port}`;
    await lines(
      `set server ${at} state maint`,
      `wait 2s srv-removable ${at}`,
      `del server ${at}`,
      'unpublish backend web',
      'del backend web',
    );
    system.app = system.newApp();
    const proxy = system.configWith(config()).proxies[0] ?? expect.fail('a proxy');
    await until('Redis', () => system.app.ports.redis.status === 'ready');
    const plan = await planProxy(proxy, system.app.ports);
    const shape = shapeOf(serviceAs(await system.app.ports.log.configOnRecord('web')), proxy.defaults);
    expect(plan).toMatchObject({
      services: [
        {
          service: 'web',
          reload: null,
          commands: [
            { command: `add backend web from ${shape}` },
            { command: expect.stringMatching(`^add server ${at} 127\\.0\\.0\\.1 port ${one.port} id \\d+ weight 1$`) },
          ],
        },
      ],
    });
    const sent = (await system.proxyEvents('commands')).length;
    system.startApp();
    await routed('web', one);
    await system.inSync('web');
    // The route has been there all the time, and nothing of it is sent.
    const results = (await system.proxyEvents<{ results: { command: string }[] }>('commands')).slice(sent);
    expect(results.flatMap((event) => event.results.map(({ command }) => command))).toEqual([
      `add backend web from ${shape}`,
      'publish backend web',
      expect.stringMatching(`^add server ${at} `),
    ]);
    expect(await system.haproxy.workerPid()).toBe(worker);
  });

  it('with a cookie takes a reload', async () => {
    await start(', cookie: { name: SRV }');
    await system.register('web', `127.0.0.1:${one.port}`);
    await routed('web', one);
    expect(await system.haproxy.workerPid()).not.toBe(worker);
  });

  it('is routed, twenty of them one after the other, by the worker that was there', async () => {
    const took: number[] = [];
    const session = await system.session();
    for (let n = 0; n < 21; n += 1) {
      const begun = performance.now();
      await session.register(pathOf(`web-${n}`), `127.0.0.1:${one.port}`);
      await routed(`web-${n}`, one);
      took.push(performance.now() - begun);
    }
    // The first one loads code.
    const sorted = took
      .slice(1)
      .sort((a, b) => a - b)
      .map(Math.round);
    expect(sorted[10], `ms from the znode to the first answer: ${sorted.join(' ')}`).toBeLessThan(FIGURE_MS);
    expect(await system.haproxy.workerPid()).toBe(worker);
  });
});
