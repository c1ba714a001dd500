/** What a replay tells, for people. */

import { printable } from '../printable.ts';
import { formatTable } from '../table.ts';
import type { ReplayReport, Told } from './replay-report.ts';

/** Of a snapshot that differs, so much is shown around the first difference. */
const AROUND = 60;

export function transitionLines({ service, transitions }: Told, time: (ms: number) => string): string {
  return transitions
    .map((one) => `${time(one.time)}  ${printable(service)}  ${printable(one.instance)}  ${one.from} -> ${one.to}  (${one.cause})`)
    .join('\n');
}

export function reportText(
  report: ReplayReport,
  how: { verify: boolean; states: boolean; colour: boolean; time: (ms: number) => string },
): string {
  const lines: string[] = [];
  if (how.states) {
    const rows = report.streams.flatMap(({ states }) => states);
    const cells = rows.map((row) => [
      row.service,
      row.instance,
      row.state,
      row.health,
      how.time(row.since),
      row.weight === null ? '' : String(row.weight),
      row.reason ?? '',
    ]);
    lines.push(formatTable(['service', 'instance', 'state', 'health', 'since', 'weight', 'reason'], cells, how.colour));
  }
  for (const { service, result, failed } of report.streams) {
    if (result === null) {
      lines.push(printable(failed ?? ''));
      continue;
    }
    const { events, transitions, cursor, compared, differing } = result;
    if (events === 0 && how.states) {
      lines.push(`${printable(service)}: its log has nothing by then`);
      continue;
    }
    const verdict =
      compared === 0 ? 'nothing stored to compare with' : differing === 0 ? `equal at ${compared} of ${compared}` : `${differing} DIFFER`;
    lines.push(`${printable(service)}: ${events} events, ${transitions} transitions, up to ${cursor}${how.verify ? `: ${verdict}` : ''}`);
    for (const { what, name, cursor: at, stored, replayed } of result.differences)
      lines.push(`  ${what} ${printable(name)} at ${at}: ${printable(contrast(stored, replayed))}`);
  }
  if (report.streams.length === 0) lines.push('there is no log of a service');
  const { count, told, noted, notes } = report.skipped;
  if (count > 0) lines.push(`${count} left out because they are bad:`, ...told.map((one) => `  ${printable(one)}`));
  if (noted > 0) lines.push(`${noted} noted, nothing was left out for it:`, ...notes.map((one) => `  ${printable(one)}`));
  return lines.join('\n');
}

/** The parts that differ first. */
function contrast(stored: string | null, replayed: string | null): string {
  if (stored === null || replayed === null) return stored === null ? 'it is not stored' : 'it is stored, the replay has none';
  let at = 0;
  while (at < stored.length && stored[at] === replayed[at]) at += 1;
  const from = Math.max(0, at - AROUND);
  return `stored …${stored.slice(from, at + AROUND)}… replayed …${replayed.slice(from, at + AROUND)}…`;
}
