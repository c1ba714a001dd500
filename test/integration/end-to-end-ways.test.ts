/** Other ways to stand beside a HAProxy: without files and reloads, without a master, by the operator's own reload command, or as its parent. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { endDaemon } from '../support/daemon.ts';
import { type HttpService, startHttpServices } from '../support/http-service.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { startProcess } from '../support/process.ts';
import { type Places, pathOf, System, type SystemOptions } from '../support/system.ts';

const cleanups = cleanupsAfterEach();

function service(name: string, listen: number | null, more = ''): string {
  return `  ${name}:
    path: ${pathOf(name)}
${listen === null ? '' : `    listen: "127.0.0.1:${listen}"\n`}    check: { http: GET /health, interval: 300ms, rise: 1, fall: 2 }
    guard: { maxLoss: 1 }
    allow: { loopback: true }${more}
`;
}

async function start(options: SystemOptions): Promise<{ system: System; one: HttpService; two: HttpService }> {
  const system = await System.start(options);
  cleanups.push(() => system.stop());
  const [one, two] = (await startHttpServices(2)) as [HttpService, HttpService];
  cleanups.push(() => Promise.all([one.stop(), two.stop()]));
  return { system, one, two };
}

function nameOf({ port }: HttpService): string {
  return `127.0.0.1:${port}`;
}

async function answers(port: number): Promise<boolean> {
  return (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).status === 200;
}

/** An instance, then another option: what is reloaded is seen in a new worker that serves. */
async function reloadsAndServes(system: System, one: HttpService, listen: number): Promise<void> {
  await system.register('web', nameOf(one));
  await system.serving('web', [nameOf(one)]);
  expect(await answers(listen)).toBe(true);
  const worker = await system.haproxy.workerPid();
  await system.reconfigure(service('web', listen, '\n    timeouts: { queue: 1s }'));
  await until('another worker', async () => (await system.haproxy.workerPid()) !== worker, { timeoutMs: 20_000 });
  await system.inSync('web');
  await system.serving('web', [nameOf(one)]);
  expect(await answers(listen)).toBe(true);
  const reasons = await system.proxyEvents<{ detail: string }>('reloaded');
  expect(reasons.at(-1)?.detail).toBe('web: its options changed');
}

function edge(more: string) {
  return ({ runtime, base, managed }: Places): string =>
    `  edge: { runtime: "unix:${runtime}", base: ${base}, managed: ${managed}, ${more} }`;
}

describe('runtimeOnly', () => {
  it('keeps the servers of a backend that the operator declared, and says of what needs a file that it is blocked', async () => {
    const listen = await freePort();
    const { system, one, two } = await start({
      services: service('web', null) + service('missing', null),
      proxies: ({ runtime }) => `  edge: { runtime: "unix:${runtime}", runtimeOnly: true }`,
      managed: false,
      sections: `defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend in
  bind 127.0.0.1:${listen}
  default_backend web
backend web
  balance roundrobin
  option httpchk GET /health
backend other
  balance roundrobin
  server theirs 127.0.0.1:1
`,
    });
    const worker = await system.haproxy.workerPid();
    const session = await system.register('web', nameOf(one));
    await system.register('web', nameOf(two), { weight: 4 });
    await system.register('missing', nameOf(two));
    await system.serving('web', [nameOf(one), nameOf(two)]);
    expect(await answers(listen)).toBe(true);
    expect((await system.servers('web')).get(nameOf(two))?.weight).toBe(4);
    await until('the other one to be blocked', async () => (await system.backendState('missing'))?.state === 'blocked');
    expect((await system.backendState('missing'))?.detail).toMatch(/no backend missing.*runtimeOnly/);
    await system.inSync('web');

    const changed = service('web', null, '\n    timeouts: { queue: 1s }');
    await system.reconfigure(changed + service('missing', null));
    await until('what needs a file to be blocked', async () => (await system.backendState('web'))?.state === 'blocked');
    expect((await system.backendState('web'))?.detail).toMatch(/its options changed, and runtimeOnly rules out the reload/);
    expect(await system.haproxy.workerPid(), 'never reloaded').toBe(worker);
    await system.haproxy.reload();
    await system.inSync('web');
    await system.serving('web', [nameOf(one), nameOf(two)]);
    await system.reconfigure(service('web', null) + service('missing', null));
    await until('and blocked again', async () => (await system.backendState('web'))?.state === 'blocked');

    const reloaded = await system.haproxy.workerPid();
    await session.close();
    await until('it is deleted', async () => !(await system.servers('web')).has(nameOf(one)), { timeoutMs: 15_000 });
    expect([...(await system.servers('other')).keys()], 'what is not ours').toEqual(['theirs']);
    expect(await system.haproxy.workerPid(), 'never reloaded').toBe(reloaded);
    expect(await answers(listen)).toBe(true);
  }, 60_000);
});

describe('reloadCommand', () => {
  it("the operator's own command reloads", async () => {
    const listen = await freePort();
    const { system, one } = await start({
      services: service('web', listen),
      proxies: (places) => edge(`reloadCommand: [/bin/sh, ${join(places.folder, 'reload.sh')}]`)(places),
      later: ['haproxy'],
    });
    await system.runHaproxy();
    await writeFile(join(system.folder.path, 'reload.sh'), `kill -USR2 ${system.haproxy.pid}\n`);
    await reloadsAndServes(system, one, listen);
  }, 60_000);
});

describe('pidFile', () => {
  it('a new process takes over from the old one with -sf', async () => {
    const listen = await freePort();
    const { system, one } = await start({
      services: service('web', listen),
      proxies: (places) => edge(`pidFile: ${join(places.folder, 'haproxy.pid')}`)(places),
      later: ['haproxy'],
    });
    const { base, managed, folder } = system.places;
    const pidFile = join(folder, 'haproxy.pid');
    await until('the managed files', () => readFile(join(managed, '00-pointsman.cfg')));
    const daemon = await startProcess('haproxy', ['-D', '-f', base, '-f', managed, '-p', pidFile], {
      logFile: join(folder, 'haproxy.log'),
    });
    cleanups.push(() => endDaemon(pidFile));
    expect((await daemon.exited).code).toBe(0);
    await until('HAProxy to answer', () => system.haproxy.workerPid());
    await reloadsAndServes(system, one, listen);
  }, 60_000);
});

describe('start: true', () => {
  it('pointsman starts HAProxy, reloads it, starts it again when it dies, and ends it', async () => {
    const listen = await freePort();
    const { system, one } = await start({
      services: service('web', listen),
      proxies: ({ runtime, managed }) => `  edge: { runtime: "unix:${runtime}", managed: ${managed}, start: true }`,
      later: ['haproxy'],
    });
    const pidFile = join(system.places.managed, 'haproxy.pid');
    cleanups.push(() => endDaemon(pidFile));
    await until('HAProxy to answer', () => system.haproxy.workerPid());
    await reloadsAndServes(system, one, listen);
    const master = Number(await readFile(pidFile, 'utf8'));
    process.kill(master, 'SIGKILL');
    await until('another master', async () => Number(await readFile(pidFile, 'utf8')) !== master, { timeoutMs: 20_000 });
    await system.serving('web', [nameOf(one)], 20_000);
    expect(await answers(listen)).toBe(true);
    const last = Number(await readFile(pidFile, 'utf8'));
    await system.app.stop();
    await until('it has ended', () => !isAlive(last));
    await expect(answers(listen)).rejects.toThrow();
  }, 60_000);
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
