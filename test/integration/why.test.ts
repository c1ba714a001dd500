/** `pointsman why` as a command of its own, beside the whole real system: the chain from a znode to HAProxy's own answer. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WhyReport } from '../../cli/why/report.ts';
import { must } from '../../shared/errors.ts';
import { compareEventIds } from '../../shared/model/ids.ts';
import { configFile, type Ended, pointsman } from '../support/command.ts';
import { tempFolder } from '../support/folder.ts';
import { type HttpService, startHttpServices } from '../support/http-service.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import type { RegistrarSession } from '../support/registrar-session.ts';
import { pathOf, System } from '../support/system.ts';

const WEB = `  web:
    path: ${pathOf('web')}
    check: { http: GET /health, interval: 200ms, rise: 1, fall: 2 }
    guard: { maxLoss: 1 }
    allow: { loopback: true }
`;

let system: System;
let services: HttpService[];
let session: RegistrarSession;
let file: string;
/** While the first instance served, before it was there, and after it had gone. */
const times = { before: 0, serving: 0 };
const named = (at: number): string => `127.0.0.1:${services[at]?.port}`;
const why = (...args: string[]): Promise<Ended> => pointsman('why', '--config', file, ...args);

async function json(...args: string[]): Promise<WhyReport> {
  const { code, out, err } = await why('--json', ...args);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return JSON.parse(out) as WhyReport;
}

const commandsOf = (report: WhyReport, to: string) =>
  report.chain.find((link) => link.to === to)?.actions.filter(({ kind }) => kind === 'command') ?? [];

beforeAll(async () => {
  [system, services] = await Promise.all([System.start({ services: WEB }), startHttpServices(3)]);
  file = await configFile(system.folder, system.text(`${WEB}  idle: { path: /services/idle }\n`), 'why.yaml');
  session = await system.session();
  await session.register(pathOf('web'), named(1));
  await session.register(pathOf('web'), 'nowhere');
  await system.serving('web', [named(1)]);
  times.before = Date.now();
  await session.register(pathOf('web'), named(0));
  await system.serving('web', [named(0), named(1)]);
  // Both: the last that is seen up would be held, and not drain.
  for (const at of [0, 1]) await until('it to be told', async () => (await system.instance('web', named(at)))?.state === 'serving');
  await system.inSync('web');
  times.serving = Date.now();
  await session.deregister(pathOf('web'), named(0));
  await until('it to be gone', async () => (await system.instance('web', named(0)))?.snapshot.state === 'gone', { timeoutMs: 15_000 });
  await system.inSync('web');
}, 60_000);

afterAll(async () => {
  await system.stop();
  await Promise.all(services.map((service) => service.stop()));
});

