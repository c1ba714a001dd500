/**
 * `pointsman exec [--service S] -- CMD args…`: runs CMD, and registers it while it runs, under a Zookeeper session of its own and by the entries of `register`
 * with `by: service`; their checks count. It needs no other pointsman, and no Redis. SIGTERM, SIGINT and SIGQUIT withdraw first, wait for the drain, and then
 * reach CMD, also what a terminal sent to it by itself, should it still run; a second one reaches it at once. When CMD ends, its znodes go at once. The exit code is that of CMD.
 */
import type { Command } from 'commander';
import type { Config } from '../../shared/config/config.ts';
import { errorFields, PointsmanError } from '../../shared/errors.ts';
import type { RegisterConfig } from '../../shared/model/register.ts';
import { createLogger, type Logger } from '../../shared/observability/logger.ts';
import { within } from '../../shared/runtime/deadline.ts';
import { readAsk } from '../../workers/registrar/ask.ts';
import { askedEntries } from '../../workers/registrar/asked-entries.ts';
import { Registrar } from '../../workers/registrar/registrar.ts';
import { stopWithin } from '../../workers/registrar/stop-within.ts';
import type { CliContext } from '../context.ts';
import { Child, ChildError } from '../exec/child.ts';
import { tellFailure } from '../failure.ts';

/** After the drain. */
const ENDING = ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const;
/** At once. */
const FORWARDED = ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGALRM'] as const;

interface Options {
  readonly service?: string;
  readonly address?: string;
  readonly weight?: string;
  readonly label?: readonly string[];
}

export function register(command: Command, context: CliContext): void {
  command
    .argument('<command...>', 'the program and its arguments, behind --')
    .option('--service <name>', 'a service with `by: service` under `register` (default: the only one)')
    .option('--address <host:port>', 'where it is reached, if the entry leaves that open')
    .option('--weight <number>', 'its weight, as far as the entry allows')
    .option(
      '--label <name=value>',
      'a label that the entry allows; may be given several times',
      (text, all: string[]) => [...all, text],
      [],
    )
    .addHelpText(
      'after',
      '\nThe exit code is that of the program; 128 and its number when a signal ended it; 126 or 127 when it could not be started.',
    )
    .action((argv: string[], options: Options) => exec(context, argv, options));
}

async function exec(context: CliContext, argv: readonly string[], options: Options): Promise<void> {
  const config = await context.loadConfig();
  const entries = entriesOf(config, options);
  const logger = createLogger({ level: config.log.level });
  const registrar = new Registrar({ ...config, register: entries }, logger);
  // Before CMD is there: a signal that comes while it is started would end us alone, and CMD would run on without anybody.
  const begun = Promise.withResolvers<Child>();
  const { drained } = passOn(begun.promise, () => gone(registrar, entries, logger, true));
  failOnAnythingUncaught(logger);
  const child = await started(argv, context);
  begun.resolve(child);
  await registrar.start();
  const code = await child.ended;
  await gone(registrar, entries, logger, false);
  await drained();
  process.exit(code);
}

async function started(argv: readonly string[], context: CliContext): Promise<Child> {
  try {
    return await Child.start(argv);
  } catch (error) {
    if (!(error instanceof ChildError)) throw error;
    tellFailure(error, { verbose: context.verbose, tell: context.tell });
    process.exit(error.exitCode);
  }
}

/** What is asked for, as its entries. @throws PointsmanError USAGE */
function entriesOf(config: Config, { service, address, weight, label }: Options): readonly RegisterConfig[] {
  const open = [...new Set(config.register.filter(({ terms }) => terms !== null).map((entry) => entry.service))];
  const [only] = open;
  if (service === undefined && (only === undefined || open.length > 1))
    throw usage(open.length === 0 ? 'no service of this config registers itself' : 'several services of this config register themselves', {
      hint: open.length === 0 ? 'add an entry with `by: service` under `register`' : `--service names one of ${open.join(', ')}`,
    });
  const said = {
    service: service ?? only,
    label,
    ...(address === undefined ? {} : { address }),
    ...(weight === undefined ? {} : { weight }),
  };
  try {
    return askedEntries(config.register, readAsk(said)).entries;
  } catch (error) {
    throw error instanceof PointsmanError ? usage(error.message, error) : error;
  }
}

function usage(message: string, { hint }: { readonly hint: string }): PointsmanError {
  return new PointsmanError('USAGE', message, { hint, retry: 'terminal' });
}

/** `withdraw`: takes what is registered out, and resolves when CMD may go. */
function passOn(child: Promise<Child>, withdraw: () => Promise<void>): { drained: () => Promise<void> } {
  let ending: Promise<void> | null = null;
  const send = async (signal: NodeJS.Signals): Promise<void> => (await child).kill(signal);
  for (const signal of ENDING) {
    process.on(signal, () => {
      const again = ending !== null;
      ending ??= withdraw();
      // Who sent it cannot be told: a terminal, which sends it to CMD too, or somebody who means us alone.
      if (again) void send(signal);
      else void ending.then(() => send(signal));
    });
  }
  for (const signal of FORWARDED) process.on(signal, () => void send(signal));
  return { drained: async () => void (await ending) };
}

/** In bounded time; never rejects. */
async function gone(registrar: Registrar, entries: readonly RegisterConfig[], logger: Logger, drained: boolean): Promise<void> {
  const ms = stopWithin(entries);
  await within(ms, registrar.stop(drained), () => new Error(`not done within ${ms} ms`)).catch((error: unknown) => {
    logger.warn(errorFields(error), 'what was registered was not taken out in time; it goes with its session');
  });
}

/** A bug of ours ends both: CMD would run on without being registered, and nobody would know. */
function failOnAnythingUncaught(logger: Logger): void {
  const fail = (kind: string) => (error: unknown) => {
    logger.fatal({ err: error, kind }, 'this should not happen');
    process.exit(1);
  };
  process.on('uncaughtException', fail('uncaught exception'));
  process.on('unhandledRejection', fail('unhandled rejection'));
}
