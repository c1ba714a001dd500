/**
 * `pointsman log tail | export | import | drop`: the event logs of services and proxies. Exit 0; 1 when Redis does not answer, 2 for a bad export.
 */
import type { Command } from 'commander';
import { PointsmanError } from '../../shared/errors.ts';
import { SERVICE_EVENT_TYPES } from '../../shared/model/event.ts';
import { PROXY_EVENT_TYPES } from '../../shared/model/proxy-event.ts';
import { LogSource } from '../../shared/redis/log-source.ts';
import { LogTail, type StreamName } from '../../shared/redis/log-tail.ts';
import { ScratchSpace } from '../../shared/redis/scratch-space.ts';
import type { CliContext } from '../context.ts';
import { instantText } from '../instant.ts';
import { jsonLine, jsonText } from '../json-text.ts';
import { entryLine } from '../log/entry-text.ts';
import { writeExport } from '../log/export-writer.ts';
import { importLog } from '../log/import-log.ts';
import { logItems } from '../log/log-items.ts';
import { entriesSince, follow, isChosen, lastEntries, Positions, type Shown, type TailFilter } from '../log/tail.ts';
import { MOMENT_HELP, parseMoment } from '../moment.ts';
import { printable } from '../printable.ts';
import { isOutage, withPorts } from '../redis-ports.ts';
import { keysOf, scratchKeys } from '../scratch-keys.ts';
import { unknownService } from '../unknown-service.ts';

const LINES = 50;
const LINES_MAX = 100_000;

const TAIL_HELP = `
A line is: time, id, stream, who says it, what it says. ${MOMENT_HELP}
--json prints one object a line: stream, name, id, v, type, source, cause, data.`;
const EXPORT_HELP = `
One event a line, as JSON; complete enough to be replayed with nothing else: \`pointsman replay --file F\`.`;

interface TailOptions {
  readonly service?: string;
  readonly proxy?: string;
  readonly instance?: string;
  readonly type?: string;
  readonly since?: string;
  readonly follow?: boolean;
  readonly lines?: string;
  readonly as?: string;
  readonly json?: boolean;
}

export function register(command: Command, context: CliContext): void {
  command
    .command('tail')
    .description('show the last events, and follow them')
    .option('--service <name>', 'only this service')
    .option('--proxy <id>', 'only this proxy; with --service, what it did for that service')
    .option('--instance <instance>', 'only what is about this instance: host:port, or the name of a znode')
    .option('--type <types>', 'only events of these types, with commas between')
    .option('--since <time|id>', 'from then on, instead of the last ones')
    .option('-f, --follow', 'and what comes from now on')
    .option('--lines <n>', `the last n (default ${LINES}; with --since all)`)
    .option('--as <name>', 'of the scratch space of this name')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', TAIL_HELP)
    .action((options: TailOptions) => tail(context, options));
  command
    .command('export')
    .description('write event logs as JSON Lines')
    .option('--service <name>', 'only this service, and no proxies')
    .option('--out <file>', 'to a file, gzip when its name ends in .gz; else to stdout')
    .option('--as <name>', 'of the scratch space of this name')
    .addHelpText('after', EXPORT_HELP)
    .action((options: { service?: string; out?: string; as?: string }) => exportLog(context, options));
  command
    .command('import')
    .description('read an export into a scratch space, never into the live one')
    .argument('<file>', 'what `log export` wrote')
    .requiredOption('--as <name>', 'the name of the scratch space')
    .option('--replace', 'in place of what has that name')
    .option('--skip-bad', 'leave out what is bad, and count it')
    .option('--json', 'answer in JSON')
    .action((file: string, options: { as: string; replace?: boolean; skipBad?: boolean; json?: boolean }) =>
      importFile(context, file, options),
    );
  command
    .command('drop')
    .description('remove a scratch space')
    .requiredOption('--as <name>', 'its name')
    .action((options: { as: string }) => drop(context, options.as));
}

async function tail(context: CliContext, options: TailOptions): Promise<void> {
  const filter: TailFilter = {
    service: options.service ?? null,
    proxy: options.proxy ?? null,
    instance: options.instance ?? null,
    types: options.type === undefined ? null : typesOf(options.type),
  };
  const lines = options.lines === undefined ? null : linesOf(options.lines);
  const since = options.since === undefined ? null : parseMoment(options.since, 'first', Date.now());
  const config = await context.loadConfig('redis');
  await withPorts(config, async (ports) => {
    const logs = new LogTail(ports.redis, await keysOf(ports, options.as));
    const streams = chosenOf(await logs.streams(), filter);
    let count = 0;
    const positions = await Positions.atEnds(logs, streams);
    const show = async (shown: Shown): Promise<void> => {
      count += 1;
      positions.shown(shown);
      await context.write(options.json === true ? shownJson(shown) : shownText(shown));
    };
    if (since === null) for (const shown of await lastEntries(logs, streams, filter, lines ?? LINES)) await show(shown);
    else {
      const last: Shown[] = [];
      for await (const shown of entriesSince(logs, streams, filter, since)) {
        if (lines === null) await show(shown);
        else if (last.push(shown) > lines) last.shift();
      }
      for (const shown of last) await show(shown);
    }
    if (count === 0 && filter.instance !== null)
      context.tell(`nothing${since === null && filter.types === null ? '' : ' of that'} is about ${printable(filter.instance)}`);
    if (options.follow !== true) return;
    const outage = {
      isOutage: (error: unknown) => isOutage(ports, error),
      away: () => context.tell('Redis does not answer: waiting for it'),
      back: () => context.tell('Redis is back'),
    };
    for await (const shown of follow(logs, positions, filter, outage, new AbortController().signal)) await show(shown);
  });
}

