/** Services that are registered below several znode paths, on all the real parts: all of them together, or the first that can serve, without a lost request. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { type HttpService, startHttpServices } from '../support/http-service.ts';
import { startPointsman } from '../support/pointsman-process.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import type { RegistrarSession } from '../support/registrar-session.ts';
import { SteadyTraffic, summary } from '../support/steady-traffic.ts';
import { System, type SystemOptions } from '../support/system.ts';

const [OLD, NEW] = ['/old/web', '/new/web'];
const FIRST = `{ first: [${NEW}, ${OLD}] }`;

const cleanups = cleanupsAfterEach();

interface Standing {
  readonly system: System;
  readonly services: readonly HttpService[];
  readonly names: readonly string[];
  readonly listen: number;
  readonly sessions: readonly RegistrarSession[];
}

const section = (path: string, listen: number, guard: string): string => `  web:
    path: ${path}
    listen: "127.0.0.1:${listen}"
    check: { http: GET /health, interval: 200ms, rise: 1, fall: 3 }
    guard: ${guard}
    flap: { transitions: 31 }
    allow: { loopback: true }`;

/** The first half is registered below the one, the second below the other, each on a session of its own. */
async function stand(path: string, options: Partial<SystemOptions> & { guard?: string } = {}): Promise<Standing> {
  const listen = await freePort();
  const { guard = '{ maxLoss: 1 }', ...rest } = options;
  const [system, services] = await Promise.all([System.start({ services: section(path, listen, guard), ...rest }), startHttpServices(4)]);
  cleanups.push(() => Promise.all([system.stop(), ...services.map((service) => service.stop())]));
  const names = services.map(({ port }) => `127.0.0.1:${port}`);
  const sessions = await Promise.all(names.map(() => system.session()));
  const standing = { system, services, names, listen, sessions };
  for (const index of [0, 1, 2, 3]) await register(standing, index);
  return standing;
}

function below(index: number): string {
  return index < 2 ? NEW : OLD;
}

async function register({ sessions, names }: Standing, index: number): Promise<void> {
  await sessions[index]?.register(below(index), names[index] ?? '');
}

async function deregister({ sessions, names }: Standing, index: number): Promise<void> {
  await sessions[index]?.deregister(below(index), names[index] ?? '');
}

/** Which of them take requests, by HAProxy's own word. */
async function taking({ system, names }: Standing): Promise<number[]> {
  const servers = [...(await system.servers('web')).values()];
  return names.flatMap((name, index) => {
    const own = servers.find(({ port }) => name.endsWith(`:${port}`));
    return own?.admin === 'ready' && own.operation !== 'stopped' && own.weight > 0 ? [index] : [];
  });
}

const takenBy = (standing: Standing, ...expected: number[]): Promise<unknown> =>
  until(`requests to be taken by ${expected.join(' and ')}`, async () => (await taking(standing)).join() === expected.join(), {
    timeoutMs: 20_000,
  });

async function reason({ system, names }: Standing, index: number): Promise<{ weight: number; behind: boolean; path: string | undefined }> {
  const found = await system.instance('web', names[index] ?? '');
  const { context } = found?.snapshot ?? {};
  return { weight: context?.registration?.weight ?? -1, behind: context?.behind === true, path: context?.path };
}

describe('all of several paths', () => {
  it('are one service: whoever is registered below any of them takes requests, in whatever form', async () => {
    const standing = await stand(`{ union: [${OLD}, ${NEW}] }`);
    const { system, services, sessions } = standing;
    await takenBy(standing, 0, 1, 2, 3);
    const [one] = services;
    await sessions[0]?.register(OLD, 'i-1234_0000000007', { host: '127.0.0.1', port: one?.port, name: 'i-1234', weight: 9 });
    await until('the weight that was said last', async () =>
      [...(await system.servers('web')).values()].some(({ weight }) => weight === 9),
    );
    await deregister(standing, 0);
    await deregister(standing, 1);
    await takenBy(standing, 0, 2, 3);
    await system.inSync('web');
  });
});