describe('of an instance that came, served and went', () => {
  it('is the chain from the znode to the command and its reply', async () => {
    const report = await json('web', named(0));
    expect(report).toMatchObject({ format: 1, past: false, instance: named(0), state: 'gone', earlier: 0, notes: [] });
    expect(report.reasons.map(({ code }) => code)).toEqual(['gone']);
    expect(report.chain.map(({ event, from, to }) => [event.type, from, to])).toEqual([
      ['registered', 'not registered', 'joining'],
      ['health', 'joining', 'serving'],
      ['deregistered', 'serving', 'draining'],
      ['timer', 'draining', 'gone'],
    ]);
    expect(commandsOf(report, 'joining')).toMatchObject([
      { proxy: 'edge', text: expect.stringMatching(`^add server web/${named(0)} `), outcome: 'done', reply: '[6]: New server registered.' },
    ]);
    const [drain, ...leaving] = commandsOf(report, 'draining');
    expect(drain).toMatchObject({ proxy: 'edge', text: `set server web/${named(0)} state drain`, outcome: 'done' });
    expect(drain?.ms).toBeGreaterThan(0);
    expect(leaving.at(-1)).toMatchObject({ text: `del server web/${named(0)}`, reply: expect.stringMatching(/\[6\]: Server deleted\.$/) });
    for (const { event, actions } of report.chain) {
      const at = [event.time, ...actions.map((action) => action.at)];
      expect(at).toEqual(at.toSorted((a, b) => a - b));
    }
    expect(report.proxies).toMatchObject([{ proxy: 'edge', rotation: 'out', state: 'in-sync', verdict: 'absent' }]);
  });

  it('is linked by the event that a look knew of', async () => {
    const { chain } = await json('web', named(0));
    const left = chain.find(({ to }) => to === 'draining')?.event.id ?? '';
    const looks = await system.proxyEvents<{ cursor: string; commands: { command: string }[] }>('patching');
    const drain = looks.find(({ commands }) => commands.some(({ command }) => command === `set server web/${named(0)} state drain`));
    expect(compareEventIds(drain?.cursor ?? '0-0', left)).toBeGreaterThanOrEqual(0);
  });

  it('is a few lines for people, without control characters', async () => {
    const { code, out } = await why('web', named(0));
    expect(code).toBe(0);
    const clock = '\\d\\d:\\d\\d:\\d\\d\\.\\d{3}';
    const step = ' +[+]\\d+ (ms|s)';
    for (const line of [
      `^${named(0)} of web is gone since ${clock} \\(\\d+s ago\\)$`,
      `^  ${clock}${step} znode ${pathOf('web')}/${named(0)} went \\(czxid \\d+\\)  event \\d+-\\d+$`,
      `^ +serving -> draining: its registration ended; sessions may finish, until ${clock}$`,
      `^  ${clock}${step} edge: set server web/${named(0)} state drain: done \\([\\d.]+ ms\\)`,
      `^  edge +out +absent, since ${clock} +in-sync`,
    ])
      expect(out).toMatch(new RegExp(line, 'm'));
    expect(out.replace(/\n/g, '')).not.toMatch(/\p{Cc}/u);
  });

  it('is told as of a moment: while it served, and before it was there', async () => {
    const served = await json('web', named(0), '--at', new Date(times.serving).toISOString());
    expect(served).toMatchObject({
      past: true,
      at: times.serving,
      state: 'serving',
      proxies: [{ rotation: 'in', state: 'in-sync', verdict: 'up' }],
    });
    expect(served.chain.map(({ to }) => to)).toEqual(['joining', 'serving']);
    const early = await json('web', named(0), '--at', new Date(times.before).toISOString());
    expect(early).toMatchObject({ state: 'not-registered', chain: [], reasons: [{ code: 'not-registered' }] });
    expect(early.reasons[0]?.since).toBeGreaterThanOrEqual(times.before);
  });
});

it('of a znode that names no address, says what was wrong with it', async () => {
  expect(await json('web', 'nowhere')).toMatchObject({
    instance: 'znode:nowhere',
    state: 'rejected',
    reasons: [{ code: 'rejected', text: 'not-an-address: nowhere: no port' }],
    proxies: [{ rotation: 'out' }],
  });
});

it('of a service tells config, guard, instances and proxies', async () => {
  const report = await json('web');
  expect(report).toMatchObject({
    instance: null,
    state: 'configured',
    reasons: [],
    overview: { path: pathOf('web'), check: 'GET /health', guard: { state: 'open' }, states: { rejected: 1, serving: 1 } },
    proxies: [{ proxy: 'edge', state: 'in-sync', rotation: null }],
  });
  expect(report.overview?.complete).toBeGreaterThan(0);
  expect(report.chain.at(-1)).toMatchObject({ instance: named(0), to: 'gone' });
  const earlier = await json('web', '--at', new Date(times.serving).toISOString());
  expect(earlier.overview?.states).toEqual({ rejected: 1, serving: 2 });
  expect(await json('idle')).toMatchObject({ state: 'unread', reasons: [{ code: 'service-not-configured' }, { code: 'proxy-unknown' }] });
});

it('refuses what nobody knows, in a line, and says what there is', async () => {
  const { port = 0 } = services[2] ?? {};
  for (const [args, err] of [
    [['wev'], /^error: nobody knows a service "wev"\nthere are: idle, web\n$/],
    [
      ['web', `127.0.0.1:${port}`],
      new RegExp(
        `^error: "127.0.0.1:${port}" was never registered for web: ${pathOf('web')} has 2 znodes, none of that name\\nthere are, of similar names: 127[^\\n]*\\n$`,
      ),
    ],
    [['web', '--proxy', 'egde'], /^error: no proxy is called "egde"\nthere are: edge\n$/],
    [['web', '--at', 'noon'], /^error: "noon" is no time\n[^\n]*10m \(ago\)[^\n]*\n$/],
    [['web', '--at', '2999-01-01'], /^error: "2999-01-01" is yet to come\n[^\n]*\n$/],
  ] as const) {
    const ended = await why(...args);
    expect([ended.code, ended.out]).toEqual([2, '']);
    expect(ended.err).toMatch(err);
  }
}, 30_000);

