/** Instances are restarted one after the other under load: withdrawn, drained, stopped, started, registered. By a registrar of their own, or under `pointsman exec`. */
import { expect, it } from 'vitest';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { ExecProcess } from '../support/exec-process.ts';
import { HttpService } from '../support/http-service.ts';
import { freePort } from '../support/port.ts';
import { entryText, RegistrarHost } from '../support/registrar-host.ts';
import { SteadyTraffic, summary } from '../support/steady-traffic.ts';
import { System } from '../support/system.ts';

const cleanups = cleanupsAfterEach();
const INSTANCES = 10;
/** Each is two processes. */
const EXEC_INSTANCES = 5;

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

it('a rolling restart by `pointsman exec` loses no request, though each program ends at once when it is told to', {
  timeout: 180_000,
}, async () => {
  const listen = await freePort();
  const service = `  web: { path: /services/web, listen: "127.0.0.1:${listen}", allow: { loopback: true }, check: { http: GET /health, interval: 200ms, rise: 1, fall: 2 } }`;
  const system = await System.start({ services: service });
  cleanups.push(() => system.stop());
  const running = new Map<number, ExecProcess>();
  const begin = async (port: number): Promise<void> => {
    const check = 'check: { http: GET /health, interval: 100ms, rise: 1, fall: 1 }';
    const register = `  - { service: web, path: /services/web, address: "127.0.0.1:${port}", by: service, drain: 1s, ${check} }`;
    running.set(port, await ExecProcess.start({ connect: system.zookeeper.connect, register, port, delayMs: 200 }));
  };
  cleanups.push(async () => {
    for (const one of running.values()) await one.stop();
  });
  const ports = await Promise.all(Array.from({ length: EXEC_INSTANCES }, () => freePort()));
  for (const port of ports) await begin(port);
  const names = ports.map((port) => `127.0.0.1:${port}`);
  await system.serving('web', names, 30_000);

  const traffic = new SteadyTraffic({ port: listen, rate: 100 });
  cleanups.push(() => traffic.stop());
  for (const port of ports) {
    const before = running.get(port);
    before?.process.kill('SIGTERM');
    expect(await before?.process.exited).toEqual({ code: 7, signal: null });
    await before?.stop();
    await begin(port);
    await system.serving('web', names, 30_000);
  }
  const done = await traffic.stop();
  expect(done.length).toBeGreaterThan(200);
  expect(summary(done)).toEqual({ 200: done.length });
  expect(new Set(done.map(({ server }) => server)).size).toBe(EXEC_INSTANCES);
});
