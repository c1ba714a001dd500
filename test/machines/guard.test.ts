/** The guard against mass loss, told as stories over the pure fold. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { desiredServer } from '../../machines/projection.ts';
import { canonical } from '../../machines/snapshot.ts';
import { Story, serviceConfig } from '../support/service-events.ts';

function serving(count: number, changes: Parameters<typeof serviceConfig>[0] = {}): Story {
  const story = new Story(serviceConfig(changes));
  for (let port = 1; port <= count; port += 1) {
    story.register(port);
    story.up(port);
  }
  return story.pass(60_000);
}

function states(story: Story, count: number): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let port = 1; port <= count; port += 1) counts[story.at(port).state] = (counts[story.at(port).state] ?? 0) + 1;
  return counts;
}

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
    expect(states(story, 20)).toEqual({ gone: 20 });
    expect(story.state.service.guard.state).toBe('open');
  });

  it('holds the only instance of a service', () => {
    const story = serving(1);
    story.deregister(1);
    expect(story.at(1).state).toBe('held');
  });

  it('is off with maxLoss 1', () => {
    const story = serving(3, { guard: { maxLoss: 1, window: 10_000, hold: 300_000 } });
    for (let port = 1; port <= 3; port += 1) story.deregister(port);
    expect(states(story, 3)).toEqual({ draining: 3 });
  });
});

type Act = { kind: 'register' | 'deregister' | 'up'; port: number; ms?: never } | { kind: 'pass'; ms: number };

describe('any story', () => {
  const act: fc.Arbitrary<Act> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('register' as const), port: fc.integer({ min: 1, max: 6 }) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('deregister' as const), port: fc.integer({ min: 1, max: 6 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('up' as const), port: fc.integer({ min: 1, max: 6 }) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 400_000 }) }) },
  );
  const play = (acts: readonly Act[]): Story => {
    const story = new Story();
    for (const next of acts) {
      if (next.kind === 'register') story.register(next.port);
      else if (next.kind === 'deregister') story.deregister(next.port);
      else if (next.kind === 'up') story.up(next.port);
      else story.pass(next.ms ?? 0).ring();
    }
    return story;
  };

  it('keeps its books: counts, ids and claims agree with the instances', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
        const { state } = play(acts);
        const instances = [...state.instances.values()].filter((snapshot) => snapshot !== null);
        const registered = instances.filter((snapshot) => snapshot.state === 'joining' || snapshot.state === 'serving');
        expect(state.service.registered).toBe(registered.length);
        const ids = instances.map((snapshot) => snapshot.context.serverId).filter((id) => id !== null);
        expect(new Set(ids).size).toBe(ids.length);
        for (const snapshot of instances) {
          const backed = Object.keys(snapshot.context.znodes).length > 0;
          expect(backed).toBe(snapshot.state === 'joining' || snapshot.state === 'serving' || snapshot.state === 'rejected');
          expect(snapshot.context.timer !== null).toBe(snapshot.state === 'draining');
        }
        const held = instances.filter((snapshot) => snapshot.state === 'held').map((snapshot) => snapshot.context.id);
        const kept = state.service.guard.state === 'open' ? [] : state.service.guard.context.losses.map((loss) => loss.instance);
        expect(held.sort()).toEqual([...kept].sort());
        for (const [key, claim] of state.addresses) {
          if (claim !== null && !key.startsWith('#')) expect(registered.map((snapshot) => snapshot.context.id)).toContain(claim.owner);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('gives the same bytes when it is told again', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
        const told = (story: Story): string => canonical([story.state.service, [...story.state.instances], [...story.state.addresses]]);
        expect(told(play(acts))).toBe(told(play(acts)));
      }),
      { numRuns: 200 },
    );
  });

  it('ends with nothing left when all are deregistered and time passes', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
        const story = play(acts);
        for (let port = 1; port <= 6; port += 1) story.deregister(port);
        for (let turn = 0; turn < 20; turn += 1) story.pass(400_000).ring();
        expect([...story.state.instances.values()].every((snapshot) => snapshot === null || snapshot.state === 'gone')).toBe(true);
        expect(story.state.service.guard.state).toBe('open');
      }),
      { numRuns: 200 },
    );
  });
});
