/** The guard against mass loss, told as stories over the pure fold. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { desiredServer } from '../../machines/projection.ts';
import { canonical } from '../../shared/model/canonical.ts';
import { brokenOfFold } from '../support/fold-invariants.ts';
import { runs } from '../support/property.ts';
import { Story, serviceConfig } from '../support/service-events.ts';
import { serving, states } from '../support/serving.ts';

describe('the guard', () => {
  it('believes losses within the budget at once', () => {
    const story = serving(10);
    for (let port = 1; port <= 5; port += 1) story.deregister(port);
    expect(states(story, 10)).toEqual({ draining: 5, serving: 5 });
    expect(story.state.service.guard.state).toBe('open');
  });

  it('holds all of them when one more is lost within the window: what was draining is ready again', () => {
    const story = serving(10);
    for (let port = 1; port <= 6; port += 1) story.pass(100).deregister(port);
    expect(states(story, 10)).toEqual({ held: 6, serving: 4 });
    expect(desiredServer(story.at(1))?.admin).toBe('ready');
  });

  it('does not count losses that are further apart than the window', () => {
    const story = serving(10);
    for (let port = 1; port <= 6; port += 1) story.pass(5_001).deregister(port);
    expect(story.state.service.guard.state).toBe('open');
    expect(states(story, 10).held).toBeUndefined();
  });

  it('measures against the highest count of the last hold, also after a quiet time', () => {
    const story = serving(10).pass(3_600_000);
    for (let port = 1; port <= 5; port += 1) story.pass(10).deregister(port);
    expect(story.state.service.guard.state).toBe('open');
    story.deregister(6);
    expect(story.state.service.guard.state).toBe('holding');
  });

  it('does not count an instance that came back', () => {
    const story = serving(10);
    for (let round = 0; round < 5; round += 1) {
      for (let port = 1; port <= 3; port += 1) story.pass(10).deregister(port);
      for (let port = 1; port <= 3; port += 1) story.pass(10).register(port);
    }
    expect(states(story, 10)).toEqual({ serving: 10 });
  });

  it('lets adds through and ends when the lost are back', () => {
    const story = serving(4);
    for (let port = 1; port <= 4; port += 1) story.deregister(port);
    story.register(9);
    expect(story.at(9).state).toBe('joining');
    for (let port = 1; port <= 4; port += 1) story.register(port);
    expect(story.state.service.guard.state).toBe('open');
    expect(states(story, 4)).toEqual({ serving: 4 });
  });

  it('lets go of one that is back with bad data: its hold has ended, and its last good form stays', () => {
    const story = serving(4);
    for (let port = 1; port <= 3; port += 1) story.deregister(port);
    story.spoil(1);
    expect(story.at(1).state).toBe('serving');
    for (let minute = 0; minute < 20; minute += 1) story.pass(60_000).ring();
    expect(states(story, 4)).toEqual({ serving: 2, gone: 2 });
  });

  it('lets go of one that is back and refused: the release does not end it while its znode stands', () => {
    const story = serving(4);
    for (let port = 1; port <= 3; port += 1) story.deregister(port);
    story.tell({ type: 'configured', config: serviceConfig({ allow: { cidrs: ['192.168.0.0/16'], loopback: false, names: true } }) });
    story.register(1);
    for (let minute = 0; minute < 20; minute += 1) story.pass(60_000).ring();
    expect(story.at(1).state).toBe('rejected');
    expect(story.state.service.guard.state).toBe('open');
  });

  it('lets them go after hold, 15 % of the instances a minute', () => {
    const story = serving(20);
    for (let port = 1; port <= 20; port += 1) story.deregister(port);
    expect(states(story, 20)).toEqual({ held: 20 });
    story.pass(300_000).ring();
    expect(story.state.service.guard.state).toBe('releasing');
    for (let minute = 1; minute <= 2; minute += 1) {
      for (let second = 0; second < 60; second += 1) story.pass(1_000).ring();
      expect(states(story, 20).held).toBe(20 - 3 * minute);
    }
    for (let second = 0; second < 600; second += 1) story.pass(1_000).ring();
    // The last that HAProxy sees up stays until it is seen down.
    expect(states(story, 20)).toEqual({ gone: 19, held: 1 });
    expect(story.state.service.guard.state).toBe('open');
    story
      .down(story.state.service.last?.instance ?? '')
      .pass(30_000)
      .ring();
    expect(states(story, 20)).toEqual({ gone: 20 });
  });

  it('holds the only instance of a service', () => {
    const story = serving(1);
    story.deregister(1);
    expect(story.at(1).state).toBe('held');
  });

  it('comes back to open when an operator releases it, and what was held drains', () => {
    const story = serving(4);
    for (let port = 1; port <= 3; port += 1) story.deregister(port);
    expect(states(story, 4)).toEqual({ held: 3, serving: 1 });
    story.tell({ type: 'released', by: 'me', reason: '' });
    expect(states(story, 4)).toEqual({ draining: 3, serving: 1 });
    expect(story.state.service.guard.state).toBe('open');
  });

  it('lets at least one a minute go, however few there are', () => {
    const story = serving(3);
    for (let port = 1; port <= 2; port += 1) story.deregister(port);
    story.pass(300_000).ring();
    for (let minute = 1; minute <= 2; minute += 1) {
      story.pass(59_999).ring();
      expect(states(story, 3).held).toBe(3 - minute);
      story.pass(1).ring();
      expect(states(story, 3).held ?? 0).toBe(2 - minute);
    }
  });

  it('keeps on its list who was gone before it began: the hold is not over when only the others are back', () => {
    const story = serving(4, { drainTimeout: 1_000 });
    for (let port = 1; port <= 2; port += 1) story.pass(1_000).deregister(port);
    story.pass(1_000).ring();
    story.deregister(3);
    expect(states(story, 4)).toEqual({ gone: 2, held: 1, serving: 1 });
    story.register(3);
    expect(story.state.service.guard.state).toBe('holding');
    for (let port = 1; port <= 2; port += 1) story.register(port);
    expect(story.state.service.guard.state).toBe('open');
  });

  it('remembers no more counts than its slices, however fast and for however short a time', () => {
    const story = new Story(serviceConfig({ guard: { maxLoss: 0.5, window: 0, hold: 0 } }));
    for (let port = 1; port <= 200; port += 1) story.register(port);
    for (let port = 1; port <= 80; port += 1) story.deregister(port);
    expect(story.state.service.guard.context.peaks.length).toBeLessThanOrEqual(3);
  });

  it('is off with maxLoss 1', () => {
    const story = serving(3, { guard: { maxLoss: 1, window: 10_000, hold: 300_000 } });
    for (let port = 1; port <= 3; port += 1) story.deregister(port);
    expect(states(story, 3)).toEqual({ draining: 2, held: 1 });
    expect(story.state.service.guard.state).toBe('open');
  });
});

type Act =
  | { kind: 'register' | 'deregister' | 'up' | 'down' | 'spoil' | 'double' | 'undouble' | 'cordon' | 'uncordon'; port: number }
  | { kind: 'release' | 'freeze' | 'trust' }
  | { kind: 'pass'; ms: number }
  | { kind: 'allow'; cidr: string };

/** What beside the guard moves instances. */
const LIVELY = { flap: { transitions: 3, window: 60_000, quarantine: 60_000 }, warmUp: 100_000 };

