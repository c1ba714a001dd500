/** What `pointsman status` makes of snapshots: words, reasons, and a text that no registration can turn against a terminal. */
import { describe, expect, it } from 'vitest';
import { ageText } from '../../cli/age.ts';
import { jsonText } from '../../cli/json-text.ts';
import { printReport } from '../../cli/status/print-report.ts';
import { rejectionText } from '../../cli/status/reason-text.ts';
import { type InstanceStatus, instanceStatus, lagOf, STATUS_FORMAT, type StatusReport, serviceStatus } from '../../cli/status/report.ts';
import { newInstance, stepInstance } from '../../machines/instance.ts';
import type { AskedOptions } from '../../shared/model/asked-options.ts';
import type { Verdict } from '../../shared/model/event.ts';
import { Story, serviceConfig } from '../support/service-events.ts';

const NOW = 1_700_000_000_000;

function report(changes: Partial<StatusReport> = {}): StatusReport {
  return {
    format: STATUS_FORMAT,
    at: NOW,
    services: [],
    instances: [],
    proxies: [],
    watchers: [],
    registrars: [],
    queues: [],
    rollout: { reloading: [], stopped: [] },
    ...changes,
  };
}

function instance(changes: Partial<InstanceStatus> = {}): InstanceStatus {
  const health = { word: 'up', up: 1, down: 0, unknown: 0 };
  return {
    service: 'web',
    instance: '10.0.0.1:80',
    state: 'serving',
    since: NOW - 5_000,
    health,
    witnesses: [],
    weight: 1,
    ignored: [],
    address: '10.0.0.1 port 80',
    znodes: [],
    reason: null,
    until: null,
    ...changes,
  };
}

function instancesOf(story: Story): InstanceStatus[] {
  return [...story.state.instances.values()].flatMap((snapshot) =>
    snapshot === null ? [] : (instanceStatus('web', snapshot, null) ?? []),
  );
}

describe('an instance', () => {
  it('is one word with its reason, from joining to gone', () => {
    const story = new Story(serviceConfig({ guard: { maxLoss: 1, window: 10_000, hold: 300_000 }, drainTimeout: 1_000 }));
    story.register(80);
    const states = [instancesOf(story)[0]];
    story.up(80);
    states.push(instancesOf(story)[0]);
    story.tell({ type: 'health', proxy: 'p1', verdicts: [{ instance: '10.0.0.1:80', from: 'up', to: 'down' }] });
    states.push(instancesOf(story)[0]);
    story.deregister(80);
    states.push(instancesOf(story)[0]);
    expect(states.map((state) => [state?.state, state?.reason, state?.health.word])).toEqual([
      ['joining', 'no good check yet', 'unknown'],
      ['serving', null, 'up'],
      ['failing', 'down on p1', 'down'],
      ['draining', 'its registration ended; sessions may finish', 'down'],
    ]);
    story.pass(1_001).ring();
    expect(instancesOf(story)).toEqual([]);
  });

  it('that stands by, or asks for no requests, says so', () => {
    const serving = (options: AskedOptions, labels: Record<string, string> = { zone: 'a' }): unknown => {
      const allowed = { server: { maxConn: null, options: ['backup', 'disabled'] as const }, prefer: { zone: ['a'] } };
      const story = new Story(serviceConfig(allowed));
      story.register(80, { options, labels });
      story.up(80);
      return instancesOf(story)[0]?.reason;
    };
    expect([serving({}), serving({ backup: true }), serving({ disabled: true }), serving({}, {})]).toEqual([
      null,
      'stands by: its server options ask for that',
      'no requests: its server options ask for that',
      'stands by: its labels are not those of prefer',
    ]);
  });

  it('that was rejected says why, and whether its last good form stays', () => {
    const rejection = { code: 'bad-weight', detail: 'weight "heavy"' } as const;
    const fresh = stepInstance(newInstance('a:1'), { type: 'reject', at: NOW, znode: null, offered: null, rejection, keep: true });
    expect(instanceStatus('web', fresh, null)?.reason).toBe('bad-weight: weight "heavy"');
    const story = new Story();
    story.register(80);
    const kept = stepInstance(story.at(80), { type: 'reject', at: NOW, znode: null, offered: null, rejection, keep: true });
    expect(instanceStatus('web', kept, null)).toMatchObject({
      state: 'rejected',
      reason: 'bad-weight: weight "heavy" (its last good form stays, joining)',
      weight: 1,
    });
  });
});

