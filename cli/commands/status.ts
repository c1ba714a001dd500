/** `pointsman status [SERVICE]`: how services, instances, proxies and queues stand, from Redis alone. Exit 0; 1 when Redis does not answer. */
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { jsonText } from '../json-text.ts';
import { withPorts } from '../redis-ports.ts';
import { printReport } from '../status/print-report.ts';
import { readReport } from '../status/read-report.ts';
import { wantsColour } from '../table.ts';

const JSON_HELP = `
--json prints one object, times in ms since the epoch. New keys may come; none changes its meaning while format is 1:
  format, at
  services[]   service, config (published | unread | retired), path, activePath, mode, check, listen, waitsFor, revision, states { <state>: count }, inRotation,
               outage (why none is; or null),
               guard { state (open | holding | releasing), held, since, until }, lag { events, more, ms }
  instances[]  service, instance, state, since, health { word, up, down, unknown }, weight, address, znodes[], reason, until,
               ignored[] (server options that it asks for in vain), witnesses[] proxy, verdict (up | down | unknown), since (at most 16)
  proxies[]    proxy, pool, version, worker, oldWorkers, lastSeen, live, unreachable, dirty, lastReload { at, reason, failed },
               hearing { by (ring | poll), detail }, breaker (null, or state, detail, since, nextTry),
               backends[] service, state, since, revision, detail, nextTry, overrides[] { server, instance, what, since }
  watchers[]   watcher, leader, lastSeen, live, connected, since, problem, services, troubled[] { service, why (path | stale | refused), detail }
  queues[]     queue, waiting, active, delayed, failed
  rollout      reloading[] (proxies that reload, or have yet to prove it), stopped[] what (a service; null: the managed defaults), proxy, reason, at, done, of
Exit code 0; 1 when Redis does not answer.`;

export function register(command: Command, context: CliContext): void {
  command
    .argument('[service]', 'only this service, with all of its instances and backends')
    .option('--json', 'answer in JSON')
    .addHelpText('after', JSON_HELP)
    .action((service: string | undefined, options: { json?: boolean }) => status(context, service ?? null, options.json === true));
}

async function status(context: CliContext, only: string | null, json: boolean): Promise<void> {
  const config = await context.loadConfig('redis');
  const report = await withPorts(config, (ports) => readReport(config, ports, only, Date.now()));
  context.print(json ? jsonText(report) : printReport(report, { colour: wantsColour(process.stdout, process.env), only }));
}
