/** `pointsman run` as a process: what it waits for, what it takes over, how it ends. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configFile, MAIN, pointsman } from '../support/command.ts';
import { type TempFolder, tempFolder } from '../support/folder.ts';
import { startPointsman } from '../support/pointsman-process.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { type StartedProcess, startProcess } from '../support/process.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { startZookeeper } from '../support/zookeeper.ts';

/** The contract, and some for a busy machine to begin to stop. */
const STOP_WITHIN_MS = 10_500;

type LogLine = Record<string, unknown> & { readonly msg: string };

let folder: TempFolder;
let running: StartedProcess | null;
let redis: RedisServer | null;
let redisPort: number;

beforeEach(async () => {
  [folder, redisPort] = await Promise.all([tempFolder(), freePort()]);
  running = null;
  redis = null;
});

afterEach(async () => {
  redis?.kill('SIGCONT');
  await running?.stop();
  await redis?.stop();
  await folder.remove();
});

function text(services = '', more = ''): string {
  return `zookeeper: { connect: "127.0.0.1:1", sessionTimeout: 2s }
redis: { url: "redis://127.0.0.1:${redisPort}/0", prefix: test }
proxies:
  edge: { runtime: "unix:${folder.path}/admin.sock", runtimeOnly: true }
${more}
services:
  web: { path: /services/web }
${services}`;
}

const logFile = (): string => join(folder.path, 'run.log');

async function log(): Promise<LogLine[]> {
  const lines = (await readFile(logFile(), 'utf8')).split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as LogLine);
}

const told = (message: string, timeoutMs = 15_000): Promise<LogLine> =>
  until(`the log line "${message}"`, async () => (await log()).find(({ msg }) => msg === message), { timeoutMs });

async function start(config: string, roles?: readonly string[]): Promise<{ child: StartedProcess; file: string }> {
  const file = await configFile(folder, config);
  const child = await startPointsman(file, { logFile: logFile(), ...(roles === undefined ? {} : { roles }) });
  running = child;
  return { child, file };
}

async function stopped(child: StartedProcess, signal: NodeJS.Signals): Promise<{ code: number | null; ms: number }> {
  const asked = performance.now();
  child.kill(signal);
  const { code } = await child.exited;
  return { code, ms: performance.now() - asked };
}

