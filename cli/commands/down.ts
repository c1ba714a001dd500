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
import { hasCode } from '../../shared/zookeeper/errors.ts';
import type { ZookeeperLink } from '../../shared/zookeeper/link.ts';
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
  if (left.length === 0) return context.print(`gone: ${[...new Set(entries.map(namedText))].join(', ')}`);
  context.tell(`NOT LIVE yet, does pointsman run here with the role registrar? Still there: ${left.map(printable).join(', ')}`);
}

/** The znodes that are there when the registrar should be done. @throws PointsmanError ZOOKEEPER_UNREACHABLE */
async function stillThere(config: Config, entries: readonly RegisterConfig[]): Promise<string[]> {
  const deadline = performance.now() + TAKEN_MS + Math.max(...entries.map(({ drain }) => drain));
  const places = entries.map((entry) => ({ parent: entry.path, names: namesOf(entry) }));
  return withZookeeper(config, async (link) => {
    for (;;) {
      const found = (await Promise.all(places.map((place) => present(link, place)))).flat();
      if (found.length === 0 || performance.now() > deadline) return [...new Set(found)].sort();
      await pause(LOOK_MS);
    }
  });
}

function namedText({ instance, terms }: RegisterConfig): string {
  const ports = terms?.ports ?? null;
  return printable(ports === null ? instance : `${instance} (ports ${ports.join('-')})`);
}

/** What its znode may be called: of what registers itself at one of many ports, any of them. */
function namesOf(entry: RegisterConfig): ReadonlySet<string> {
  const [from, to] = entry.terms?.ports ?? [entry.port, entry.port];
  const ports = [entry.port, ...Array.from({ length: to - from + 1 }, (_, at) => from + at)];
  return new Set(ports.map((port) => encodedName(entry.format, { ...entry, port })));
}

async function present(link: ZookeeperLink, { parent, names }: { parent: string; names: ReadonlySet<string> }): Promise<string[]> {
  const [only = ''] = names;
  if (names.size === 1) return (await link.exists(`${parent}/${only}`)) === null ? [] : [`${parent}/${only}`];
  try {
    const children = await link.children(parent);
    return children.names.filter((name) => names.has(name)).map((name) => `${parent}/${name}`);
  } catch (error) {
    if (hasCode(error, 'ZOOKEEPER_NO_NODE')) return [];
    throw error;
  }
}
