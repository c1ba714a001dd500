/** The commands on event logs, each a process of its own, against a real Redis with logs that the production fold has worked on. */

import { spawn } from 'node:child_process';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Config } from '../../shared/config/config.ts';
import { parseConfig } from '../../shared/config/parse-config.ts';
import { createLogger } from '../../shared/observability/logger.ts';
import { awaitReady } from '../../shared/redis/connection.ts';
import { closePorts, createPorts, type Ports } from '../../workers/app.ts';
import { foldService } from '../../workers/transition/fold-service.ts';
import { configFile, MAIN, pointsman } from '../support/command.ts';
import { type TempFolder, tempFolder } from '../support/folder.ts';
import { until } from '../support/poll.ts';
import { runService } from '../support/random-service.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

const SERVICES = ['web', 'db', 'api'];
const SENTINEL = 'sentinel-5f2c9';
const HOSTILE = '\u001b[31mred\u202e\n2026';

let server: RedisServer;
let ports: Ports;
let folder: TempFolder;
let config: string;
let file: string;

beforeAll(async () => {
  [server, folder] = await Promise.all([startRedis(), tempFolder()]);
  ports = createPorts({ redis: { url: server.url, prefix: 'test' } } as unknown as Config, createLogger({ level: 'silent' }));
  await awaitReady(ports.redis, 5_000);
  config = await configFile(folder, `zookeeper: { connect: a }\nredis: { url: "${server.url}", prefix: test }\n`);
  file = `${folder.path}/all.jsonl`;
  for (const [seed, service] of SERVICES.entries()) await runService(ports, service, 300, seed);
  await ports.retention.sweep({ age: 86_400_000, events: 400, bytes: 1e12 }, Date.now());
  for (const service of SERVICES) await runService(ports, service, 250, 77);
  await ports.retention.sweep({ age: 86_400_000, events: 400, bytes: 1e12 }, Date.now());
  for (const service of SERVICES) await runService(ports, service, 50, 99);
  await ports.proxies.announce({ id: 'edge', pool: 'edge', services: ['*'], version: null, at: Date.now() });
  const command = { command: 'add server web/10.0.0.1:81', reason: HOSTILE };
  await ports.proxies.record(
    'edge',
    [{ type: 'patching', service: 'web', revision: 1, commands: [command] }],
    new Map(),
    new Map([['web', '5-1']]),
  );
  await ports.proxies.record('edge', [{ type: 'synced', service: 'db', revision: 1 }], new Map());
  expect(await pointsman('--config', config, 'log', 'export', '--out', file)).toMatchObject({ code: 0, out: '' });
});
afterAll(async () => {
  await closePorts(ports);
  await server.stop();
  await folder.remove();
});

const run = (...args: readonly string[]) => pointsman('--config', config, ...args);
const lines = (text: string): string[] => text.trimEnd().split('\n');
const counted = (text: string) => text.match(/^\w+: \d+ events/gm) ?? [];

/** A copy of the export with its lines changed. */
async function changed(name: string, change: (all: string[]) => readonly string[]): Promise<string> {
  const path = `${folder.path}/${name}`;
  await writeFile(path, `${change(lines(await readFile(file, 'utf8'))).join('\n')}\n`);
  return path;
}

