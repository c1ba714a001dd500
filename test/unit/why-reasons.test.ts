/** Every reason for which a server is in or out, one by one. */
import { describe, expect, it } from 'vitest';
import { instanceReasons } from '../../cli/why/instance-reasons.ts';
import { printWhy } from '../../cli/why/print-why.ts';
import type { Reason, WhyReport } from '../../cli/why/report.ts';
import { similar } from '../../cli/why/whom.ts';
import { newBackend, stepBackend } from '../../machines/backend.ts';
import { type InstanceSnapshot, newInstance } from '../../machines/instance.ts';
import { newService } from '../../machines/service.ts';
import { of, START, WhyStory } from '../support/why-story.ts';

const first = (report: WhyReport): Reason | undefined => report.reasons[0];
const withCode = (report: WhyReport, code: string): Reason | undefined => report.reasons.find((reason) => reason.code === code);
const GUARDLESS = { guard: { maxLoss: 1, window: 10_000, hold: 300_000 } };

describe('an instance', () => {
  it('that nobody has checked yet is joining, and out', () => {
    const story = new WhyStory();
    story.look(story.register(80), []);
    const report = story.why(80);
    expect(report).toMatchObject({ state: 'joining', since: START, proxies: [{ rotation: 'out', state: 'in-sync' }] });
    expect(first(report)).toMatchObject({ code: 'joining', text: 'registered, and no proxy has seen it up yet' });
  });

  it('that a proxy sees up is serving, and in', () => {
    const story = new WhyStory();
    story.look(story.register(80), []);
    story.pass(5).check(80, 'up');
    expect(story.why(80)).toMatchObject({
      state: 'serving',
      proxies: [{ rotation: 'in', verdict: 'up', verdictSince: START + 5 }],
      reasons: [{ code: 'serving' }],
    });
  });

  it('that was rejected says by which code, and whether its last good form stays', () => {
    const story = new WhyStory({ allow: { cidrs: ['192.168.0.0/16'], loopback: false, names: false } });
    story.register(80);
    expect(first(story.why(80))).toMatchObject({ code: 'rejected', text: expect.stringMatching(/^address-not-allowed: 10\.0\.0\.1/) });
    const kept = new WhyStory();
    kept.register(80);
    const znode = { name: of(80), czxid: '80', mzxid: '81', version: 1 };
    const rejection = { code: 'bad-weight', detail: 'no' } as const;
    kept.tell({ type: 'changed', instance: of(80), znode, said: { rejection } });
    expect(first(kept.why(80))?.text).toBe('bad-weight: no; its last good form stays, joining');
  });

  it('that stands by for an earlier path says which one is active, and from which event on', () => {
    const story = new WhyStory({ path: { first: ['/a', '/b'] } });
    const put = (port: number, below: string): void => {
      const znode = { name: `${below}/${of(port)}`, czxid: String(port), mzxid: String(port), version: 0 };
      const said = { registration: { host: '10.0.0.1', address: '10.0.0.1', port, weight: 1, labels: {} } };
      story.tell({ type: 'registered', instance: of(port), znode, said });
      story.check(port, 'up');
    };
    put(81, '/b');
    expect(withCode(story.why(81), 'stands-by')).toBeUndefined();
    story.pass(5);
    put(80, '/a');
    const report = story.why(81);
    story.look(story.events.at(-1)?.id ?? null, ['set weight web/10.0.0.1:81 0']);
    expect(withCode(report, 'stands-by')?.text).toBe(
      'it stands by, with weight 0, on each proxy where a server of /a is up: /b comes behind that',
    );
    expect(report.chain[0]?.event.text).toBe('znode /b/10.0.0.1:81 came (czxid 81)');
    expect(report.chain.at(-1)).toMatchObject({
      text: 'serving: it stands by where a server of an earlier path is up: such a path is active',
    });
    expect(story.why(81).proxies[0]?.rotation).toBe('out');
    expect(story.why(null).overview).toMatchObject({ path: 'the first of /a, /b', activePath: '/a' });
    story.check(80, 'down', 'edge', 'up');
    expect(printWhy(story.why(null), { colour: false, now: story.now })).toContain('(now /b)');
  });

  it('that stands by does so on the proxies where a server of an earlier path is up, and on those alone', () => {
    const story = new WhyStory({ path: { first: ['/a', '/b'] } });
    for (const [port, below] of [
      [80, '/a'],
      [81, '/b'],
    ] as const) {
      const znode = { name: `${below}/${of(port)}`, czxid: String(port), mzxid: String(port), version: 0 };
      story.tell({
        type: 'registered',
        instance: of(port),
        znode,
        said: { registration: { host: '10.0.0.1', address: '10.0.0.1', port, weight: 1, labels: {} } },
      });
    }
    for (const proxy of ['edge', 'bergen']) {
      story.check(80, proxy === 'edge' ? 'up' : 'down', proxy);
      story.check(81, 'up', proxy);
      story.look(story.events.at(-1)?.id ?? null, [], { proxy });
    }
    const { proxies, reasons } = story.why(81, {}, [{ proxy: 'edge' }, { proxy: 'bergen' }]);
    expect(Object.fromEntries(proxies.map(({ proxy, rotation }) => [proxy, rotation]))).toEqual({ edge: 'out', bergen: 'in' });
    expect(reasons.filter(({ code }) => code === 'proxy-stands-by').map(({ proxy }) => proxy)).toEqual(['edge']);
  });

  it('that is held says since when, until when and with how many', () => {
    const story = new WhyStory();
    for (const port of [80, 81, 82, 83]) story.register(port);
    for (const port of [80, 81, 82]) story.pass(1).deregister(port);
    const report = story.why(80);
    expect(report.state).toBe('held');
    expect(first(report)).toEqual({
      code: 'held',
      text: 'its registration ended; the guard keeps it, with others that went at once (3 held)',
      proxy: null,
      since: story.now,
      until: story.now + 300_000,
    });
    expect(report.reasons.filter(({ code }) => code === 'held')).toHaveLength(1);
    expect(withCode(story.why(null), 'held')?.text).toBe('the guard keeps those that went at once (3 held)');
  });

  it('that drains says until when, and is out once its proxy has done it', () => {
    const story = new WhyStory(GUARDLESS);
    story.register(89);
    story.check(89, 'up');
    story.look(story.register(80), []);
    story.check(80, 'up');
    const left = story.pass(100).deregister(80);
    expect(story.why(80).proxies).toMatchObject([{ rotation: 'unknown' }]);
    expect(withCode(story.why(80), 'proxy-behind')?.text).toBe('it has not looked at the last change yet');
    story.look(left, []);
    expect(story.why(80)).toMatchObject({
      state: 'draining',
      proxies: [{ rotation: 'out' }],
      reasons: [{ code: 'draining', until: START + 100 + 30_000 }],
    });
  });

  it('that is gone says so', () => {
    const story = new WhyStory(GUARDLESS);
    story.register(80);
    story.deregister(80);
    story.pass(30_000).tell({ type: 'timer', timer: 'drain', instance: of(80), token: 1 });
    expect(story.why(80).state).toBe('gone');
    expect(first(story.why(80))).toMatchObject({ code: 'gone', since: START + 30_000 });
  });

  it('that fails says where, and since when', () => {
    const story = new WhyStory();
    story.register(80);
    for (const proxy of ['b', 'a']) story.pass(1).check(80, 'down', proxy);
    expect(first(story.why(80))).toMatchObject({ code: 'failing', text: 'its checks fail on a, b', since: START + 1 });
    story.check(80, 'up', 'c');
    expect(story.why(80).reasons.map(({ code }) => code)).toEqual(['serving', 'down', 'proxy-unknown']);
  });

  it('that is cordoned says since when that is, and what another cordon put in place of the first', () => {
    const story = new WhyStory();
    story.register(80);
    story.pass(500).tell({ type: 'cordoned', instance: of(80), by: 'ann', reason: 'disk', until: null });
    expect(story.why(80)).toMatchObject({ state: 'cordoned', since: START + 500, reasons: [{ code: 'cordoned', since: START + 500 }, {}] });
    story.pass(500).tell({ type: 'cordoned', instance: of(80), by: 'ben', reason: '', until: START + 60_000 });
    expect(story.why(80)).toMatchObject({ since: START + 1_000 });
    expect(story.why(80).chain.at(-1)?.text).toBe(
      'cordoned: the cordon by ann (disk) without an end is replaced by one by ben (no reason given) for 59s',
    );
  });

  it('that flaps is in quarantine since then', () => {
    const story = new WhyStory({ flap: { transitions: 1, window: 60_000, quarantine: 60_000 } });
    for (const port of [80, 81, 82]) {
      story.register(port);
      story.check(port, 'up');
    }
    for (const to of ['down', 'up', 'down', 'up'] as const) story.pass(100).check(80, to, 'edge', to === 'up' ? 'down' : 'up');
    expect(story.why(80)).toMatchObject({
      state: 'quarantined',
      since: START + 100,
      reasons: [{ code: 'quarantined', since: START + 100 }, {}],
    });
  });

  it('that was cordoned is among the latest changes; a cordon that had ended is not taken away again', () => {
    const story = new WhyStory();
    story.register(80);
    story.pass(1).tell({ type: 'cordoned', instance: of(80), by: 'ann', reason: 'disk', until: null });
    story.pass(1).tell({ type: 'uncordoned', instance: of(80) });
    story.pass(1).tell({ type: 'uncordoned', instance: of(80) });
    expect(story.why(null).chain.map(({ text }) => text)).toEqual([
      'gone -> joining: registered, and no proxy has seen it up yet',
      'joining -> cordoned: ann took it out: disk',
      'cordoned -> joining: registered, and no proxy has seen it up yet',
    ]);
    expect(story.why(80).chain).toHaveLength(3);
  });

  it('whose weight is 0 gets no requests', () => {
    const story = new WhyStory();
    story.register(80, { weight: 0 });
    expect(withCode(story.why(80), 'weight-0')?.text).toBe('its registered weight is 0: it gets no new requests');
  });

  it('that was not there yet, or is not folded yet, says when it was heard of', () => {
    const story = new WhyStory();
    const heardOf = START + 10_000;
    expect(first(story.why(80, { past: true, heardOf }))).toMatchObject({
      code: 'not-registered',
      since: heardOf,
      text: expect.stringContaining('not registered then'),
    });
    expect(first(story.why(80, { heardOf }))?.text).toContain('no transition worker has folded that');
  });

  it.each([
    ['cordoned', { cordon: { by: 'ann', reason: 'disk', at: 5 }, timers: { cordon: { at: 9, token: 1 } } }, 'ann took it out: disk', 5, 9],
    [
      'quarantined',
      { quarantine: { since: 1, ms: 8, over: false }, timers: { quarantine: { at: 9, token: 1 } } },
      'its registration or its health changed too often; it comes back by itself',
      1,
      9,
    ],
  ])('%s is told with what its snapshot says, whatever its life', (state, facts, text, since, until) => {
    const { schema, context } = newInstance('a:1');
    const snapshot: InstanceSnapshot = { schema, state: 'serving', context: { ...context, since: 1, ...facts } };
    expect(instanceReasons(snapshot, newService())).toEqual([{ code: state, text, proxy: null, since, until }]);
  });
});

