/** `pointsman check --live` beside real ones: what stands in the way is told, a line for each, and what does not is not. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Finding } from '../../cli/check/finding.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { configFile, pointsman } from '../support/command.ts';
import { plainClient } from '../support/plain-client.ts';
import { freePort } from '../support/port.ts';
import { startRedis } from '../support/redis.ts';
import { pathOf, System } from '../support/system.ts';

const cleanups = cleanupsAfterEach();

const SERVICES = `  web: { path: ${pathOf('web')}, check: none, allow: { loopback: true } }`;

let system: System;

async function start(options: Partial<Parameters<typeof System.start>[0]> = {}): Promise<void> {
  system = await System.start({
    services: SERVICES,
    redisArguments: ['--maxmemory-policy', 'noeviction'],
    ...options,
  });
  cleanups.push(() => system.stop());
}

async function live(text = system.text(system.options.services)): Promise<{ code: unknown; ms: number; findings: readonly Finding[] }> {
  const file = await configFile(system.folder, text);
  const began = performance.now();
  const { code, out, err } = await pointsman('check', '--live', '--json', '--config', file);
  expect(err).toBe('');
  return { code, ms: performance.now() - began, findings: (JSON.parse(out) as { live: readonly Finding[] }).live };
}

const inTheWay = (findings: readonly Finding[], of: string): string[] =>
  findings.filter((finding) => finding.of === of && finding.state === 'failed').map(({ detail, hint }) => `${detail}; ${hint}`);

describe('beside a pointsman that works', () => {
  beforeEach(() => start());

  it('nothing is in the way, and a line says so of each', async () => {
    const session = await system.register('web', '127.0.0.1:9');
    await system.serving('web', ['127.0.0.1:9']);
    await system.inSync('web');
    const sent = (await system.proxyEvents('commands')).length;
    const file = await configFile(system.folder, system.text(system.options.services));
    const { code, out, err } = await pointsman('check', '--live', '--config', file);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const { runtime, managed } = system.places;
    expect(out.trim().split('\n')).toEqual([
      expect.stringMatching(/^ok: .*1 service, 1 proxy$/),
      'ok      zookeeper: a session, and znodes below /pointsman can be written',
      'ok      zookeeper: 1 of 1 paths of services read',
      expect.stringMatching(/^ok {6}redis: Redis \d\S+, takes what is written, maxmemory-policy noeviction$/),
      expect.stringMatching(
        new RegExp(`^ok {6}proxy edge: HAProxy \\d\\S+ at unix:${runtime}, pid \\d+, level admin, started with ${managed}$`),
      ),
      expect.stringMatching(/^ok {6}proxy edge: reloads by its master, pid \d+$/),
    ]);
    expect([...(await system.servers('web')).keys()]).toEqual(['127.0.0.1:9']);
    expect((await system.proxyEvents('commands')).length).toBe(sent);
    expect((await session.children('/pointsman')).filter((name) => name.startsWith('check-'))).toEqual([]);
    await session.close();
  });

  it('a socket that anybody may use is worth a note, and nothing is in the way', async () => {
    const { runtime } = system.places;
    await chmod(runtime, 0o666);
    const { code, findings } = await live();
    expect(code).toBe(0);
    expect(findings.filter(({ of, state }) => of === 'proxy edge' && state === 'note').map(({ detail }) => detail)).toEqual([
      `anybody on this host can change HAProxy through unix:${runtime}: say \`mode 660\` on its \`stats socket\` line`,
    ]);
  });

  it('a socket that may only read', async () => {
    const low = join(system.folder.path, 'low.sock');
    await writeFile(
      system.haproxy.configFile,
      `global\n  stats socket ${system.places.runtime} mode 600 level admin\n  stats socket ${low} level operator\n`,
    );
    await system.haproxy.restart();
    const { code, findings } = await live(system.text(system.options.services).replace(system.places.runtime, low));
    expect(code).toBe(1);
    expect(inTheWay(findings, 'proxy edge')).toEqual([
      `unix:${low} may only read; say \`level admin\` on its \`stats socket\` line, and reload HAProxy`,
    ]);
  });

  it('options that HAProxy would refuse, before they are put to work', async () => {
    const text = system.text('  web: { path: /services/web/instances, check: none, extra: { backend: ["no-such-word at all"] } }');
    const { code, findings } = await live(text);
    expect(code).toBe(1);
    const [refused] = inTheWay(findings, 'proxy edge');
    expect(refused).toMatch(
      /^HAProxy would refuse the files of this config: .*service-\w+\.cfg:\d+.*unknown keyword 'no-such-word'[\s\S]*`pointsman render` prints them/,
    );
    expect(refused).not.toContain('pointsman-check-');
  });

  it("another HAProxy's master, and files that it would not load", async () => {
    const other = await System.start({ services: '  {}', redisArguments: [] });
    cleanups.push(() => other.stop());
    const { master, base } = system.places;
    await writeFile(base, 'global\n  nonsense here\n');
    const { code, findings } = await live(system.text(system.options.services).replace(master, other.places.master));
    expect(code).toBe(1);
    const [wrong, broken] = inTheWay(findings, 'proxy edge');
    expect(wrong).toMatch(/is the master of pid \d+, and pid \d+ answers; master and runtime must be of one HAProxy/);
    expect(broken).toMatch(/HAProxy would not load its files: .*unknown keyword 'nonsense'/);
  });

  it("a Redis that throws things away, and znodes that are another's", async () => {
    await system.app.ports.redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
    const tree = await plainClient(system.zookeeper.connect, 'somebody:else');
    cleanups.push(() => tree.close());
    await tree.ensure('/theirs');
    await tree.restrict('/theirs', 'somebody:else');
    const { code, findings } = await live(
      system.text(`  web: { path: ${pathOf('web')} }\n  not: { path: /theirs }\n  later: { path: /nowhere }`),
    );
    expect(code).toBe(1);
    expect(inTheWay(findings, 'redis')).toEqual([
      'maxmemory-policy is allkeys-lru: when it is full it loses jobs and events; set maxmemory-policy noeviction',
    ]);
    expect(inTheWay(findings, 'zookeeper')).toEqual([expect.stringMatching(/services\.not\.path: \/theirs cannot be read: /)]);
    expect(findings).toContainEqual({
      of: 'zookeeper',
      state: 'note',
      detail: 'services.later.path: /nowhere is not there yet; it is read once it is',
      hint: null,
    });
  });

  it('a replica, which takes no writes', async () => {
    const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(system.redisPort)] });
    cleanups.push(() => replica.stop());
    const { code, findings } = await live(system.text(system.options.services).replace(/redis:\/\/[^"]*/, replica.url));
    expect(code).toBe(1);
    expect(inTheWay(findings, 'redis')).toEqual([expect.stringMatching(/READONLY.*; redis\.url must name the primary, not a replica$/)]);
  });
});

