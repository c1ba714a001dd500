/**
 * `pointsman replay`: folds an event log again through the machines, from an export or from Redis, with nothing else. Exit 0; 3 when `--verify` finds
 * differences, 2 for a bad export, 1 when a log cannot be replayed or nothing could be compared.
 */
import type { Command } from 'commander';
import type { EventId } from '../../shared/model/ids.ts';
import { LogSource } from '../../shared/redis/log-source.ts';
import type { CliContext } from '../context.ts';
import { instantText } from '../instant.ts';
import { jsonLine } from '../json-text.ts';
import { MOMENT_HELP, parseMoment, pastTime } from '../moment.ts';
import { withPorts } from '../redis-ports.ts';
import { ProgressBar } from '../replay/progress-bar.ts';
import { replayFile } from '../replay/replay-file.ts';
import { replayLog } from '../replay/replay-log.ts';
import type { Listener, ReplayReport, ReplayRequest } from '../replay/replay-report.ts';
import { reportText, transitionLines } from '../replay/replay-text.ts';
import { keysOf } from '../scratch-keys.ts';
import { wantsColour } from '../table.ts';
import { unknownService } from '../unknown-service.ts';

const HELP = `
Transitions are printed as they are found, each service's in order. --until gives the state of that moment. ${MOMENT_HELP}
--verify compares with the snapshots that are stored (in Redis, or in the export), byte for byte.
--json prints one object a line: { transition: { service, instance, from, to, time, cause } }, then one
  { replay: { streams[] { service, result { events, transitions, cursor, compared, differing, differences[] }, failed, states[] }, skipped { count, told[], noted, notes[] } } }
Exit code 0. 3: --verify found differences. 2: the export is damaged. 1: a log cannot be replayed, or there is nothing to compare with.`;

interface Options {
  readonly file?: string;
  readonly service?: string;
  readonly until?: string;
  readonly verify?: boolean;
  readonly skipBad?: boolean;
  readonly quiet?: boolean;
  readonly as?: string;
  readonly json?: boolean;
}

export function register(command: Command, context: CliContext): void {
  command
    .option('--file <file>', 'an export; without it, the log in Redis')
    .option('--service <name>', 'only this service')
    .option('--until <time|id>', 'no further than this, and the state at the end')
    .option('--verify', 'compare with the stored snapshots')
    .option('--skip-bad', 'leave out what is bad, and count it')
    .option('--quiet', 'do not print the transitions')
    .option('--as <name>', 'of the scratch space of this name')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', HELP)
    .action((options: Options) => replay(context, options));
}

async function replay(context: CliContext, options: Options): Promise<void> {
  const request: ReplayRequest = {
    service: options.service ?? null,
    until: options.until === undefined ? null : untilOf(options.until),
    verify: options.verify === true,
    skipBad: options.skipBad === true,
    states: options.until !== undefined,
    transitions: options.quiet !== true,
  };
  const bar = new ProgressBar(process.stderr);
  const json = options.json === true;
  const listener: Listener = {
    transitions: async (told) => {
      bar.clear();
      const lines = json
        ? told.transitions.map((one) => jsonLine({ transition: { service: told.service, ...one } })).join('\n')
        : transitionLines(told, instantText);
      await context.write(lines);
    },
    progress: (done, total) => bar.show(done, total),
  };
  const report =
    options.file === undefined ? await fromRedis(context, options, request, listener) : await replayFile(options.file, request, listener);
  bar.clear();
  if (json) await context.write(jsonLine({ replay: report }));
  else await context.write(reportText(report, { ...request, colour: wantsColour(process.stdout, process.env), time: instantText }));
  context.exitCode = exitCodeOf(report, request);
}

/** @throws PointsmanError USAGE: no moment, or one that is yet to come. */
function untilOf(text: string): EventId {
  const now = Date.now();
  pastTime(text, now);
  return parseMoment(text, 'last', now);
}

async function fromRedis(context: CliContext, options: Options, request: ReplayRequest, listener: Listener): Promise<ReplayReport> {
  const config = await context.loadConfig('redis');
  return withPorts(config, async (ports) => {
    const source = new LogSource(ports.redis, await keysOf(ports, options.as));
    const known = await source.services();
    const { service } = request;
    if (service !== null && !known.includes(service)) throw unknownService(service, known);
    return replayLog(source, service === null ? known : [service], request, listener);
  });
}

function exitCodeOf({ streams }: ReplayReport, { verify }: ReplayRequest): 0 | 1 | 3 {
  if (streams.some(({ result }) => result !== null && result.differing > 0)) return 3;
  if (streams.some(({ failed }) => failed !== null)) return 1;
  return verify && !streams.some(({ result }) => result !== null && result.compared > 0) ? 1 : 0;
}
