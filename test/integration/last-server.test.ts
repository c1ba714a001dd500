/**
 * The last server of a service, on real parts: it stays as long as HAProxy sees it up and nobody says otherwise, and goes when there is evidence. A service
 * that is given up for good ends without any server.
 */
import { describe, expect, it } from 'vitest';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { configFile, pointsman } from '../support/command.ts';
import { type HttpService, startHttpServices } from '../support/http-service.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import type { RegistrarSession } from '../support/registrar-session.ts';
import { ServerWatch } from '../support/server-watch.ts';
import { SteadyTraffic, summary } from '../support/steady-traffic.ts';
import { pathOf, System } from '../support/system.ts';

const SERVICE = 'web';
const CHECK = '{ http: GET /health, interval: 300ms, rise: 1, fall: 2 }';

const cleanups = cleanupsAfterEach();

interface Story {
  readonly system: System;
  readonly services: readonly HttpService[];
  readonly names: readonly string[];
  readonly sessions: readonly RegistrarSession[];
  readonly listen: number;
  readonly file: string;
}

/** Each instance on a session of its own; all serve, and HAProxy's checks are told. */
async function start(count: number, check: string, guard: string): Promise<Story> {
  const listen = await freePort();
  const text = `  ${SERVICE}:
    path: ${pathOf(SERVICE)}
    listen: "127.0.0.1:${listen}"
    check: ${check}
    guard: ${guard}
    allow: { loopback: true }`;
  const [system, services] = await Promise.all([System.start({ services: text }), startHttpServices(count)]);
  cleanups.push(
    () => Promise.all(services.map((service) => service.stop())),
    () => system.stop(),
  );
  const names = services.map(({ port }) => `127.0.0.1:${port}`);
  const sessions = await Promise.all(names.map((name) => system.register(SERVICE, name)));
  await system.serving(SERVICE, names);
  await until('them to be seen up', async () => {
    const known = await Promise.all(names.map((name) => system.instance(SERVICE, name)));
    return known.every((one) => one?.snapshot.context.health.up === 1);
  });
  return { system, services, names, sessions, listen, file: await configFile(system.folder, system.text(text)) };
}

async function emptied({ system }: Story, withinMs = 15_000): Promise<void> {
  await until('HAProxy to have no server of it', async () => (await system.servers(SERVICE)).size === 0, { timeoutMs: withinMs });
  await system.inSync(SERVICE);
}

async function isLast({ system }: Story, name: string): Promise<void> {
  await until('it to be kept', async () => (await system.instance(SERVICE, name))?.state === 'held');
  await system.serving(SERVICE, [name]);
}

describe('a service that is given up for good', () => {
  it('is gone with its last server once its processes are', async () => {
    const told = await start(3, CHECK, '{ maxLoss: 0.5 }');
    await Promise.all([...told.sessions.map((session) => session.close()), ...told.services.map((service) => service.stop())]);
    await emptied(told);
  }, 60_000);

  it('is gone without a check too: the last server once the hold would be over, not before', async () => {
    const hold = 3_000;
    const told = await start(3, 'none', `{ maxLoss: 1, hold: ${hold}ms }`);
    const began = performance.now();
    await Promise.all([...told.sessions.map((session) => session.close()), ...told.services.map((service) => service.stop())]);
    let kept = 0;
    await until(
      'HAProxy to have no server of it',
      async () => {
        const servers = [...(await told.system.servers(SERVICE)).values()];
        if (servers.some(({ admin }) => admin === 'ready')) kept = performance.now() - began;
        return servers.length === 0;
      },
      { timeoutMs: 15_000 },
    );
    // The end of the hold is seen at the next look.
    expect(kept, 'ms for which one was in').toBeGreaterThan(hold - 500);
    await told.system.inSync(SERVICE);
  }, 60_000);
});

describe('the last server that HAProxy sees up', () => {
  it('stays although its registration ended, until another one is up', async () => {
    const told = await start(2, CHECK, '{ maxLoss: 1 }');
    const { system, sessions, services, names, listen } = told;
    const [first = '', second = ''] = names;
    await sessions[1]?.close();
    await until('the other to be gone', async () => !(await system.servers(SERVICE)).has(second));
    const traffic = new SteadyTraffic({ port: listen, rate: 60 });
    cleanups.push(() => traffic.stop());
    const watch = new ServerWatch(system, SERVICE, []);
    await sessions[0]?.close();
    await isLast(told, first);
    const { out } = await pointsman('why', SERVICE, first, '--config', told.file);
    expect(out).toMatch(/last/);
    // Registered, but its checks fail: no relief.
    const [, other] = services as [HttpService, HttpService];
    other.behaviour = 'fail';
    await system.register(SERVICE, second);
    await until('its checks to fail', async () => (await system.instance(SERVICE, second))?.state === 'failing');
    await isLast(told, first);
    other.behaviour = 'ok';
    await until('the first to be gone', async () => !(await system.servers(SERVICE)).has(first), { timeoutMs: 15_000 });
    await system.serving(SERVICE, [second]);
    await traffic.stop();
    expect(summary(traffic.failed), `of ${traffic.done.length} requests`).toEqual({});
    expect((await watch.stop()).fewest, 'servers in rotation at any look').toBeGreaterThan(0);
  }, 60_000);

  it('stays until it is seen down', async () => {
    const told = await start(1, CHECK, '{ maxLoss: 1 }');
    const [name = ''] = told.names;
    await told.sessions[0]?.close();
    await isLast(told, name);
    await told.services[0]?.stop();
    await emptied(told);
  }, 60_000);

  it('stays until an operator releases it', async () => {
    const told = await start(1, CHECK, '{ maxLoss: 1 }');
    const [name = ''] = told.names;
    await told.sessions[0]?.close();
    await isLast(told, name);
    expect((await pointsman('release', SERVICE, '--config', told.file)).code).toBe(0);
    await emptied(told);
  }, 60_000);

  it('is not let go by the loss of all at once, whatever the guard', async () => {
    const told = await start(3, CHECK, '{ maxLoss: 1 }');
    const { system, names, listen } = told;
    const traffic = new SteadyTraffic({ port: listen, rate: 60 });
    cleanups.push(() => traffic.stop());
    const watch = new ServerWatch(system, SERVICE, []);
    await Promise.all(told.sessions.map((session) => session.close()));
    await until('one to be left', async () => (await system.servers(SERVICE)).size === 1, { timeoutMs: 15_000 });
    const [last = ''] = [...(await system.servers(SERVICE)).keys()];
    expect(names).toContain(last);
    await isLast(told, last);
    await traffic.stop();
    expect(summary(traffic.failed), `of ${traffic.done.length} requests`).toEqual({});
    expect((await watch.stop()).fewest).toBeGreaterThan(0);
  }, 60_000);
});