it('a HAProxy that was started without our folder', async () => {
  await start({ managed: false });
  const { code, findings } = await live();
  expect(code).toBe(1);
  expect(inTheWay(findings, 'proxy edge')).toEqual([
    expect.stringMatching(
      /^not started with -f \S+pointsman\.d: add it to HAProxy's arguments \(Debian: EXTRAOPTS=.*\) and restart HAProxy; null$/,
    ),
  ]);
});

it('nobody who answers, or who hangs: each is told, within a bounded time', async () => {
  await start({ later: ['haproxy', 'app', 'redis', 'zookeeper'] });
  const hangs = join(system.folder.path, 'hangs.sock');
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(hangs, resolve));
  cleanups.push(async () => void server.close());
  await mkdir(system.places.managed);
  const edge = { ...system.places };
  const proxies = `  a: { runtime: "unix:${hangs}", runtimeOnly: true }
  b: { runtime: "tcp://127.0.0.1:${await freePort()}", runtimeOnly: true }
  c: { runtime: "unix:${edge.runtime}", base: ${edge.base}, managed: ${edge.managed}, start: true }`;
  const text = system.text(system.options.services).replace(/proxies:\n.*\n/, `proxies:\n${proxies}\n`);
  const { code, ms, findings } = await live(text);
  expect(code).toBe(1);
  expect(ms).toBeLessThan(20_000);
  expect(inTheWay(findings, 'zookeeper')).toEqual([
    expect.stringMatching(/^Zookeeper at .* cannot be reached: .*; check zookeeper\.connect and that/),
  ]);
  expect(inTheWay(findings, 'redis')).toEqual([expect.stringMatching(/^Redis does not answer: .*; check redis\.url and that Redis runs$/)]);
  expect(inTheWay(findings, 'proxy a')).toEqual([expect.stringMatching(/hangs\.sock.*; /)]);
  expect(inTheWay(findings, 'proxy b')).toEqual([expect.stringMatching(/ECONNREFUSED|refused/)]);
  expect(findings.filter(({ of }) => of === 'proxy c').map(({ state, detail }) => `${state} ${detail}`)).toContain(
    'note HAProxy does not run; `pointsman run` starts it (start: true)',
  );
}, 60_000);
