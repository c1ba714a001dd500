/** Labels that instances must carry: whoever does not is never used, whatever it was before and however few are left. */
import { describe, expect, it } from 'vitest';
import { desiredServer, visibleState } from '../../machines/projection.ts';
import { type Where, whyNotWhere } from '../../shared/model/where.ts';
import { Story, serviceConfig } from '../support/service-events.ts';

describe('a rule', () => {
  it.each<[Where, Record<string, string>, string | null]>([
    [{ region: { in: ['no'] } }, { region: 'no' }, null],
    [{ region: { in: ['no', 'se'] } }, { region: 'se', zone: 'x' }, null],
    [{ region: { in: ['no', 'se'] } }, { region: 'de' }, 'region is de, and must be one of no, se'],
    [{ region: { in: ['no'] } }, { region: 'NO' }, 'region is NO, and must be no'],
    [{ region: { in: ['no'] } }, {}, 'region is missing, and must be no'],
    [{ region: { not: ['de'] } }, { region: 'de' }, 'region is de, and must not be de'],
    [{ region: { not: ['de'] } }, {}, null],
    [{ canary: { exists: false } }, { canary: '' }, 'canary is , and must not be there'],
    [{ canary: { exists: false } }, {}, null],
    [{ zone: { exists: true } }, {}, 'zone is missing, and must be there'],
    [{ constructor: { exists: true } }, {}, 'constructor is missing, and must be there'],
    [{ a: { in: ['1'] }, b: { in: ['2'] } }, { a: '1', b: '3' }, 'b is 3, and must be 2'],
    [{}, {}, null],
  ])('%j of %j: %s', (where, labels, why) => {
    expect(whyNotWhere(where, labels)).toBe(why);
  });
});

describe('an instance', () => {
  const config = serviceConfig({ where: { region: { in: ['no', 'se'] } }, guard: { maxLoss: 0.5, window: 10_000, hold: 300_000 } });
  const inside = { labels: { region: 'no' } };
  const outside = { labels: { region: 'de' } };

  it('that says another place is refused, and that nothing is said is no excuse', () => {
    const story = new Story(config);
    story.register(80, inside);
    story.register(81, outside);
    story.register(82);
    expect(desiredServer(story.at(80))?.admin).toBe('ready');
    for (const port of [81, 82]) expect([visibleState(story.at(port)), desiredServer(story.at(port))]).toEqual(['rejected', null]);
    expect(story.at(81).context.rejection).toEqual({ code: 'label-not-allowed', detail: 'region is de, and must be one of no, se' });
  });

  it('that moves is not used by what it said before, though it is the last that is up; it comes back when it does', () => {
    const story = new Story(config);
    story.register(80, inside);
    story.up(80);
    story.pass(1_000).register(80, outside);
    expect([visibleState(story.at(80)), desiredServer(story.at(80))]).toEqual(['rejected', null]);
    story.pass(1_000).register(80, inside);
    expect(desiredServer(story.at(80))?.admin).toBe('ready');
  });

  it('is refused when the rule comes, all of them if need be, and those that are held too', () => {
    const { where: _where, ...open } = config;
    const story = new Story(open);
    for (const port of [80, 81, 82, 83]) {
      story.register(port, port === 80 ? inside : outside);
      story.up(port);
    }
    for (const port of [81, 82, 83]) story.deregister(port);
    expect([81, 82, 83].map((port) => visibleState(story.at(port))).filter((state) => state === 'held').length).toBeGreaterThan(0);
    story.pass(1_000).tell({ type: 'configured', config: { ...config, where: { region: { in: ['fi'] } } } });
    for (const port of [80, 81, 82, 83]) expect(desiredServer(story.at(port))?.admin ?? 'none').not.toBe('ready');
    story.pass(1_000).tell({ type: 'configured', config });
    expect(desiredServer(story.at(80))?.admin).toBe('ready');
  });

  it('says why in text that is safe to print', () => {
    const story = new Story(config);
    story.register(80, { labels: { region: '\u001b[31m; disable server web/x' } });
    expect(story.at(80).context.rejection?.detail).toBe('region is \\u{1b}[31m; disable server web/x, and must be one of no, se');
  });
});