/** @throws PointsmanError USAGE: there is no such service or proxy. */
function chosenOf(streams: readonly StreamName[], filter: TailFilter): StreamName[] {
  for (const kind of ['service', 'proxy'] as const) {
    const name = filter[kind];
    if (name === null || streams.some((stream) => stream.of === kind && stream.name === name)) continue;
    const known = streams.filter((stream) => stream.of === kind).map((stream) => stream.name);
    if (kind === 'service') throw unknownService(name, known);
    throw usage(
      `no ${kind} ${JSON.stringify(name)} has a log`,
      known.length === 0 ? 'there is none yet' : `there are: ${known.join(', ')}`,
    );
  }
  return streams.filter((stream) => isChosen(stream, filter));
}

/** @throws PointsmanError USAGE: there is no event of such a type. */
function typesOf(text: string): string[] {
  const types = text.split(',').map((type) => type.trim());
  const unknown = types.find((type) => !SERVICE_EVENT_TYPES.includes(type) && !PROXY_EVENT_TYPES.includes(type));
  if (unknown === undefined) return types;
  throw usage(
    `no event has the type ${JSON.stringify(unknown)}`,
    `of services: ${SERVICE_EVENT_TYPES.join(', ')}; of proxies: ${PROXY_EVENT_TYPES.join(', ')}`,
  );
}

function linesOf(text: string): number {
  const lines = Number(text);
  if (Number.isInteger(lines) && lines >= 0 && lines <= LINES_MAX) return lines;
  throw usage(`--lines is ${JSON.stringify(text)}`, `a whole number from 0 to ${LINES_MAX}`);
}

function shownText({ stream, entry }: Shown): string {
  const name = stream.of === 'service' ? stream.name : `proxy ${stream.name}`;
  return entryLine(name, entry, instantText);
}

function shownJson({ stream, entry: { id, v, type, source, cause, data } }: Shown): string {
  return jsonLine({ stream: stream.of, name: stream.name, id, v, type, source, cause, data });
}

async function exportLog(context: CliContext, options: { service?: string; out?: string; as?: string }): Promise<void> {
  const config = await context.loadConfig('redis');
  const { service, out } = options;
  await withPorts(config, async (ports) => {
    const source = new LogSource(ports.redis, await keysOf(ports, options.as));
    const known = await source.services();
    if (service !== undefined && !known.includes(service)) throw unknownService(service, known);
    const items = service === undefined ? logItems(source, known, await source.proxies()) : logItems(source, [service], []);
    const { streams, events } = await writeExport(items, out ?? process.stdout, 'pointsman', Date.now());
    context.tell(`${events} events of ${streams} ${streams === 1 ? 'log' : 'logs'}${out === undefined ? '' : ` in ${printable(out)}`}`);
  });
}

async function importFile(
  context: CliContext,
  file: string,
  options: { as: string; replace?: boolean; skipBad?: boolean; json?: boolean },
): Promise<void> {
  const config = await context.loadConfig('redis');
  const how = { replace: options.replace === true, skipBad: options.skipBad === true };
  const imported = await withPorts(config, (ports) => importLog(ports, file, options.as, how));
  const { name, streams, events, skipped, noted } = imported;
  const left = `${skipped === 0 ? '' : `, ${skipped} bad lines left out`}${noted === 0 ? '' : `, ${noted} defects noted`}`;
  if (options.json === true) context.print(jsonText(imported));
  else context.print(`${events} events of ${streams} ${streams === 1 ? 'log' : 'logs'} in the scratch space ${name}${left}`);
}

async function drop(context: CliContext, name: string): Promise<void> {
  const config = await context.loadConfig('redis');
  const removed = await withPorts(config, (ports) => new ScratchSpace(ports.redis, scratchKeys(ports, name)).clear());
  context.print(removed === 0 ? `there is no scratch space ${name}` : `the scratch space ${name} is gone (${removed} keys)`);
}

function usage(message: string, hint: string): PointsmanError {
  return new PointsmanError('USAGE', message, { hint, retry: 'terminal' });
}