describe('run', () => {
  it('waits for Redis, Zookeeper and HAProxy with a line each, goes to work when they come, and ends on SIGTERM with 0', async () => {
    const { child } = await start(text());
    await told('waiting for redis');
    redis = await startRedis({ port: redisPort });
    await told('waiting for zookeeper', 25_000);
    expect(await told('proxy cannot be worked on, trying again')).toMatchObject({ proxy: 'edge' });
    const roles = (await log()).filter(({ msg }) => msg === 'role started').map(({ role }) => role);
    expect(roles).toEqual(['watcher', 'transition', 'reconciler', 'observer']);
    expect(child.running).toBe(true);
    const { code, ms } = await stopped(child, 'SIGTERM');
    expect(code).toBe(0);
    expect(ms).toBeLessThan(STOP_WITHIN_MS);
    expect((await log()).at(-1)?.msg).toBe('pointsman has stopped');
  }, 60_000);

  it('is stopped by SIGINT while nothing is there yet', async () => {
    const { child } = await start(text());
    await told('waiting for redis');
    expect(await stopped(child, 'SIGINT')).toMatchObject({ code: 0 });
  });

  it('is stopped in time when Redis hangs', async () => {
    redis = await startRedis({ port: redisPort });
    const { child } = await start(text(), ['transition', 'reconciler', 'observer']);
    await until('the roles', async () => (await log()).filter(({ msg }) => msg === 'role started').length === 3);
    redis.kill('SIGSTOP');
    const { code, ms } = await stopped(child, 'SIGTERM');
    expect(code).toBe(0);
    expect(ms).toBeLessThan(STOP_WITHIN_MS);
  }, 40_000);

  it('says only structured lines when no terminal reads it', async () => {
    const { child } = await start(text(), ['transition']);
    await told('pointsman starts');
    await stopped(child, 'SIGTERM');
    for (const line of await log())
      expect(line).toMatchObject({ level: expect.any(String), time: expect.any(String), msg: expect.any(String) });
  });

  it('says once, as a line of its own, what a library warns of for each of its connections', async () => {
    redis = await startRedis({ port: redisPort, args: ['--maxmemory', '50mb', '--maxmemory-policy', 'allkeys-lru'] });
    const { child } = await start(text(), ['transition', 'reconciler']);
    await until('its roles', async () => (await log()).filter(({ msg }) => msg === 'role started').length === 2);
    await until('its queues', async () => (await log()).some(({ msg }) => msg === 'a library warns'));
    await stopped(child, 'SIGTERM');
    const lines = await log();
    expect(lines.filter(({ msg }) => msg.startsWith('REDIS WILL LOSE'))).toHaveLength(1);
    expect(lines.filter(({ warning }) => String(warning).includes('Eviction policy'))).toHaveLength(1);
  });

  it('ends with 1, after a line that is kept, when something is thrown that nobody caught', async () => {
    const planted = 'setInterval(() => { if (process.listenerCount("uncaughtException") > 0) throw new Error("planted"); }, 100)';
    const argv = [
      '--import',
      `data:text/javascript,${encodeURIComponent(planted)}`,
      MAIN,
      'run',
      '--config',
      await configFile(folder, text()),
    ];
    running = await startProcess(process.execPath, argv, { logFile: logFile() });
    expect(await running.exited).toEqual({ code: 1, signal: null });
    expect((await log()).at(-1)).toMatchObject({ level: 'fatal', kind: 'uncaught exception', err: { message: 'planted' } });
  });

  it.each([
    ['foo', 'there is no role "foo"', 'the roles are: watcher, transition, reconciler, observer, registrar, dashboard'],
    ['watcher,,Observer', 'there is no role "Observer"', 'the roles are: '],
    [',', '--roles names none', 'the roles are: '],
    ['dashboard', 'the role dashboard has no address', 'dashboard.listen'],
    ['registrar', 'the role registrar has nothing to register', '`register`'],
  ])('refuses --roles %s', async (roles, what, hint) => {
    const { code, out, err } = await pointsman('run', '--roles', roles, '--config', await configFile(folder, text()));
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err.split('\n')[0]).toBe(`error: ${what}`);
    expect(err.split('\n')[1]).toContain(hint);
  });
});

describe('a changed config', () => {
  it('is taken over when it is valid, refused when it is not, and what needs a restart is named', async () => {
    const zookeeper = await startZookeeper();
    redis = await startRedis({ port: redisPort });
    const services = async (): Promise<string[]> => ((await redis?.client.smembers('test:services')) ?? []).sort();
    const on = (more: string, section = ''): string => text(more, section).replace('127.0.0.1:1"', `${zookeeper.connect}"`);
    try {
      const { child, file } = await start(on(''), ['watcher', 'transition']);
      await until('the first service', async () => (await services()).join() === 'web', { timeoutMs: 20_000 });

      await writeFile(file, on('  web2: { path: /services/web2 }\n'));
      await until('the second service', async () => (await services()).join() === 'web,web2', { timeoutMs: 20_000 });
      expect((await log()).filter(({ msg }) => msg.startsWith('restart needed'))).toEqual([]);

      await writeFile(file, on('  web3: { path: nowhere }\n'));
      const refused = await told('config refused, the old one stays');
      expect(refused.error).toContain('services.web3.path');
      expect(await services()).toEqual(['web', 'web2']);

      await writeFile(file, on('  web4: { path: /services/web4 }\n', 'dashboard: { listen: "127.0.0.1:9" }'));
      await until('the third service', async () => (await services()).join() === 'web,web2,web4', { timeoutMs: 20_000 });
      expect(await told('restart needed: these count from the next start')).toMatchObject({ sections: ['dashboard'], roles: [] });

      const before = (await log()).filter(({ msg }) => msg === 'config taken over').length;
      child.kill('SIGHUP');
      await until('the hang-up to be heard', async () => (await log()).filter(({ msg }) => msg === 'config taken over').length > before);
      expect(await stopped(child, 'SIGTERM')).toMatchObject({ code: 0 });
    } finally {
      await zookeeper.stop();
    }
  }, 90_000);
});
