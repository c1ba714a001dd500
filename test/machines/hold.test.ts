/** What keeps instances whose registration ended, and what lets them go: the hold, the last server, a registry that goes backwards. Stories over the pure fold. */
import { describe, expect, it } from 'vitest';
import { type Story, serviceConfig } from '../support/service-events.ts';
import { serving, states } from '../support/serving.ts';

describe('what is held', () => {
  it('goes when every proxy that looked sees it down, whether that was seen before its loss or after it', () => {
    for (const before of [true, false]) {
      const story = serving(5);
      if (before) story.down('10.0.0.1:1');
      for (let port = 2; port <= 4; port += 1) story.deregister(port);
      story.deregister(1);
      expect(story.at(1).state).toBe(before ? 'draining' : 'held');
      if (!before) story.down('10.0.0.1:1');
      expect(states(story, 5)).toEqual({ draining: 1, held: 3, serving: 1 });
    }
  });

  it('goes by what was seen also when it was draining before the hold began', () => {
    const story = serving(4);
    story.down('10.0.0.1:1').deregister(1);
    for (let port = 2; port <= 3; port += 1) story.deregister(port);
    expect(states(story, 4)).toEqual({ draining: 1, held: 2, serving: 1 });
    expect(story.state.service.guard.context.losses.map(({ instance }) => instance)).toEqual(['10.0.0.1:2', '10.0.0.1:3']);
  });

  it('stays while one proxy sees it up, and the guard opens when the last of them is seen down', () => {
    const story = serving(4);
    for (let port = 1; port <= 3; port += 1) story.deregister(port);
    story.tell({ type: 'health', proxy: 'p2', verdicts: [{ instance: '10.0.0.1:1', from: 'absent', to: 'down' }] });
    expect(story.at(1).state).toBe('held');
    for (let port = 1; port <= 3; port += 1) story.down(`10.0.0.1:${port}`);
    expect(states(story, 4)).toEqual({ draining: 3, serving: 1 });
    expect(story.state.service.guard.state).toBe('open');
  });
});

it('what is held goes when policy forbids its address, the last server too', () => {
  const story = serving(4);
  for (let port = 1; port <= 3; port += 1) story.deregister(port);
  expect(states(story, 4)).toEqual({ held: 3, serving: 1 });
  const nowhere = { cidrs: ['192.168.0.0/16'], loopback: false, names: true };
  story.tell({ type: 'configured', config: serviceConfig({ allow: nowhere }) });
  expect(states(story, 4)).toEqual({ draining: 3, rejected: 1 });
  expect(story.state.service.guard.state).toBe('open');
});

describe('the last server that HAProxy sees up', () => {
  const off = { maxLoss: 1, window: 10_000, hold: 300_000 };
  const kept = (changes: Parameters<typeof serviceConfig>[0] = {}): Story => {
    const story = serving(2, { guard: off, ...changes });
    story.deregister(1);
    story.deregister(2);
    expect(states(story, 2)).toEqual({ draining: 1, held: 1 });
    return story;
  };

  it('stays for however long it is up', () => {
    const story = kept();
    for (let hour = 0; hour < 30; hour += 1) story.pass(3_600_000).ring();
    expect(story.at(2).state).toBe('held');
  });

  it('goes when it is seen down', () => {
    expect(kept().down('10.0.0.1:2').at(2).state).toBe('draining');
  });

  it('goes when an operator releases it', () => {
    const story = kept();
    story.tell({ type: 'released', by: 'me', reason: '' });
    expect(story.at(2).state).toBe('draining');
  });

  it('goes when another one is up, and not when another one is only registered', () => {
    const story = kept();
    story.register(3);
    expect(story.at(2).state).toBe('held');
    story.up(3);
    expect(story.at(2).state).toBe('draining');
  });

  it('goes after hold where there is no check', () => {
    const story = kept({ check: { type: 'none' } });
    story.pass(299_999).ring();
    expect(story.at(2).state).toBe('held');
    story.pass(1).ring();
    expect(story.at(2).state).toBe('draining');
  });

  it('stays when there is a check by the time that hold is over, and goes when there is none any more', () => {
    const story = kept({ check: { type: 'none' } });
    story.pass(1_000).tell({ type: 'configured', config: serviceConfig({ guard: off }) });
    story.pass(300_000).ring();
    expect(story.at(2).state).toBe('held');
    story.tell({ type: 'configured', config: serviceConfig({ guard: off, check: { type: 'none' } }) });
    story.ring();
    expect(story.at(2).state).toBe('draining');
  });

  it('is relieved by the one that is let out of quarantine because nobody is up any more', () => {
    const story = serving(4, { guard: off, flap: { transitions: 1, window: 60_000, quarantine: 60_000 } });
    for (let turn = 0; turn < 2; turn += 1) {
      story.down('10.0.0.1:1');
      story.up(1, 'down');
    }
    expect(story.state.service.quarantined).toEqual(['10.0.0.1:1']);
    for (let port = 2; port <= 4; port += 1) story.deregister(port);
    expect(story.state.service.last?.instance).toBe('10.0.0.1:4');
    story.tell({ type: 'health', proxy: 'p1', verdicts: [{ instance: '10.0.0.1:4', from: 'up', to: 'absent' }] });
    expect(story.state.service.quarantined).toEqual([]);
    expect(story.at(4).state).toBe('draining');
    expect(story.state.service.last).toBeNull();
  });
});

describe('a registry that goes backwards', () => {
  it.each([
    ['a release', { type: 'released', by: 'me', reason: '' }],
    ['an operator trusts it', { type: 'trusted', by: 'me' }],
  ] as const)('freezes removals until %s, however long that takes', (_what, event) => {
    const story = serving(4);
    story.tell({ type: 'backwards', seen: '9', found: '8' });
    story.deregister(1);
    expect(states(story, 4)).toEqual({ held: 1, serving: 3 });
    for (let hour = 0; hour < 30; hour += 1) story.pass(3_600_000).ring();
    expect(states(story, 4)).toEqual({ held: 1, serving: 3 });
    story.tell(event);
    expect(states(story, 4)).toEqual({ draining: 1, serving: 3 });
  });

  it('freezes what was held already, and the last server too', () => {
    const story = serving(2, { guard: { maxLoss: 1, window: 10_000, hold: 1_000 }, check: { type: 'none' } });
    story.deregister(1);
    story.deregister(2);
    story.tell({ type: 'backwards', seen: '9', found: '8' });
    story.pass(3_600_000).ring();
    expect(states(story, 2)).toEqual({ gone: 1, held: 1 });
  });
});