describe('of several paths', () => {
  it('says which one is active, why the others stand by, and what it waits for', () => {
    const story = new Story(serviceConfig({ path: { first: ['/a', '/b'] } }));
    for (const [port, path] of [
      [80, '/a'],
      [90, '/b'],
    ] as const)
      story.register(port, {}, `${path}/10.0.0.1:${port}`);
    for (const port of [80, 90]) story.up(port);
    const instances = instancesOf(story);
    expect(instances.map(({ znodes, reason }) => [znodes, reason])).toEqual([
      [['/a/10.0.0.1:80'], null],
      [['/b/10.0.0.1:90'], 'stands by where a server of a path before /b is up'],
    ]);
    const { service: snapshot } = story.state;
    const status = serviceStatus({ service: 'web', snapshot, revision: 7, instances, lag: lagOf([], 10, NOW), waitsFor: '/b' });
    expect(status).toMatchObject({ path: 'the first of /a, /b', activePath: '/a' });
    const printed = printReport(report({ services: [status], instances }), { colour: false, only: null });
    expect(printed).toContain('the first of /a, /b (now /a) http, GET /health; waits for path /b');
  });
});

describe('a service', () => {
  it('shows what the guard keeps', () => {
    const story = new Story();
    for (const port of [80, 81, 82, 83]) story.register(port);
    for (const port of [80, 81, 82]) story.deregister(port);
    const status = serviceStatus({
      service: 'web',
      snapshot: story.state.service,
      revision: 7,
      instances: instancesOf(story),
      lag: lagOf([], 10, NOW),
    });
    expect(status).toMatchObject({
      config: 'published',
      revision: 7,
      states: { held: 3, joining: 1 },
      guard: { state: 'holding', held: 3 },
    });
    expect(status.guard.until).toBe(story.now + 300_000);
    const text = printReport(report({ at: story.now, services: [status] }), { colour: false, only: null });
    expect(text).toContain('1 service HELD by the guard');
    expect(text).toContain('holding: keeps 3, next step in 5m');
  });

  it('that nobody has read, and one that is retired, say so', () => {
    const nothing = { revision: 0, instances: [], lag: lagOf([], 10, NOW) };
    expect(serviceStatus({ service: 'a', snapshot: null, ...nothing }).config).toBe('unread');
    expect(serviceStatus({ service: 'a', snapshot: new Story(null).state.service, ...nothing }).config).toBe('retired');
  });

  it('counts what is not folded yet, up to a bound', () => {
    expect(lagOf([`${NOW - 3_000}-0`, `${NOW}-1`], 10, NOW)).toEqual({ events: 2, more: false, ms: 3_000 });
    expect(lagOf([`${NOW - 3_000}-0`, `${NOW}-1`], 2, NOW)).toMatchObject({ events: 2, more: true });
    expect(lagOf([], 10, NOW)).toEqual({ events: 0, more: false, ms: 0 });
  });
});

describe('a proxy', () => {
  it.each([
    [0, 'pid 4711 '],
    [null, 'pid 4711 '],
    [3, 'pid 4711, 3 old '],
  ])('with %s old workers', (oldWorkers, cell) => {
    const known = {
      proxy: 'edge',
      pool: 'edge',
      version: '2.6.12',
      worker: 4711,
      oldWorkers,
      lastSeen: NOW,
      live: true,
      hearing: null,
      breaker: null,
    };
    const proxies = [{ ...known, unreachable: null, dirty: 0, backends: [], lastReload: null }];
    expect(printReport(report({ proxies }), { colour: false, only: null })).toContain(cell);
  });
});

