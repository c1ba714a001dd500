/** `status` of a fleet: what is troubled first, and the rest counted. */
import { describe, expect, it } from 'vitest';
import { printReport } from '../../cli/status/print-report.ts';
import type { BackendStatus, ProxyStatus, StatusReport } from '../../cli/status/report.ts';
import { STATUS_FORMAT } from '../../cli/status/report.ts';
import { rolloutStatus } from '../../cli/status/rollout.ts';
import { DEFAULTS, type RolloutStop } from '../../shared/model/rollout.ts';

const NOW = 1_700_000_000_000;
const SERVICES = 20;

function backends(state: string, detail: string | null = null): BackendStatus[] {
  return Array.from({ length: SERVICES }, (_, index) => {
    return { service: `s${index}`, state, since: NOW - 5_000, revision: 1, detail, nextTry: null, overrides: [] };
  });
}

function proxy(index: number, changes: Partial<ProxyStatus> = {}): ProxyStatus {
  const known = {
    version: '2.6.12',
    worker: 4_711,
    oldWorkers: 0,
    lastSeen: NOW,
    live: true,
    hearing: null,
    unreachable: null,
    breaker: null,
  };
  return { proxy: `edge-${index}`, pool: 'edge', ...known, dirty: 0, backends: backends('in-sync'), lastReload: null, ...changes };
}

function text(proxies: readonly ProxyStatus[], changes: Partial<StatusReport> = {}): string {
  const rollout = { reloading: [], stopped: [] };
  const report = {
    format: STATUS_FORMAT,
    at: NOW,
    services: [],
    instances: [],
    watchers: [],
    registrars: [],
    queues: [],
    rollout,
    proxies,
    ...changes,
  } as const;
  return printReport(report, { colour: false, only: null });
}

describe('50 proxies with 20 services each', () => {
  const fleet = Array.from({ length: 50 }, (_, index) => proxy(index));

  it('in sync are a line', () => {
    expect(text(fleet)).toContain('PROXIES: 50 in sync');
    expect(text(fleet).split('\n').length).toBeLessThan(10);
  });

  it('of which one is unreachable and one is blocked show those first, what is the same of many services once', () => {
    const blocked = backends('in-sync').map((one, index) => (index === 3 ? { ...one, state: 'blocked', detail: 'no-such-keyword' } : one));
    const some = fleet
      .with(30, proxy(30, { backends: blocked }))
      .with(40, proxy(40, { unreachable: 'refused', backends: backends('unreachable', 'refused') }));
    const lines = text(some).split('\n');
    const at = (what: string): number => lines.findIndex((line) => line.startsWith(what));
    expect(at('edge-40')).toBeGreaterThan(0);
    expect(at('edge-30')).toBe(at('edge-40') + 1);
    expect(lines.join('\n')).toContain('and 48 in sync');
    expect(lines.filter((line) => line.startsWith('edge-40'))).toHaveLength(2);
    expect(lines.join('\n')).toContain('s0 and 19 more');
    expect(lines.length).toBeLessThan(20);
  });

  it('and their queues: only those that are not empty', () => {
    const empty = { waiting: 0, active: 0, delayed: 0, failed: 0 };
    const queues = fleet
      .map(({ proxy: id }) => ({ queue: `proxies.${id}`, ...empty }))
      .with(7, { queue: 'proxies.edge-7', ...empty, waiting: 3 });
    const shown = text(fleet, { queues });
    expect(shown).toContain('proxies.edge-7');
    expect(shown).toContain('49 more queues are empty');
    expect(shown).not.toContain('proxies.edge-8');
  });
});

describe('a rollout that stopped', () => {
  const stop: RolloutStop = { what: 's1', proxy: 'edge-7', structure: 'a', reason: 'refused', at: NOW };
  const waiting = (service: string) => backends('in-sync').map((one) => (one.service === service ? { ...one, state: 'blocked' } : one));

  it('counts those that have it, and is told first', () => {
    const fleet = Array.from({ length: 50 }, (_, index) => proxy(index, index < 3 ? {} : { backends: waiting('s1') }));
    const rollout = rolloutStatus([], [stop], fleet);
    expect(rollout.stopped).toMatchObject([{ what: 's1', proxy: 'edge-7', done: 3, of: 50 }]);
    expect(text(fleet, { rollout }).split('\n')[0]).toContain('rollout of s1 STOPPED at edge-7: 3 of 50 done');
  });

  it('of the managed defaults counts proxies of which every service waits', () => {
    const fleet = Array.from({ length: 5 }, (_, index) => proxy(index, index === 0 ? {} : { backends: backends('blocked') }));
    expect(rolloutStatus([], [{ ...stop, what: DEFAULTS }], fleet).stopped).toMatchObject([{ what: null, done: 1, of: 5 }]);
  });

  it('at two proxies is told of each, and neither counts as one that has it', () => {
    const fleet = Array.from({ length: 5 }, (_, index) => proxy(index, index < 2 ? { backends: waiting('s1') } : {}));
    const stops = ['edge-3', 'edge-4'].map((id) => ({ ...stop, proxy: id }));
    expect(rolloutStatus([], stops, fleet).stopped).toMatchObject(
      stops.map(({ proxy: id }) => ({ what: 's1', proxy: id, done: 1, of: 5 })),
    );
  });

  it('is nobody else’s trouble when only the proxy that failed is without it', () => {
    const fleet = Array.from({ length: 9 }, (_, index) => proxy(index, index === 7 ? { backends: waiting('s1') } : {}));
    expect(rolloutStatus([], [stop], fleet).stopped).toEqual([]);
  });

  it('that took servers down is told with its reason, also of the only proxy', () => {
    const down = { ...stop, proxy: 'edge-0', reason: '3 of 4 servers are down with them', up: { s1: { up: 4, ready: 4 } } };
    const rollout = rolloutStatus([], [down], [proxy(0)]);
    expect(rollout.stopped).toMatchObject([{ what: 's1', proxy: 'edge-0', done: 0, of: 1 }]);
    expect(text([proxy(0)], { rollout }).split('\n')[0]).toContain('rollout of s1 STOPPED at edge-0: 3 of 4 servers are down with them');
  });
});
