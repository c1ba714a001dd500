/** What new options have to come back to, and what counts as come back. */
import { describe, expect, it } from 'vitest';
import type { ObservedServer } from '../../shared/model/observed.ts';
import { DEFAULTS, type OwnRollout } from '../../shared/model/rollout.ts';
import { countedBefore, judged } from '../../workers/reconciler/health-gate.ts';
import type { ProxyAgent } from '../../workers/reconciler/proxy-agent.ts';
import type { Attempt } from '../../workers/reconciler/reload-attempt.ts';
import { serviceConfig } from '../support/service-events.ts';

type State = Pick<ObservedServer, 'admin' | 'operation' | 'check'>;
const UP: State = { admin: 'ready', operation: 'running', check: 'passed' };
const DOWN: State = { admin: 'ready', operation: 'stopped', check: 'failed' };
/** Just loaded. */
const NEW: State = { admin: 'ready', operation: 'running', check: 'pending' };
const AWAY: State = { admin: 'drain', operation: 'running', check: 'passed' };

const WEB = serviceConfig({
  check: { type: 'tcp', interval: 2_000, rise: 2, fall: 3 },
  timeouts: { ...serviceConfig().timeouts, check: 500 },
});
const UNCHECKED = serviceConfig({ check: { type: 'none' } });
const NOTHING: OwnRollout = { changes: new Map(), up: new Map(), stopped: new Map() };
const was = (up: number, ready: number) => new Map([['web', { up, ready }]]);

function backend(...states: readonly State[]) {
  return { servers: new Map(states.map((state, index) => [`s${index}`, state])) };
}

function attempt(states: readonly State[], { tried = true, restamped = false, config = WEB } = {}): Attempt {
  return {
    backends: new Map([['web', backend(...states)]]),
    turn: { tried: new Map(tried ? [['web', 'a']] : []) },
    wanted: { restamped, services: new Map([['web', { config }]]) },
  } as unknown as Attempt;
}

function judge(own: Partial<OwnRollout>, states: readonly State[], { running = ['web'], config = WEB } = {}) {
  const seen = new Map([['web', { desired: { config }, observed: backend(...states) }]]);
  return judged({ seen, config: {} } as unknown as ProxyAgent, { ...NOTHING, ...own }, running, true);
}

describe('what a reload has to come back to', () => {
  it('is what took requests, of what was ready', () => {
    expect(countedBefore(attempt([UP, UP, DOWN, NEW, AWAY]), null)).toEqual(was(2, 4));
    expect(countedBefore(attempt([DOWN]), null)).toEqual(new Map());
    expect(countedBefore(attempt([UP], { config: UNCHECKED }), null)).toEqual(new Map());
    expect(countedBefore(attempt([UP], { tried: false }), null)).toEqual(new Map());
    expect(countedBefore(attempt([UP], { tried: false, restamped: true }), null)).toEqual(was(1, 1));
  });

  it('is no less for options that took servers down before it, unless they are others than those that it changes', () => {
    const stopped = { ...NOTHING, stopped: new Map([['web', was(4, 4)]]) };
    expect(countedBefore(attempt([DOWN, DOWN, DOWN, DOWN]), stopped)).toEqual(was(4, 4));
    expect(countedBefore(attempt([DOWN], { tried: false, restamped: true }), stopped)).toEqual(new Map());
    expect(countedBefore(attempt([DOWN]), { ...NOTHING, up: was(2, 3) })).toEqual(was(2, 3));
  });
});

describe('after the reload', () => {
  const own = { changes: new Map([['web', 'a']]), up: was(2, 3) };

  it('a check that passed counts, one that is still out does not', () => {
    expect(judge(own, [UP, UP, DOWN])).toEqual({ inSync: ['web', DEFAULTS], well: ['web'], ill: [] });
    const { inSync, well, ill } = judge(own, [UP, NEW, DOWN]);
    expect([inSync, well]).toEqual([[DEFAULTS], []]);
    expect(ill[0]).toEqual({ what: 'web', service: 'web', ms: 6_500, reason: '1 of 2 servers are down with them' });
    expect(ill[1]).toMatchObject({ what: DEFAULTS, reason: 'web: 1 of 2 servers are down with them' });
  });

  it('those that were taken out, or are not checked any more, are not waited for', () => {
    expect(judge(own, [UP, DOWN]).well).toEqual(['web']);
    expect(judge(own, [AWAY, UP, DOWN]).well).toEqual(['web']);
    expect(judge(own, [NEW, NEW, NEW], { config: UNCHECKED }).well).toEqual(['web']);
  });

  it('the managed defaults are in sync when every service is as well as it was', () => {
    const all = { ...own, changes: new Map([[DEFAULTS, 'd']]) };
    expect(judge(all, [DOWN, DOWN, DOWN]).inSync).toEqual([]);
    expect(judge(all, [UP, UP, UP]).inSync).toEqual(['web', DEFAULTS]);
    expect(judge(all, [UP, UP, UP], { running: [] }).inSync, 'not looked at').toEqual([]);
  });

  it('what stopped goes on when it is as well as it was before', () => {
    const stopped = { stopped: new Map([['web', was(2, 2)]]) };
    expect(judge(stopped, [DOWN, DOWN]).inSync).toEqual([DEFAULTS]);
    expect(judge(stopped, [UP, UP]).inSync).toEqual(['web', DEFAULTS]);
  });
});
