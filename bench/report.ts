/** PURE. What a run found, as tables for people. */
import type { EventLogFound } from './event-log.ts';
import type { LoadCount, Loss } from './loss.ts';
import type { Results, VariantResult } from './results.ts';
import type { Stages } from './stages.ts';
import type { Summary } from './statistics.ts';
import type { Stage } from './timeline.ts';

const NAMES = { pointsman: 'pointsman', bare: 'bare script on the socket', reload: 'rewrite and reload (-x -sf)' };

export function latencyTable(title: string, results: readonly VariantResult[]): string {
  const rows = [['', 'n', 'p50', 'p90', 'p99', 'max', 'pointsman to it']];
  for (const change of ['add', 'remove'] as const) {
    const ours = results.find(({ variant }) => variant === 'pointsman')?.[change].summary.p50;
    for (const result of results) {
      const { n, p50, p90, p99, max } = result[change].summary;
      const ratio = result.variant === 'pointsman' || ours === undefined ? '' : (ours / p50).toFixed(2);
      rows.push([`${change}  ${NAMES[result.variant]}`, String(n), ...[p50, p90, p99, max].map((ms) => ms.toFixed(1)), ratio]);
    }
  }
  const failed = results.map(({ variant, failedPolls }) => `${variant} ${failedPolls}`).join(', ');
  const last = results.map((result) => `${result.variant} ${result.last.p50.toFixed(1)}`).join(', ');
  return `${title} (ms from the call to the answer that shows it)
${table(rows)}
last answer of what was removed, p50: ${last}
requests of the poller that failed: ${failed}\n`;
}

export function lossTable({ churn, reload }: { readonly churn: Loss; readonly reload: Loss }): string {
  const rows = [['', 'changes', 'reloads', 'keep-alive: failed / sent', 'new: failed / sent', 'slowest ms']];
  for (const [what, loss] of [
    ['instances that come and go', churn],
    ['changes of options', reload],
  ] as const) {
    const slowest = Math.max(loss.kept.slowest, loss.fresh.slowest).toFixed(0);
    rows.push([what, String(loss.changes), String(loss.reloads), ofSent(loss.kept), ofSent(loss.fresh), slowest]);
  }
  const failures = [churn, reload].flatMap(({ kept, fresh }) => [...Object.entries(kept.failures), ...Object.entries(fresh.failures)]);
  const told = failures.map(([what, count]) => `${count} x ${what}\n`).join('');
  return `Requests lost under a steady load\n${table(rows)}\n${told}`;
}

export function stagesTable(what: string, stages: readonly Stage[]): string {
  const rows = [['begins', 'ends', 'took', 'n', '']];
  for (const { starts, ends, took, n, name } of stages) rows.push([starts.toFixed(2), ends.toFixed(2), took.toFixed(2), String(n), name]);
  return `Where the time of ${what} goes in pointsman (traced; medians, ms after the call)\n${table(rows, 4)}\n`;
}

export function perRoundLine({ cpu, redisCommands, serviceJobs, proxyJobs }: Stages['perRound']): string {
  const jobs = `${serviceJobs.toFixed(1)} folds of the service, ${proxyJobs.toFixed(1)} looks at the proxy`;
  return `One create and one delete, until all is quiet: ${cpu.toFixed(1)} ms of CPU, ${redisCommands.toFixed(0)} commands to Redis, ${jobs}\n`;
}

export function eventLogTable({ step, fold, replay, stages, snapshotBytes, target }: EventLogFound): string {
  const megabytes = (replay.bytes / 1024 ** 2).toFixed(0);
  const rows = [
    ['', 'found', ''],
    ['one event, µs: p50', step.p50.toFixed(1), ''],
    ['one event, µs: p99', step.p99.toFixed(1), ''],
    [
      `events folded per second (${fold.events} events, ${fold.instances} instances, one core)`,
      String(fold.perSecond),
      target.met ? `met: ${target.least}` : `MISSED: ${target.least}`,
    ],
    [`replay of ${replay.events} events (${megabytes} MB), s`, replay.seconds.toFixed(1), ''],
    ['its peak RSS, all threads, MB', String(replay.peakMegabytes), ''],
    ['a snapshot of an instance, bytes: p50', String(snapshotBytes.p50), ''],
  ];
  const parts = [...stages.replay, ...stages.fold].map(({ what, each, share }) => [what, each.toFixed(1), `${(share * 100).toFixed(0)} %`]);
  const where = table([['', 'µs an event', 'of it'], ...parts]);
  return `The event log\n${table(rows)}\n\nWhere its time goes (one thread; of a replay, then of its fold)\n${where}\n`;
}

export function targetsTable({ targets }: Pick<Results, 'targets'>): string {
  const rows = [['', 'found', 'at most', '']];
  for (const { what, found, most, met } of targets) rows.push([what, String(found), String(most), met ? 'met' : 'MISSED']);
  return `Targets\n${table(rows)}\n`;
}

function ofSent({ failed, requests }: LoadCount): string {
  return `${failed} / ${requests}`;
}

/** Numbers to the right, the column of names to the left. */
export function table(rows: readonly (readonly string[])[], nameColumn = 0): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => (column === nameColumn ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ');
  return rows.map((row) => `  ${line(row).trimEnd()}`).join('\n');
}

/** A summary as the cells of a row. */
export function numbers({ n, p50, p90, p99, max }: Summary): string[] {
  return [n, p50, p90, p99, max].map(String);
}
