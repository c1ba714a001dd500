/** PURE. What reading registrations and making them cost, as tables for people. */
import type { CodecsFound } from './codecs.ts';
import type { RegistrarFound } from './registrar.ts';
import { numbers, table, targetsTable } from './report.ts';

export function codecsTable({ rows }: CodecsFound): string {
  const lines = rows.map(({ what, bytes, perSecond, toParse }) => {
    const { n, p50, max } = perSecond;
    return [what, bytes, n, p50, max, toParse].map(String);
  });
  return `Payloads a second, one core
${table([['', 'bytes', 'n', 'p50', 'most', 'time to JSON.parse'], ...lines])}\n`;
}

export function registrarTable({ crowd, gone, there, traffic, targets }: RegistrarFound): string {
  const rows = [
    ['', 'n', 'p50', 'p90', 'p99', 'max'],
    ['znode gone after a failing check: pointsman', ...numbers(gone.pointsman)],
    ['the same, bare script', ...numbers(gone.bare)],
    ['znode there after a good check: pointsman', ...numbers(there.pointsman)],
    ['the same, bare script', ...numbers(there.bare)],
    ['first answer through HAProxy after a good check', ...numbers(traffic.add)],
    ['out of its turn there after a failing check', ...numbers(traffic.remove)],
  ];
  return `The registrar: ${crowd.entries} entries, a check every ${crowd.everyMs} ms each: ${crowd.cores} of a core, ${crowd.megabytes} MiB resident
From the check to what follows (ms)
${table(rows)}

${targetsTable({ targets })}`;
}