describe('the first of several paths', () => {
  it('takes the requests as long as it can; the next one has them in time, and gives them back, with none lost and no reload', async () => {
    const standing = await stand(FIRST);
    await takenBy(standing, 0, 1);
    await standing.system.inSync('web');
    expect(await reason(standing, 2)).toEqual({ weight: 1, behind: true, path: OLD });
    const pid = await standing.system.haproxy.workerPid();
    const traffic = new SteadyTraffic({ port: standing.listen, rate: 200 });
    for (let round = 0; round < 3; round += 1) {
      await Promise.all([deregister(standing, 0), deregister(standing, 1)]);
      await takenBy(standing, 2, 3);
      await standing.system.inSync('web');
      await register(standing, 0);
      await takenBy(standing, 0);
      await register(standing, 1);
      await takenBy(standing, 0, 1);
    }
    await traffic.stop();
    expect(summary(traffic.failed)).toEqual({});
    expect(traffic.done.length).toBeGreaterThan(100);
    expect(await standing.system.haproxy.workerPid()).toBe(pid);
  });

  it('is kept by the guard when all of it is lost at once, beside the next one', async () => {
    const standing = await stand(FIRST, { guard: '{ maxLoss: 0.5, window: 10s, hold: 5m }' });
    await takenBy(standing, 0, 1);
    const traffic = new SteadyTraffic({ port: standing.listen, rate: 100 });
    await Promise.all([standing.sessions[0]?.close(), standing.sessions[1]?.close()]);
    await takenBy(standing, 0, 1, 2, 3);
    expect((await standing.system.instance('web', standing.names[0] ?? ''))?.state).toBe('held');
    // What is down is believed to be gone.
    for (const index of [0, 1]) (standing.services[index] as HttpService).behaviour = 'fail';
    await takenBy(standing, 2, 3);
    await traffic.stop();
  });

  it('comes, changes its order and goes again by the config, without a lost request or a reload', async () => {
    const guard = '{ maxLoss: 1 }';
    const standing = await stand(NEW);
    const { system, listen } = standing;
    await takenBy(standing, 0, 1);
    await system.inSync('web');
    const pid = await system.haproxy.workerPid();
    const traffic = new SteadyTraffic({ port: listen, rate: 100 });
    await system.reconfigure(section(`{ first: [${OLD}, ${NEW}] }`, listen, guard));
    await takenBy(standing, 2, 3);
    await system.reconfigure(section(FIRST, listen, guard));
    await takenBy(standing, 0, 1);
    await system.inSync('web');
    const took = standing.services.slice(2).map(({ requests }) => requests);
    await system.reconfigure(section(NEW, listen, guard));
    await until('the others to be gone', async () => (await system.servers('web')).size === 2, { timeoutMs: 20_000 });
    await traffic.stop();
    // They stood by to the end.
    expect(standing.services.slice(2).map(({ requests }) => requests)).toEqual(took);
    expect(summary(traffic.failed)).toEqual({});
    expect(await taking(standing)).toEqual([0, 1]);
    expect(await system.haproxy.workerPid()).toBe(pid);
  });

  it('goes by what is registered when its watcher was killed meanwhile, and another leads', async () => {
    const standing = await stand(FIRST, { roles: ['transition', 'reconciler', 'observer'], later: ['haproxy'] });
    const { system } = standing;
    const [config, logFile] = [join(system.folder.path, 'pointsman.yaml'), join(system.folder.path, 'watcher.log')];
    await writeFile(config, system.text(section(FIRST, standing.listen, '{ maxLoss: 1 }')));
    const watcher = await startPointsman(config, { roles: ['watcher'], logFile });
    cleanups.push(() => watcher.stop());
    await system.runHaproxy();
    await takenBy(standing, 0, 1);
    const traffic = new SteadyTraffic({ port: standing.listen, rate: 100 });
    watcher.kill('SIGKILL');
    await watcher.exited;
    await Promise.all([deregister(standing, 0), deregister(standing, 1)]);
    const next = await startPointsman(config, { roles: ['watcher'], logFile });
    cleanups.push(() => next.stop());
    // What the first reading misses is believed after a second one.
    await takenBy(standing, 2, 3);
    next.kill('SIGKILL');
    await next.exited;
    await register(standing, 1);
    const last = await startPointsman(config, { roles: ['watcher'], logFile });
    cleanups.push(() => last.stop());
    await takenBy(standing, 1);
    await traffic.stop();
    expect(summary(traffic.failed)).toEqual({});
  });
});
