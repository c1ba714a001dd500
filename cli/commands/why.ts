/**
 * `pointsman why SERVICE [INSTANCE]`: why an instance is, or was, in or out: the chain from its znode to HAProxy's answer, with times. From Redis alone.
 * Exit 0; 1 when Redis does not answer; 2 when nobody was ever heard of by that name.
 */
import type { Command } from 'commander';
import { ProxyStore } from '../../shared/redis/proxy-store.ts';
import { ServiceLog } from '../../shared/redis/service-log.ts';
import { ServiceStore } from '../../shared/redis/service-store.ts';
import type { Ports } from '../../workers/app.ts';
import type { CliContext } from '../context.ts';
import { jsonText } from '../json-text.ts';
import { MOMENT_HELP, pastTime } from '../moment.ts';
import { withPorts } from '../redis-ports.ts';
import { keysOf } from '../scratch-keys.ts';
import { wantsColour } from '../table.ts';
import { printWhy } from '../why/print-why.ts';
import { readWhy } from '../why/read-why.ts';

const JSON_HELP = `
INSTANCE is host:port or a znode's name. ${MOMENT_HELP}

--json prints one object, times in ms since the epoch. New keys may come; none changes its meaning while format is 1:
  format, at, past, service, instance, state, since
  reasons[]  code, text, proxy, since, until (a deadline, or the next try); the nearest cause first
  overview   of a service as a whole: path, activePath, check, configured, complete, guard { state, held, since, until }, states { <state>: count }
  chain[]    event { id, time, type, text }, instance, from, to, text, until, moreActions,
             actions[] proxy, at, kind (command, in-sync, blocked, …), text, reason, outcome, reply, ms
  earlier    changes before those of the chain
  proxies[]  proxy, carried, rotation (in | out | unknown), state, since, detail, nextTry, verdict, verdictSince, verdictDetail, lastSeen
  moreProxies, notes[]
Exit code 0; 1 when Redis does not answer; 2 for a service or an instance that was never heard of.`;

interface Options {
  readonly at?: string;
  readonly proxy?: string;
  readonly as?: string;
  readonly json?: boolean;
}

export function register(command: Command, context: CliContext): void {
  command
    .argument('<service>', 'the service')
    .argument('[instance]', 'the instance; without it, the service as a whole')
    .option('--at <time>', 'as of that moment')
    .option('--proxy <id>', 'only this proxy')
    .option('--as <name>', 'of the scratch space of this name')
    .option('--json', 'answer in JSON')
    .addHelpText('after', JSON_HELP)
    .action((service: string, instance: string | undefined, options: Options) => why(context, service, instance ?? null, options));
}

async function why(context: CliContext, service: string, instance: string | null, options: Options): Promise<void> {
  const now = Date.now();
  const at = options.at === undefined ? null : pastTime(options.at, now);
  const config = await context.loadConfig('redis');
  const question = { service, instance, at, proxy: options.proxy ?? null, imported: options.as !== undefined, now };
  const report = await withPorts(config, async (ports) => readWhy(config, await whyPorts(ports, options.as), question));
  context.print(options.json === true ? jsonText(report) : printWhy(report, { colour: wantsColour(process.stdout, process.env), now }));
}

/** What is read, of the live space or of a scratch space. */
async function whyPorts(ports: Ports, name: string | undefined): Promise<Ports> {
  if (name === undefined) return ports;
  const { redis } = ports;
  const keys = await keysOf(ports, name);
  return { ...ports, keys, log: new ServiceLog(redis, keys), store: new ServiceStore(redis, keys), proxies: new ProxyStore(redis, keys) };
}
