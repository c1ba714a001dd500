/** What runs beside the life of an instance: quarantine for flapping and pardon, an operator's cordon, the warm-up. Stories over the pure fold. */
import { describe, expect, it } from 'vitest';
import { desiredServer, visibleState } from '../../machines/projection.ts';
import { CORDONED_MAX } from '../../machines/service.ts';
import type { Story } from '../support/service-events.ts';
import { serving } from '../support/serving.ts';

const FLAP = { transitions: 2, window: 60_000, quarantine: 10_000 };

/** One more change of health each turn. */
function flap(story: Story, port: number, changes: number): void {
  for (let change = 0; change < changes; change += 1) {
    if (story.at(port).context.health.up > 0) story.down(`10.0.0.1:${port}`);
    else story.up(port, 'down');
  }
}

describe('an instance that flaps', () => {
  it('is put in quarantine with more changes than are normal, keeps its server, and comes back by itself', () => {
    const story = serving(4, { flap: FLAP });
    flap(story, 1, 2);
    expect(visibleState(story.at(1))).toBe('serving');
    flap(story, 1, 1);
    expect(visibleState(story.at(1))).toBe('quarantined');
    expect(desiredServer(story.at(1))?.admin).toBe('out');
    story.pass(9_999).ring();
    expect(visibleState(story.at(1))).toBe('quarantined');
    story.pass(1).ring();
    expect(desiredServer(story.at(1))?.admin).toBe('ready');
  });

  it('is out twice as long each time that soon follows, and shortest again when it was calm', () => {
    const story = serving(4, { flap: FLAP });
    const lengths: number[] = [];
    for (const calm of [0, 0, 0, 1_000_000]) {
      story.pass(calm);
      flap(story, 1, 3);
      lengths.push(story.at(1).context.quarantine?.ms ?? 0);
      story.pass(lengths.at(-1) ?? 0).ring();
    }
    expect(lengths).toEqual([10_000, 20_000, 40_000, 10_000]);
  });

  it('does not count changes that are further apart than the window', () => {
    const story = serving(4, { flap: FLAP });
    for (let turn = 0; turn < 8; turn += 1) {
      story.pass(30_000);
      flap(story, 1, 1);
    }
    expect(visibleState(story.at(1))).not.toBe('quarantined');
  });

  it('counts registrations that come and go', () => {
    const story = serving(4, { flap: FLAP });
    story.deregister(1);
    story.register(1);
    story.deregister(1);
    expect(story.state.service.quarantined).toEqual(['10.0.0.1:1']);
  });

  it('stays in where more would be out than the guard lets go, and where no other server is up', () => {
    const story = serving(4, { flap: FLAP });
    for (let port = 1; port <= 4; port += 1) flap(story, port, 4);
    expect(story.state.service.quarantined).toEqual(['10.0.0.1:1', '10.0.0.1:2']);
    const alone = serving(1, { flap: FLAP, guard: { maxLoss: 1, window: 10_000, hold: 300_000 } });
    flap(alone, 1, 6);
    expect(alone.state.service.quarantined).toEqual([]);
  });

  it('is let out early when no server is up any more and it would be; one that is down itself is not', () => {
    const story = serving(4, { flap: FLAP });
    flap(story, 1, 4);
    flap(story, 2, 3);
    expect(story.state.service.quarantined).toEqual(['10.0.0.1:1', '10.0.0.1:2']);
    story.down('10.0.0.1:3').down('10.0.0.1:4');
    expect(story.state.service.quarantined).toEqual(['10.0.0.1:2']);
    expect(desiredServer(story.at(1))?.admin).toBe('ready');
  });
});

describe('a cordon', () => {
  it('takes an instance out whatever its state, also before it comes, and ends with its deadline and not with an earlier one', () => {
    const story = serving(2);
    const cordon = (until: number | null): void =>
      void story.tell({ type: 'cordoned', instance: '10.0.0.1:1', by: 'me', reason: 'disk', until });
    cordon(story.now + 1_000);
    const stale = story.at(1).context.timers.cordon?.token ?? -1;
    cordon(story.now + 9_000);
    story.tell({ type: 'timer', timer: 'cordon', instance: '10.0.0.1:1', token: stale });
    expect(visibleState(story.at(1))).toBe('cordoned');
    expect(desiredServer(story.at(1))?.admin).toBe('out');
    story.pass(9_000).ring();
    expect(visibleState(story.at(1))).toBe('serving');
    story.tell({ type: 'cordoned', instance: '10.0.0.1:9', by: 'me', reason: 'disk', until: null });
    story.register(9);
    expect(visibleState(story.at(9))).toBe('cordoned');
  });

  it('of one more than are kept is not taken', () => {
    const story = serving(1);
    for (let port = 1; port <= CORDONED_MAX + 1; port += 1)
      story.tell({ type: 'cordoned', instance: `10.0.0.2:${port}`, by: 'me', reason: '', until: null });
    expect(story.state.service.cordoned).toHaveLength(CORDONED_MAX);
  });
});

describe('a warm-up', () => {
  it('raises the weight in ten equal steps from when it serves, and ends', () => {
    const story = serving(1, { warmUp: 10_000 });
    story.register(9, { weight: 5 });
    expect(desiredServer(story.at(9))?.weight).toBe(5);
    story.up(9);
    const weights: number[] = [];
    for (let turn = 0; turn < 12; turn += 1) {
      weights.push(desiredServer(story.at(9))?.weight ?? 0);
      story.pass(1_000).ring();
    }
    expect(weights).toEqual([5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 50, 50]);
    expect(story.due()).toEqual([]);
  });
});