describe('the text', () => {
  const hostile = 'znode:\u001b[2J\u009b31m\u202ex\ny';

  it('sends no control character to a terminal, whatever was registered', () => {
    const text = printReport(
      report({
        instances: [instance({ instance: hostile, state: 'rejected', reason: hostile, service: hostile })],
        proxies: [
          {
            proxy: hostile,
            pool: hostile,
            version: hostile,
            worker: 1,
            oldWorkers: 0,
            lastSeen: NOW,
            live: true,
            hearing: { by: hostile, detail: hostile },
            unreachable: hostile,
            breaker: { state: 'open', detail: hostile, since: NOW, nextTry: null },
            dirty: 0,
            backends: [{ service: hostile, state: 'blocked', since: NOW, revision: 1, detail: hostile, nextTry: null, overrides: [] }],
            lastReload: { at: NOW, reason: hostile, failed: hostile },
          },
        ],
      }),
      { colour: false, only: null },
    );
    expect(text).toContain('znode:\\u{1b}[2J\\u{9b}31m\\u{202e}x\\ny');
    expect(text.replace(/\n/g, '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it('names who sees an instance down, and for how long', () => {
    const story = new Story(serviceConfig({ guard: { maxLoss: 1, window: 10_000, hold: 300_000 }, drainTimeout: 1_000 }));
    story.register(80);
    const health = (proxy: string, from: Verdict, to: Verdict): void =>
      void story.tell({ type: 'health', proxy, verdicts: [{ instance: '10.0.0.1:80', from, to }] });
    for (let at = 1; at <= 20; at += 1) health(`p${at}`, 'absent', 'up');
    const up = instancesOf(story);
    story.pass(5_000);
    for (const proxy of ['p9', 'p4', 'p5', 'p6']) health(proxy, 'up', 'down');
    const mixed = instancesOf(story);
    expect(mixed[0]?.health).toEqual({ word: 'mixed', up: 16, down: 4, unknown: 0 });
    expect(mixed[0]?.witnesses).toHaveLength(16);
    expect(mixed[0]?.witnesses[0]).toMatchObject({ proxy: expect.stringMatching(/^p/), verdict: expect.stringMatching(/up|down/) });
    const shown = (instances: InstanceStatus[]): string =>
      printReport(report({ at: story.now + 120_000, instances }), { colour: false, only: null });
    expect(shown(mixed)).toMatch(/16 up, 4 down: p\d for 2m, p\d for 2m, p\d for 2m and 1 more/);
    expect(shown(up)).toContain('20 up ');
    expect(shown(up)).not.toContain(' for ');
  });

  it('lists of thousands only what is not plainly serving, and says how to see the rest', () => {
    const many = Array.from({ length: 3_000 }, (_, index) => instance({ instance: `10.0.0.1:${index}` }));
    many[17] = instance({ instance: '10.0.0.1:17', state: 'failing', reason: 'down on p1' });
    const overview = printReport(report({ instances: many }), { colour: false, only: null });
    expect(overview.split('\n').length).toBeLessThan(20);
    expect(overview).toContain('3000 instances (2999 serving, 1 failing)');
    expect(overview).toMatch(/10\.0\.0\.1:17 +failing/);
    expect(overview).toContain('2999 more instances: `pointsman status SERVICE`');
    expect(printReport(report({ instances: many }), { colour: false, only: 'web' }).split('\n').length).toBeGreaterThan(3_000);
  });

  it('is aligned, and coloured only when asked', () => {
    const instances = [instance(), instance({ service: 'inventory_service', state: 'failing' })];
    const lines = printReport(report({ instances }), { colour: false, only: null }).split('\n');
    const columns = lines
      .filter((line) => /serving|failing|^service +instance/.test(line) && !line.includes('·'))
      .map((line) => line.search(/state|serving|failing/));
    expect(columns).toHaveLength(3);
    expect(new Set(columns).size).toBe(1);
    expect(printReport(report({ instances }), { colour: true, only: null })).toContain('\u001b[');
  });
});

it('names the command that explains what is not well, and none when all is', () => {
  const last = (changes: Partial<StatusReport>): string | undefined =>
    printReport(report(changes), { colour: false, only: null }).split('\n').at(-1);
  expect(last({ instances: [instance(), instance({ instance: '[2001:db8::1]:80', state: 'failing' })] })).toBe(
    "why: pointsman why web '[2001:db8::1]:80'",
  );
  // A name that a shell would act on is nobody's to copy.
  const held = { state: 'holding', held: 1, since: NOW, until: NOW };
  const status = { ...serviceStatus({ service: 'web', snapshot: null, revision: 0, instances: [], lag: lagOf([], 10, NOW) }), guard: held };
  expect(last({ services: [status], instances: [instance({ instance: 'znode:$(rm)', state: 'rejected' })] })).toBe(
    'why: pointsman why web',
  );
  expect(last({ instances: [instance(), instance({ state: 'draining' })] })).not.toContain('why:');
});

it('a refusal does not say the name of its own znode again', () => {
  const rejection = { code: 'not-an-address', detail: 'not-an-address: no port' } as const;
  expect(rejectionText('znode:not-an-address', rejection)).toBe('not-an-address: no port');
  expect(rejectionText('znode:other', rejection)).toBe('not-an-address: not-an-address: no port');
  expect(rejectionText('10.0.0.1:80', { code: 'bad-data', detail: 'not JSON' })).toBe('bad-data: not JSON');
});

describe('JSON', () => {
  it('is the same value, without what a terminal acts on', () => {
    const value = { text: '\u001b[2J\u009b31m\u202e\u2028\u{e0041}', list: [1, null] };
    const text = jsonText(value);
    expect(JSON.parse(text)).toEqual(value);
    expect(text.replace(/\n/g, '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u);
  });
});

it('an age is one short word', () => {
  expect([-5, 0, 59_000, 119_000, 300_000, 7_200_000, 200_000_000].map(ageText)).toEqual(['0s', '0s', '59s', '119s', '5m', '2h', '2d']);
});
