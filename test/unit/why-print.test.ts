/** Times as people write and read them, and the answer as lines that no registration can turn against a terminal. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseMoment, pastTime } from '../../cli/moment.ts';
import { clockText } from '../../cli/why/clock.ts';
import { printWhy } from '../../cli/why/print-why.ts';
import { of, WhyStory } from '../support/why-story.ts';

const NOW = new Date(2026, 2, 1, 12, 0, 0).getTime();
const at = (hours: number, minutes: number, seconds = 0, ms = 0): number => new Date(2026, 2, 1, hours, minutes, seconds, ms).getTime();

describe('a time', () => {
  it.each([
    ['03:12', at(3, 12)],
    ['3:12:07', at(3, 12, 7)],
    ['03:12:07.4', at(3, 12, 7, 400)],
    ['-10m', NOW - 600_000],
    ['-90s', NOW - 90_000],
    ['2026-03-01', at(0, 0)],
    ['2026-03-01T03:12:07', at(3, 12, 7)],
    ['2026-03-01 03:12', at(3, 12)],
    ['2026-02-28T03:12:07.412Z', Date.UTC(2026, 1, 28, 3, 12, 7, 412)],
    ['2026-02-28T03:12+02:00', Date.UTC(2026, 1, 28, 1, 12)],
    ['10m', NOW - 600_000],
    ['10m ago', NOW - 600_000],
    ['1700000000000', 1_700_000_000_000],
    ['1700000000000-7', 1_700_000_000_000],
  ])('%s is read', (text, moment) => {
    expect(pastTime(text, NOW)).toBe(moment);
  });

  it.each([
    '',
    'noon',
    '25:00',
    '03:60',
    '03:12:60',
    '2026-02-30',
    '2026-02-29T03:12',
    '2026-13-01',
    '-',
    '-10',
    '-10 m',
    '-10m ago',
    '-99999999999d',
    '123',
  ])('%s is refused', (text) => {
    expect(() => pastTime(text, NOW)).toThrow(expect.objectContaining({ code: 'USAGE', message: expect.stringContaining('is no time') }));
  });

  it('that is yet to come is refused', () => {
    for (const text of ['12:01', '2026-03-02']) expect(() => pastTime(text, NOW)).toThrow('is yet to come');
  });

  it('of an id is that id, and else the whole of that millisecond', () => {
    expect(parseMoment('1700000000000-7', 'last', NOW)).toBe('1700000000000-7');
    expect(parseMoment('1700000000000', 'first', NOW)).toBe('1700000000000-0');
    expect(parseMoment('03:12', 'last', NOW)).toBe(`${at(3, 12)}-9007199254740991`);
  });

  it('is read as it is written', () => {
    fc.assert(
      fc.property(fc.integer({ min: NOW - 400 * 86_400_000, max: NOW }), (moment) => {
        const text = clockText(moment, NOW);
        // An hour that a change of the clocks gives twice may be read as the other one.
        const read = pastTime(text, NOW);
        expect(clockText(read, NOW)).toBe(text);
      }),
    );
  });
});

describe('the answer', () => {
  it('is a chain of lines with the time between them', () => {
    const story = new WhyStory({ guard: { maxLoss: 1, window: 10_000, hold: 300_000 } });
    story.now = NOW - 1_000;
    story.look(story.register(80), []);
    story.pass(400);
    const left = story.deregister(80);
    story.pass(15).look(left, [`set server web/${of(80)} state drain`]);
    const lines = printWhy(story.why(80, { at: NOW }), { colour: false, now: NOW }).split('\n');
    expect(lines).toEqual([
      '10.0.0.1:80 of web is draining since 11:59:59.400 (1s ago)',
      '  because: its registration ended; sessions may finish, until 12:00:29.400 (in 29s)',
      '',
      `  11:59:59.000          znode /services/web/instances/10.0.0.1:80 came (czxid 80)  event ${NOW - 1_000}-3`,
      '                        not registered -> joining: registered, and no proxy has seen it up yet',
      '  11:59:59.000    +0 ms edge: in sync',
      `  11:59:59.400  +400 ms znode /services/web/instances/10.0.0.1:80 went (czxid 80)  event ${NOW - 600}-5`,
      '                        joining -> draining: its registration ended; sessions may finish, until 12:00:29.400',
      '  11:59:59.415   +15 ms edge: set server web/10.0.0.1:80 state drain: done (0.5 ms): said  # because',
      '  11:59:59.415    +0 ms edge: in sync',
      '',
      '  proxy  server  check  backend  since   detail',
      '  edge   out            in-sync  1s ago',
    ]);
  });

  it('sends no control character to the terminal, and is coloured only when asked', () => {
    const hostile = '\u001b[2J\u009b\u202e\n';
    const story = new WhyStory();
    const znode = { name: hostile, czxid: hostile, mzxid: '1', version: 0 };
    story.tell({ type: 'registered', instance: of(80), znode, said: { rejection: { code: 'bad-data', detail: hostile } } });
    story.record({ type: 'blocked', service: 'web', detail: hostile, nextTry: null });
    story.look(null, [`add server web/${of(80)} ${hostile}`], { outcome: hostile });
    const report = { ...story.why(80), notes: [hostile] };
    for (const answer of [report, { ...story.why(null), service: hostile, notes: [hostile] }])
      expect(printWhy(answer, { colour: false, now: NOW }).replace(/\n/g, '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(printWhy(report, { colour: true, now: NOW })).toContain('\u001b[1m');
  });

  it('of a long story prints the last part', () => {
    const story = new WhyStory();
    for (let turn = 0; turn < 10; turn += 1) {
      story.pass(10).register(80);
      story.deregister(80);
    }
    const text = printWhy(story.why(80), { colour: false, now: NOW });
    expect(text).toContain('(15 earlier changes: --json lists more, --at shows how it stood then)');
  });
});
