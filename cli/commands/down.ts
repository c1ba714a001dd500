/**
 * `pointsman down SERVICE [--for 20m] [--reason R]`: what this host registers of the service is withdrawn: no new requests, and when `drain` is over its znode
 * goes. Kept on this host, so it outlives restarts and needs neither Redis nor the registrar to be there. Exit 0 once the znodes are gone; 1 when it is
 * written and they are still there.
 */
import type { Command } from 'commander';
import type { Config } from '../../shared/config/config.ts';
import type { RegisterConfig } from '../../shared/model/register.ts';
import { pause } from '../../shared/runtime/wait.ts';
import { encodedName } from '../../shared/znode/encode.ts';
import { Maintenance } from '../../workers/registrar/maintenance.ts';
import type { CliContext } from '../context.ts';
import { jsonText } from '../json-text.ts';
import { operator } from '../operator.ts';
import { printable } from '../printable.ts';
import { registeredHere } from '../registered-here.ts';
import { endText, untilOf } from '../time-limit.ts';
import { withZookeeper } from '../zookeeper-link.ts';

/** ms beyond the longest `drain` that the registrar may take: it looks twice a second. */
const TAKEN_MS = 5_000;
const LOOK_MS = 100;

interface Options {
  readonly for?: string;
  readonly reason?: string;
  readonly json?: boolean;
}

export function register(command: Command, context: CliContext): void {
  command
    .argument('<service>', 'a service under `register` in the config')
    .option('--for <duration>', 'ends by itself after this time (20m, 2h)')
    .option('--reason <text>', 'why, for whoever looks later')
    .option('--json', 'answer in JSON')
    .addHelpText('after', '\n--json prints one object: service, by, reason, until (ms or null), left[] (znodes that are still there).')
    .action((service: string, options: Options) => down(context, service, options));
}

async function down(context: CliContext, service: string, options: Options): Promise<void> {
  const until = untilOf(options.for);
  const config = await context.loadConfig();
  const entries = registeredHere(config, service);
  const [by, reason] = [operator(), options.reason ?? ''];
  await new Maintenance(config.registrar.state).write(service, { by, reason, until });
  if (options.json !== true)
    context.print(`${printable(service)} is down on this host ${endText(until, `pointsman up ${printable(service)}`)}`);
  const left = await stillThere(config, entries);
  if (left.length > 0) context.exitCode = 1;
  if (options.json === true) return context.print(jsonText({ service, by, reason, until, left }));
  if (left.length === 0) return context.print(`gone: ${entries.map(({ instance }) => printable(instance)).join(', ')}`);
  context.tell(`NOT LIVE yet, does pointsman run here with the role registrar? Still there: ${left.map(printable).join(', ')}`);
}

/** The znodes that are there when the registrar should be done. @throws PointsmanError ZOOKEEPER_UNREACHABLE */
async function stillThere(config: Config, entries: readonly RegisterConfig[]): Promise<string[]> {
  const deadline = performance.now() + TAKEN_MS + Math.max(...entries.map(({ drain }) => drain));
  return withZookeeper(config, async (link) => {
    for (;;) {
      const paths = entries.map((entry) => `${entry.path}/${encodedName(entry.format, entry)}`);
      const found = await Promise.all(paths.map(async (path) => ((await link.exists(path)) === null ? [] : [path])));
      if (found.flat().length === 0 || performance.now() > deadline) return found.flat();
      await pause(LOOK_MS);
    }
  });
}