describe('a service', () => {
  it('that nobody has published, or no more, says so', () => {
    const none = new WhyStory(null);
    expect(none.why(null)).toMatchObject({
      state: 'unread',
      reasons: [{ code: 'service-not-configured', text: expect.stringContaining('no watcher has published it') }, {}],
    });
    const retired = new WhyStory();
    retired.register(80);
    retired.tell({ type: 'unconfigured' });
    expect(retired.why(null)).toMatchObject({ state: 'not-configured' });
    expect(withCode(retired.why(80), 'service-not-configured')?.text).toBe('no watcher has it in its config any more');
  });

  it('that was never read completely, or that no watcher reads, says so', () => {
    const story = new WhyStory(null);
    story.tell({ type: 'configured', config: { ...configOf(new WhyStory()) } });
    expect(withCode(story.why(null), 'service-not-read')?.text).toContain('was never read completely');
    const facts = { inConfig: true, watchers: 0, unfolded: { events: 2, more: false, since: START } };
    expect(withCode(story.why(null, { facts }), 'watcher-absent')).toBeDefined();
    expect(withCode(story.why(null, { facts }), 'not-folded')).toMatchObject({
      text: '2 events of its log wait for a transition worker',
      since: START,
    });
  });
});

describe('a proxy', () => {
  const web = { service: 'web' } as const;

  it.each([
    [
      { type: 'unreachable', ...web, detail: 'refused', nextTry: START + 9 },
      'proxy-unreachable',
      'it cannot be worked on: refused',
      START + 9,
    ],
    [
      { type: 'blocked', ...web, detail: "[ALERT] 'bind'", nextTry: START + 9 },
      'proxy-blocked',
      "it is blocked: [ALERT] 'bind'",
      START + 9,
    ],
    [
      { type: 'reload-wanted', ...web, detail: 'new check', nextTry: null },
      'proxy-awaiting-reload',
      'it waits for a reload: new check',
      null,
    ],
    [
      { type: 'drifted', ...web, detail: 'a weight', nextTry: null },
      'proxy-drifted',
      'it has something else than it should have: a weight',
      null,
    ],
  ] as const)('that stands ill (%o) says why, and when it is tried again', (event, code, text, until) => {
    const story = new WhyStory();
    story.register(80);
    story.record(event);
    expect(withCode(story.why(80), code)).toEqual({ code, text, proxy: 'edge', since: START, until });
  });

  it('that does not carry the service, or that is not heard of, says so', () => {
    const story = new WhyStory();
    story.look(story.register(80), []);
    const other = story.why(80, {}, [{ services: ['api-*'] }]);
    expect(other).toMatchObject({ proxies: [{ carried: false, rotation: 'out' }] });
    expect(other.reasons.map(({ code }) => code)).toEqual(['joining', 'no-proxy', 'proxy-not-carrying']);
    expect(withCode(other, 'proxy-not-carrying')?.text).toBe('it does not carry web (services: api-*)');
    expect(withCode(story.why(80, {}, [{ silent: true, lastSeen: 7 }]), 'proxy-silent')).toMatchObject({ proxy: 'edge', since: 7 });
  });

  it('is told as it is stored, where that is known', () => {
    const stored = stepBackend(newBackend(), { type: 'blocked', at: 5, detail: 'no', nextTry: null });
    const story = new WhyStory();
    story.look(story.register(80), []);
    expect(story.why(80, {}, [{ stored }]).proxies).toMatchObject([{ state: 'blocked', since: 5, detail: 'no' }]);
  });
});

it('names of the same host or port, or a letter away, are similar', () => {
  const known = ['10.0.0.5:8080', '10.0.0.5:9090', '10.0.0.9:8081', 'web-1', '192.168.7.7:5'];
  expect(similar('10.0.0.5:8081', known)).toEqual(['10.0.0.5:8080', '10.0.0.9:8081', '10.0.0.5:9090']);
  expect(similar('web-2', known)).toEqual(['web-1']);
  expect(similar('x'.repeat(500), known)).toEqual([]);
});

function configOf(story: WhyStory) {
  const [logged] = story.events;
  if (logged?.event.type !== 'configured') throw new Error('a story begins with its config');
  return logged.event.config;
}
