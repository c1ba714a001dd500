/** Ten instances, each with a registrar of its own, are restarted one after the other under load: withdrawn, drained, stopped, started, registered. */
import { expect, it } from 'vitest';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { HttpService } from '../support/http-service.ts';
import { freePort } from '../support/port.ts';
import { entryText, RegistrarHost } from '../support/registrar-host.ts';
import { SteadyTraffic, summary } from '../support/steady-traffic.ts';
import { System } from '../support/system.ts';

const cleanups = cleanupsAfterEach();
const INSTANCES = 10;

it('a rolling restart of ten instances loses no request', { timeout: 180_000 }, async () => {
  const listen = await freePort();
  const service = `  web: { path: /services/web, listen: "127.0.0.1:${listen}", allow: { loopback: true }, check: { http: GET /health, interval: 200ms, rise: 1, fall: 2 } }`;
  const system = await System.start({ services: service });
  cleanups.push(() => system.stop());
  const running = new Map<number, { web: HttpService; host: RegistrarHost }>();
  const begin = async (port: number): Promise<void> => {
    const web = await HttpService.start(port);
    // Each instance has a few requests under way at any time, so a restart without a drain cuts some.
    web.delayMs = 200;
    const entry = entryText('web', web.port).replace('drain: 0ms', 'drain: 1s');
    running.set(web.port, { web, host: await RegistrarHost.start({ connect: system.zookeeper.connect, register: entry }) });
  };
  const end = async (port: number): Promise<void> => {
    const one = running.get(port);
    await one?.host.stop();
    await one?.web.stop();
    running.delete(port);
  };
  cleanups.push(async () => {
    for (const port of [...running.keys()]) await end(port);
  });
  for (let count = 0; count < INSTANCES; count++) await begin(0);
  const ports = [...running.keys()];
  const names = ports.map((port) => `127.0.0.1:${port}`);
  await system.serving('web', names, 30_000);

  const traffic = new SteadyTraffic({ port: listen, rate: 150 });
  cleanups.push(() => traffic.stop());
  for (const port of ports) {
    await end(port);
    await begin(port);
    await system.serving('web', names, 30_000);
  }
  const done = await traffic.stop();
  expect(done.length).toBeGreaterThan(200);
  expect(summary(done)).toEqual({ 200: done.length });
  expect(new Set(done.map(({ server }) => server)).size).toBe(INSTANCES);
});
