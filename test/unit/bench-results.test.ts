/** What the bench makes of its measurements: percentiles, stages, targets, the drawing. The measuring itself is not tested here. */
import { expect, test } from 'vitest';
import { parseOptions } from '../../bench/options.ts';
import { plot } from '../../bench/plot.ts';
import { eventLogTable, latencyTable, targetsTable } from '../../bench/report.ts';
import { type Results, targetsOf, variantResult } from '../../bench/results.ts';
import { percentile, summary } from '../../bench/statistics.ts';
import { timeline } from '../../bench/timeline.ts';

const measured = (moved: number) => ({ moved, last: moved - 1, answered: 2, from: 0, failed: 0 });

function result(variant: 'pointsman' | 'bare' | 'reload', add: readonly number[], remove: readonly number[]) {
  return variantResult({ variant, add: add.map(measured), remove: remove.map(measured) });
}

const latency = [
  result('pointsman', [9, 10, 11], [8, 9, 30]),
  result('bare', [4, 5, 6], [4, 4, 4]),
  result('reload', [40, 60, 80], [45, 45, 45]),
];

test('percentiles are measured values, by nearest rank, whatever the order', () => {
  expect(percentile([5, 1, 3, 2, 4], 0.5)).toBe(3);
  expect(percentile([1, 2, 3, 4], 0.5)).toBe(2);
  expect(summary(Array.from({ length: 100 }, (_, at) => 100 - at))).toEqual({ n: 100, p50: 50, p90: 90, p99: 99, max: 100 });
});

test('a target is missed by the medians alone, and lost requests are never forgiven', () => {
  const count = { requests: 100, failed: 0, failures: {}, slowest: 1 };
  const lost = { ...count, failed: 1, failures: { ECONNRESET: 1 } };
  const loss = {
    churn: { changes: 2, reloads: 0, kept: count, fresh: count },
    reload: { changes: 1, reloads: 1, kept: lost, fresh: count },
  };
  const targets = new Map(targetsOf({ latency, loss }).map(({ what, found, met }) => [what, { found, met }]));
  expect(targets.get('add: p50 of pointsman to p50 of bare')).toEqual({ found: 2, met: true });
  expect(targets.get('add: p50 of pointsman to p50 of reload')).toEqual({ found: 0.17, met: true });
  expect(targets.get('remove: p50 of pointsman to p50 of bare')).toEqual({ found: 2.25, met: false });
  expect(targets.get('requests lost through churn')).toEqual({ found: 0, met: true });
  expect(targets.get('requests lost through reloads')).toEqual({ found: 1, met: false });
});

test('with checks, an add is held to the same admission recipe and a remove to the socket alone', () => {
  const checked = [result('pointsman', [600], [10]), result('bare', [510], [5])];
  expect(targetsOf({ checked }).map(({ found, most, met }) => ({ found, most, met }))).toEqual([
    { found: 1.18, most: 1.2, met: true },
    { found: 2, most: 2, met: true },
  ]);
});

test('stages count what began before the traffic moved, each turn of a call by itself', () => {
  const mark = (name: string, start: number, end: number) => ({ name, start, end });
  const change = (from: number) => ({
    from,
    moved: 10,
    marks: [
      mark('earlier', from - 3, from - 1),
      mark('send', from + 1, from + 2),
      mark('send', from + 4, from + 7),
      mark('later', from + 11, from + 12),
    ],
  });
  const rare = { ...change(300), marks: [mark('once', 301, 302)] };
  expect(timeline([change(100), change(200), rare])).toEqual([
    { name: 'send', starts: 1, ends: 2, took: 1, n: 2 },
    { name: 'send #2', starts: 4, ends: 7, took: 3, n: 2 },
  ]);
});

test('the tables and the drawing say what was found', () => {
  const results: Results = {
    format: 1,
    date: '2026-01-02',
    machine: { cores: 2, node: 'v24', haproxy: '2.6', load: [0, 1] },
    everyMs: 1,
    latency,
    targets: targetsOf({ latency }),
  };
  expect(latencyTable('Without checks', latency)).toMatch(/add +bare script on the socket +3 +5\.0 +6\.0 +6\.0 +6\.0 +2\.00/);
  expect(targetsTable(results)).toMatch(/remove: p50 of pointsman to p50 of bare +2\.25 +2 +MISSED/);
  const svg = plot(results);
  expect(svg.match(/<polyline/g)).toHaveLength(6);
  expect(svg).not.toMatch(/NaN|Infinity|undefined/);
});

test('the table of the event log says what was found, and what was missed', () => {
  const step = { n: 2, p50: 2.5, p90: 5, p99: 9, max: 20 };
  const target = { what: 'folded', found: 11_000, least: 12_000, met: false };
  const fold = { events: 10, instances: 2, seconds: 1, perSecond: 11_000 };
  const replay = { events: 20, bytes: 1024 ** 2, seconds: 1.5, peakMegabytes: 99 };
  const stages = { fold: [{ what: 'fold of health', each: 1.5, share: 1 }], replay: [{ what: 'parse', each: 2, share: 0.25 }] };
  const told = eventLogTable({ step, fold, replay, stages, snapshotBytes: { ...step, p50: 568 }, target });
  expect(told).toMatch(/one core\) +11000 +MISSED: 12000/);
  expect(told).toMatch(/parse +2\.0 +25 %\n +fold of health +1\.5 +100 %/);
});

test('the command line: a full run is kept, a quick or partial one only where it is told to', () => {
  expect(parseOptions([], 'results')).toMatchObject({ rounds: 100, churns: 200, reloads: 10, out: 'results' });
  expect(parseOptions(['--quick'], 'results')).toMatchObject({ rounds: 20, out: null });
  expect(parseOptions(['--only', 'loss', '--out', 'there'], 'results')).toMatchObject({ parts: ['loss'], out: 'there' });
  expect(() => parseOptions(['--only', 'speed'], 'results')).toThrow(
    '--only knows latency, checked, loss, stages, log, apply, fleet, new-service, codecs, registrar, not speed',
  );
  expect(() => parseOptions(['--rounds', '0'], 'results')).toThrow('--rounds');
  expect(() => parseOptions(['--fast'], 'results')).toThrow();
});
