/** PURE. What applying, a fleet and a new service cost, as tables for people. */
import type { ApplyFound } from './apply.ts';
import type { FleetFound } from './fleet.ts';
import type { NewServiceFound } from './new-service.ts';
import { numbers, table, targetsTable } from './report.ts';

export function applyTable({ one, adds, blocked, targets }: ApplyFound): string {
  const rows = [['servers in all', 'n', 'p50', 'p90', 'p99', 'max', 'bytes of state', 'bytes in all']];
  for (const { servers, ms, stateBytes, bytes } of one) rows.push([String(servers), ...numbers(ms), String(stateBytes), String(bytes)]);
  const added = [['', 'n', 'p50', 'p90', 'p99', 'max']];
  added.push(
    ['pointsman: observe, plan, apply, observe', ...numbers(adds.pointsman)],
    ['bare script, the same lines', ...numbers(adds.bare)],
  );
  return `One change in a backend of 10 servers: observe, plan, apply, observe (ms)
${table(rows)}

${adds.servers} servers added at once (servers a second)
${table(added)}
time of pointsman to that of the script: ${adds.toBare}
event loop held up at most, ms by own work (by the clock): one change ${blocked.one.own} (${blocked.one.clock}), the adds ${blocked.adds.own} (${blocked.adds.clock})

${targetsTable({ targets })}`;
}

export function fleetTable({
  proxies,
  services,
  applied,
  blocks,
  jobsToCatchUp,
  status,
  plan,
  statusLines,
  blocked,
  targets,
}: FleetFound): string {
  const rows = [['', 'n', 'p50', 'p90', 'p99', 'max']];
  for (const [condition, ms] of Object.entries(applied)) rows.push([condition, ...numbers(ms)]);
  rows.push(['status', ...numbers(status)], ['plan, with one that hangs', ...numbers(plan)]);
  return `${proxies} proxies with ${services} services: from the event to the command on each of those that are well (ms)
${table(rows)}
p99 of each ten changes, median of those: ${Object.entries(blocks)
    .map(([condition, p99]) => `${condition} ${p99}`)
    .join(', ')}
jobs that bring one up to date that comes back: ${jobsToCatchUp}; lines of status with one that hangs: ${statusLines}
event loop held up at most while changes are applied, ms by own work (by the clock): ${blocked.own} (${blocked.clock})

${targetsTable({ targets })}`;
}

export function newServiceTable({ ms, reloads, targets }: NewServiceFound): string {
  return `A new service, from its znodes to its first 200 (ms)
${table([
  ['', 'n', 'p50', 'p90', 'p99', 'max'],
  ['check: none, shared frontend', ...numbers(ms)],
])}
reloads meanwhile: ${reloads}

${targetsTable({ targets })}`;
}