describe('an export', () => {
  it('replays elsewhere, by several threads, to what is stored', async () => {
    const { code, out } = await pointsman('replay', '--file', file, '--verify', '--quiet');
    expect(out).toMatch(/^api: \d+ events, \d+ transitions, up to \S+: equal at 2 of 2$/m);
    expect(counted(out)).toHaveLength(3);
    expect(code).toBe(0);
  });

  it('is whole: as many events as Redis has behind the checkpoint', async () => {
    const from = await server.client.hget(ports.keys.service('web').older.head, 'cursor');
    const events = (await ports.log.idsAfter('web', from ?? '0-0', 10_000)).length;
    expect(from).not.toBeNull();
    const { out } = await pointsman('replay', '--file', file, '--service', 'web', '--quiet');
    expect(out).toContain(`web: ${events} events`);
    expect(lines(await readFile(file, 'utf8')).filter((line) => line.includes('"type":"patching"'))).toHaveLength(1);
  });

  it('is gzip where its name says so, and goes to stdout without a name', async () => {
    const packed = await run('log', 'export', '--out', `${file}.gz`);
    expect(packed.code).toBe(0);
    expect((await stat(`${file}.gz`)).mode & 0o777, 'nobody else’s').toBe(0o600);
    const { out } = await run('log', 'export', '--service', 'web');
    expect(lines(out)[0]).toMatch(/^\{"pointsman":"event log","v":1,/);
    expect(lines(gunzipSync(await readFile(`${file}.gz`)).toString()).slice(1, 50)).toEqual(
      lines(await readFile(file, 'utf8')).slice(1, 50),
    );
    expect((await pointsman('replay', '--file', `${file}.gz`, '--verify', '--quiet')).code).toBe(0);
  });

  it('has no secret in it', async () => {
    const text = `zookeeper: { connect: a, auth: { scheme: digest, credentials: "user:${SENTINEL}" } }
redis: { url: "redis://user:${SENTINEL}@a" }
services: { safe: { path: /safe } }\n`;
    const read = parseConfig(text, null, { env: {}, readFile: () => '' });
    if (!read.ok) throw new Error('a bad config');
    const parsed = read.config;
    const [service] = parsed.services;
    expect(JSON.stringify(parsed)).toContain(SENTINEL);
    if (service === undefined) throw new Error('no service');
    await ports.log.append('safe', {
      epoch: 1,
      viewRevision: 0,
      set: new Map(),
      remove: [],
      events: [{ type: 'configured', config: service }],
    });
    await foldService(ports, 'safe', Date.now());
    const { out } = await run('log', 'export', '--service', 'safe');
    expect(out).toContain('"type":"configured"');
    expect(out).not.toContain(SENTINEL);
  });
});

describe('a replay', () => {
  it('from Redis finds what is stored, and names what differs', async () => {
    const equal = await run('replay', '--verify', '--quiet', '--service', 'web');
    expect(equal.out).toMatch(/web: .*: equal at 2 of 2/);
    expect(equal.code).toBe(0);
    const { instances } = ports.keys.service('web');
    const stored = (await server.client.hget(instances, '10.0.0.1:81')) ?? '';
    await server.client.hset(instances, '10.0.0.1:81', stored.replace('"token":', '"token":1'));
    const differing = await run('replay', '--verify', '--quiet', '--service', 'web');
    await server.client.hset(instances, '10.0.0.1:81', stored);
    expect(differing.out).toMatch(/1 DIFFER\n {2}instance 10\.0\.0\.1:81 at /);
    expect(differing.code).toBe(3);
  });

  it('prints transitions with their times, and the state of a moment', async () => {
    const whole = await pointsman('replay', '--file', file, '--service', 'web', '--json');
    const told = lines(whole.out).map(
      (line) => JSON.parse(line) as { transition?: { time: number; cause: string; to: string }; replay?: object },
    );
    const transitions = told.flatMap(({ transition }) => transition ?? []);
    expect(transitions.length).toBeGreaterThan(10);
    expect(told.at(-1)?.replay).toMatchObject({ streams: [{ service: 'web', failed: null }] });
    const middle = transitions[5];
    const until_ = await pointsman('replay', '--file', file, '--service', 'web', '--until', middle?.cause ?? '', '--json', '--quiet');
    const { replay } = JSON.parse(until_.out) as { replay: { streams: { result: { cursor: string }; states: { instance: string }[] }[] } };
    expect(replay.streams[0]?.result.cursor).toBe(middle?.cause);
    expect(replay.streams[0]?.states.length).toBeGreaterThan(0);
    const early = await pointsman('replay', '--file', file, '--service', 'web', '--until', '2001-01-01T00:00:00Z');
    expect(early.code).toBe(1);
    expect(early.out).toMatch(/cannot be replayed to there/);
  });

  it('refuses what is no whole export, with the line and the reason', async () => {
    const first = lines(await readFile(file, 'utf8')).findIndex((line) => line.startsWith('{"id"'));
    const cases: [string, (all: string[]) => readonly string[], RegExp][] = [
      ['truncated', (all) => all.slice(0, -3), /truncated:\d+: it ends here without its trailer/],
      [
        'reordered',
        (all) => all.with(first + 3, all[first + 4] ?? '').with(first + 4, all[first + 3] ?? ''),
        /reordered:\d+: events? \S+ (is|to)/,
      ],
      ['doubled', (all) => all.toSpliced(first + 1, 0, all[first] ?? ''), new RegExp(`doubled:${first + 2}: event \\S+ is there twice`)],
      ['missing', (all) => all.toSpliced(first + 2, 1), new RegExp(`missing:${first + 3}: event 3 is missing`)],
      [
        'changed',
        (all) => all.with(first, (all[first] ?? '').replace('"source":"', '"source":"x')),
        /changed:\d+: something in or before .* was changed/,
      ],
      ['foreign', () => ['{"some":"thing"}'], /foreign:1: it is no export of an event log/],
      ['later', (all) => all.with(0, (all[0] ?? '').replace('"v":1', '"v":2')), /later:1: its format is 2, this version reads 1/],
      [
        'unknown',
        (all) => all.with(first, (all[first] ?? '').replace(/"type":"[a-z]+"/, '"type":"teleported"')),
        /"teleported", which this version does not know/,
      ],
      ['twice', (all) => [...all, ...all], /twice:\d+: something follows the trailer/],
    ];
    for (const [name, change, reason] of cases) {
      const { code, err, out } = await pointsman('replay', '--file', await changed(name, change), '--quiet');
      expect(err, name).toMatch(reason);
      expect({ code, out }, name).toEqual({ code: 2, out: '' });
    }
    const repaired = await pointsman('replay', '--file', `${folder.path}/doubled`, '--skip-bad', '--verify', '--quiet');
    expect(repaired.out).toMatch(/left out because they are bad:\n +\d+: event \S+ is there twice/);
    expect(repaired.code).toBe(0);
    const holed = await pointsman('replay', '--file', `${folder.path}/truncated`, '--skip-bad', '--quiet');
    expect(holed.out).toMatch(/without its trailer/);
    expect(holed.code).toBe(0);
  }, 60_000);
});

describe('an import', () => {
  it('goes to a space of its own, replays there, and leaves the live one alone', async () => {
    const before = await server.client.keys('*');
    const { code, out } = await run('log', 'import', file, '--as', 'there');
    expect(out).toMatch(/events of 4 logs in the scratch space there/);
    expect(code).toBe(0);
    const after = await server.client.keys('*');
    expect(after.filter((key) => !before.includes(key)).every((key) => /^\{?test:scratch:there:/.test(key))).toBe(true);
    expect((await run('replay', '--as', 'there', '--verify', '--quiet')).out.match(/equal at 2 of 2/g)).toHaveLength(3);
    expect((await run('log', 'tail', '--as', 'there', '--proxy', 'edge')).out).toContain('patching');
    expect((await run('log', 'import', file, '--as', 'there')).code).toBe(2);
    expect((await run('log', 'import', file, '--as', 'there', '--replace')).code).toBe(0);
    expect((await run('log', 'import', file, '--as', 'a:b')).code).toBe(2);
    const why = await run('why', 'web', '--as', 'there');
    expect(why).toMatchObject({ code: 0, err: '' });
    expect(why.out).not.toMatch(/no watcher runs|not heard of/);
    await run('log', 'drop', '--as', 'there');
    for (const command of [['log', 'tail'], ['log', 'export'], ['replay'], ['why', 'web']])
      expect(await run(...command, '--as', 'there'), command.join(' ')).toMatchObject({
        code: 1,
        out: '',
        err: expect.stringContaining('there is no scratch space there'),
      });
    expect(await run('log', 'drop', '--as', 'there')).toMatchObject({ code: 0, out: 'there is no scratch space there\n' });
    expect((await server.client.keys('*')).sort()).toEqual(before.sort());
  });
});

describe('a tail', () => {
  it('shows the last lines, escaped, with who says it and what led to it', async () => {
    const { out } = await run('log', 'tail', '--proxy', 'edge');
    expect(lines(out)).toHaveLength(2);
    expect(lines(out)[0]).toMatch(
      /^20\d\d-\S+Z {2}\d+-\d+ {2}proxy edge {2}reconciler:\S+:\d+ {2}patching web add server .*\[\\u\{1b\}\[31mred\\u\{202e\}\\n2026\] \(after 5-1\)$/,
    );
    const all = await run('log', 'tail', '--lines', '7');
    expect(lines(all.out)).toHaveLength(7);
    expect((await run('log', 'tail', '--proxy', 'edge', '--service', 'db')).out).toMatch(/^(?!.*patching).*edge.*synced db/m);
    const about = await run('log', 'tail', '--instance', '10.0.0.1:81', '--json', '--lines', '1000');
    const entries = lines(about.out).map((line) => JSON.parse(line) as { stream: string; type: string; source: string; data: unknown });
    expect(entries.every(({ data }) => JSON.stringify(data).includes('10.0.0.1:81'))).toBe(true);
    expect(new Set(entries.map(({ stream }) => stream))).toEqual(new Set(['service', 'proxy']));
    expect(entries.every(({ source }) => /^(watcher|observer|transition|reconciler):\S+:\d+$/.test(source))).toBe(true);
    const types = await run('log', 'tail', '--service', 'web', '--type', 'timer,configured', '--since', '1h', '--json');
    expect(new Set(lines(types.out).map((line) => (JSON.parse(line) as { type: string }).type))).toEqual(new Set(['timer', 'configured']));
    expect((await run('log', 'tail', '--service', 'nope')).code).toBe(2);
    expect(await run('log', 'tail', '--type', 'foo')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/no event has the type "foo"\n.*cordoned.*patching/),
    });
    expect(await run('log', 'tail', '--instance', '10.9.9.9:1')).toMatchObject({ code: 0, out: '', err: 'nothing is about 10.9.9.9:1\n' });
    expect(await run('replay', '--until', '2999-01-01')).toMatchObject({ code: 2, err: expect.stringContaining('is yet to come') });
    expect((await run('log', 'tail', '--since', 'yesterday')).err).toMatch(/is no time/);
  });

  it('from an id on shows what Redis has from there, in order', async () => {
    const ids = await ports.log.idsAfter('web', '0-0', 10_000);
    const from = ids.at(-30) ?? '';
    const { out } = await run('log', 'tail', '--service', 'web', '--since', from, '--json');
    expect(lines(out).map((line) => (JSON.parse(line) as { id: string }).id)).toEqual(ids.slice(-30));
  });

  it('follows', async () => {
    const child = spawn(process.execPath, [MAIN, '--config', config, 'log', 'tail', '-f', '--lines', '1', '--service', 'db'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let seen = '';
    child.stdout.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
    });
    try {
      await until('it shows the last one', () => seen.includes('\n'));
      await ports.log.appendPlain('db', [{ type: 'timer', timer: 'drain', instance: 'new:1', token: 1 }], 'operator:ann');
      await until('it shows the new one', () => /operator:ann {2}timer drain new:1\n$/.test(seen));
    } finally {
      child.kill('SIGTERM');
    }
  });
});