/** Another name for the address of a port. */
const TWIN = 'twin';

/** One narrows what is allowed, so that whoever is accepted is refused; the other widens it again. */
const CIDRS = ['192.168.0.0/16', '0.0.0.0/0'];

function perform(story: Story, act: Act): void {
  switch (act.kind) {
    case 'pass':
      story.pass(act.ms).ring();
      break;
    case 'allow':
      story.tell({ type: 'configured', config: serviceConfig({ ...LIVELY, allow: { cidrs: [act.cidr], loopback: true, names: true } }) });
      break;
    case 'double':
      story.register(act.port, { host: TWIN }, `${TWIN}:${act.port}`);
      break;
    case 'undouble':
      story.deregister(act.port, `${TWIN}:${act.port}`, TWIN);
      break;
    case 'down':
      story.down(`10.0.0.1:${act.port}`);
      break;
    case 'cordon':
      story.tell({
        type: 'cordoned',
        instance: `10.0.0.1:${act.port}`,
        by: 'me',
        reason: 'why',
        until: act.port > 3 ? story.now + 90_000 : null,
      });
      break;
    case 'uncordon':
      story.tell({ type: 'uncordoned', instance: `10.0.0.1:${act.port}` });
      break;
    case 'release':
      story.tell({ type: 'released', by: 'me', reason: '' });
      break;
    case 'trust':
      story.tell({ type: 'trusted', by: 'me' });
      break;
    case 'freeze':
      story.tell({ type: 'backwards', seen: '9', found: '8' });
      break;
    case 'register':
    case 'deregister':
    case 'spoil':
    case 'up':
      story[act.kind](act.port);
  }
}

describe('any story', () => {
  const port = fc.integer({ min: 1, max: 6 });
  const act: fc.Arbitrary<Act> = fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('register' as const), port }) },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('deregister' as const), port }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('up' as const, 'down' as const), port }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('cordon' as const, 'uncordon' as const), port }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('release' as const, 'freeze' as const, 'trust' as const) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('spoil' as const), port }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('double' as const, 'undouble' as const), port }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('allow' as const), cidr: fc.constantFrom(...CIDRS) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 400_000 }) }) },
  );
  const play = (acts: readonly Act[]): Story => {
    const story = new Story(serviceConfig(LIVELY));
    for (const next of acts) perform(story, next);
    return story;
  };

  it('keeps its books: counts, ids and claims agree with the instances', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60, size: 'max' }), (acts) => {
        expect(brokenOfFold(play(acts).state)).toEqual([]);
      }),
      runs(500),
    );
  });

  it('gives the same bytes when it is told again', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 40, size: 'max' }), (acts) => {
        const told = (story: Story): string => canonical([story.state.service, [...story.state.instances], [...story.state.addresses]]);
        expect(told(play(acts))).toBe(told(play(acts)));
      }),
      runs(200),
    );
  });

  it('ends with nothing left when all are deregistered and time passes', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 40, size: 'max' }), (acts) => {
        const story = play(acts);
        for (let port = 1; port <= 6; port += 1) {
          story.deregister(port);
          perform(story, { kind: 'undouble', port });
        }
        story.tell({ type: 'released', by: 'test', reason: '' });
        for (let turn = 0; turn < 40; turn += 1) story.pass(400_000).ring();
        expect([...story.state.instances.values()].every((snapshot) => snapshot === null || snapshot.state === 'gone')).toBe(true);
        expect(story.state.service.guard.state).toBe('open');
      }),
      runs(200),
    );
  });
});