it('documents its JSON in its help', async () => {
  const { out } = await pointsman('why', '--help');
  const report = await json('web', named(0));
  const keys = [report, report.reasons[0], report.chain[0], report.chain[0]?.event, report.chain[0]?.actions[0], report.proxies[0]];
  for (const key of keys.flatMap((value) => Object.keys(value ?? {}))) expect(out).toMatch(new RegExp(`\\b${key}\\b`));
});

it('says when the log does not reach back, and shows what is stored', async () => {
  await system.redis?.client.xtrim('{test:web}:log', 'MAXLEN', 3);
  const report = await json('web', named(1));
  expect(report.state).toBe('serving');
  expect(report.notes).toEqual([expect.stringContaining('does not reach back'), expect.stringContaining('as it is stored')]);
  const before = await json('web', named(1), '--at', new Date(times.serving).toISOString());
  expect(before).toMatchObject({ state: 'unknown', reasons: [{ code: 'unknown' }, {}] });
  // Also where a config is what happens to stand first.
  await system.reconfigure(`${WEB}    balance: leastconn\n`);
  const { client } = must(system.redis, 'redis');
  await until('the config', async () => (await client.xrevrange('{test:web}:log', '+', '-', 'COUNT', 1))[0]?.[1].includes('configured'));
  await client.xtrim('{test:web}:log', 'MAXLEN', 1);
  expect((await json('web', named(1))).notes).toHaveLength(2);
});

it('says that a proxy cannot be worked on, by its own words, and when it is tried again', async () => {
  await system.haproxy.stop();
  await session.register(pathOf('web'), named(2));
  const isKnown = async () => (await system.instance('web', named(2))) !== null;
  await until('both to be told', async () => (await isKnown()) && (await system.backendState('web'))?.state === 'unreachable', {
    timeoutMs: 15_000,
  });
  const report = await json('web', named(2));
  const unreachable = report.reasons.find(({ code }) => code === 'proxy-unreachable');
  expect(report).toMatchObject({ state: 'joining', proxies: [{ state: 'unreachable', rotation: 'unknown' }] });
  expect(unreachable).toMatchObject({ proxy: 'edge', text: expect.stringMatching(/^it cannot be worked on: .*(ECONNREFUSED|ENOENT)/) });
  expect(unreachable?.until).toBeGreaterThan(unreachable?.since ?? 0);
});

it('says that no watcher runs, and what no transition worker has folded', async () => {
  await system.app.stop();
  const [entry] = await must(system.redis, 'redis').client.xrevrange('{test:web}:log', '+', '-', 'COUNT', 1);
  const data = JSON.stringify({ instance: '10.9.9.9:1', znode: { name: '10.9.9.9:1', czxid: '1', mzxid: '1', version: 0 } });
  await must(system.redis, 'redis').client.xadd('{test:web}:log', '*', 'v', '1', 'type', 'deregistered', 'data', data);
  expect((await json('web')).reasons.map(({ code }) => code)).toEqual(expect.arrayContaining(['watcher-absent', 'not-folded']));
  const report = await json('web', '10.9.9.9:1');
  expect(report.reasons[0]).toMatchObject({ code: 'not-registered', text: expect.stringContaining('no transition worker has folded') });
  expect(report.reasons[0]?.since).toBeGreaterThanOrEqual(Number(entry?.[0].split('-')[0]));
});

it('without Redis ends with what failed and what to do', async () => {
  const folder = await tempFolder();
  try {
    const nowhere = await configFile(
      folder,
      `zookeeper: { connect: "127.0.0.1:1" }\nredis: { url: "redis://127.0.0.1:${await freePort()}/0" }\n`,
    );
    const { code, out, err } = await pointsman('why', 'web', '--config', nowhere);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^error: Redis does not answer: [^\n]*ECONNREFUSED[^\n]*\n[^\n]*redis\.url[^\n]*\n$/);
  } finally {
    await folder.remove();
  }
});
