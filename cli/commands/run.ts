/**
 * `pointsman run [--roles a,b]`: the roles, until SIGTERM or SIGINT; then what is in hand is finished or left to others, within 10 s, and the
 * exit code is 0. A changed config file (or SIGHUP) is taken over while it runs: its services at once, the rest at the next start.
 */
import type { Command } from 'commander';
import type { Config } from '../../shared/config/config.ts';
import { watchConfig } from '../../shared/config/watch-config.ts';
import { errorFields, must, PointsmanError } from '../../shared/errors.ts';
import { createLogger, type Logger } from '../../shared/observability/logger.ts';
import { App, ROLES, type RoleName, rolesOf } from '../../workers/app.ts';
import { fixedSections } from '../../workers/config-change.ts';
import { needsRegistrar } from '../../workers/registrar/need.ts';
import type { CliContext } from '../context.ts';

/** ms that the rest of an end may take, once the roles have stopped. */
const LEAVE_MS = 500;
/** Warnings of libraries that are told. */
const WARNINGS_MAX = 50;
const WARNING_CHARACTERS_MAX = 500;

export function register(command: Command, context: CliContext): void {
  command
    .option('--roles <list>', `comma-separated, of: ${ROLES.join(', ')} (default: all that the config asks for)`)
    .action((options: { roles?: string }) => run(context, options.roles ?? null));
}

async function run(context: CliContext, roles: string | null): Promise<void> {
  const config = await context.loadConfig();
  const names = roles === null ? rolesOf(config) : parseRoles(roles, config);
  const logger = createLogger({ level: config.log.level });
  failOnAnythingUncaught(logger);
  hearLibraries(logger);
  const app = new App(config, names, logger);
  const watch = watchConfig(must(config.file, 'the path of the config'), config, {
    onConfig: (next) => void takeOver({ app, logger, started: config, names, chosen: roles !== null }, next),
    onError: (error) => logger.error(errorFields(error), 'config refused, the old one stays'),
  });
  const stopped = untilStopped(logger);
  if (process.stderr.isTTY) context.tell(`pointsman runs ${names.join(', ')} with ${config.file}; Ctrl-C stops it`);
  logger.info({ roles: names, config: config.file, pid: process.pid }, 'pointsman starts');
  // What it waits for, it waits for by itself; what it throws is a bug, and is not caught.
  void app.start();
  await stopped;
  leaveAfter(app.stopWithin + LEAVE_MS, context, logger);
  watch.close();
  await app.stop();
  logger.info('pointsman has stopped');
  // A connection that is still being tried, to something that is not there, must not hold us.
  process.exit(context.exitCode);
}

/** @throws PointsmanError USAGE: an unknown role, none, or one that the config has nothing for. */
function parseRoles(text: string, config: Config): RoleName[] {
  const asked = [...new Set(text.split(',').map((name) => name.trim()))].filter((name) => name !== '');
  const unknown = asked.find((name) => !(ROLES as readonly string[]).includes(name));
  const known = `the roles are: ${ROLES.join(', ')}`;
  if (unknown !== undefined) throw usage(`there is no role ${JSON.stringify(unknown)}`, known);
  if (asked.length === 0) throw usage('--roles names none', known);
  // In the order in which they start, whatever the order they were named in.
  const names = ROLES.filter((name) => asked.includes(name));
  if (names.includes('dashboard') && config.dashboard === null)
    throw usage('the role dashboard has no address', 'set dashboard.listen in the config');
  const forProxies = names.find((name) => name === 'reconciler' || name === 'observer');
  if (names.includes('registrar') && !needsRegistrar(config))
    throw usage(
      'the role registrar has nothing to register',
      'add an entry under `register` in the config; for those with `by: service`, set registrar.listen',
    );
  if (forProxies !== undefined && config.proxies.length === 0)
    throw usage(`the role ${forProxies} has no proxy`, 'add one under `proxies` in the config');
  return names;
}

interface Running {
  readonly app: App;
  readonly logger: Logger;
  /** The config of the start: what is fixed is fixed to it. */
  readonly started: Config;
  readonly names: readonly RoleName[];
  /** Whether the roles were named by `--roles`. */
  readonly chosen: boolean;
}

async function takeOver({ app, logger, started, names, chosen }: Running, next: Config): Promise<void> {
  logger.level = next.log.level;
  logger.info({ config: next.file, services: next.services.length }, 'config taken over');
  const roles = chosen ? [] : rolesOf(next).filter((name) => !names.includes(name));
  const sections = fixedSections(started, next);
  if (sections.length > 0 || roles.length > 0) logger.warn({ sections, roles }, 'restart needed: these count from the next start');
  await app
    .reconfigure(next)
    .catch((error: unknown) => logger.error(errorFields(error), 'the services of the config could not be taken over'));
}

/** The first signal asks, the second one does not wait. */
function untilStopped(logger: Logger): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (asked) {
        logger.warn({ signal }, 'asked twice, leaving at once');
        process.exit(1);
      }
      asked = true;
      logger.info({ signal }, 'pointsman stops');
      resolve();
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}

function leaveAfter(ms: number, context: CliContext, logger: Logger): void {
  setTimeout(() => {
    logger.warn({ ms }, 'not all was finished in time; others take it over');
    process.exit(context.exitCode);
  }, ms).unref();
}

function failOnAnythingUncaught(logger: Logger): void {
  const fail = (kind: string) => (error: unknown) => {
    logger.fatal({ err: error, kind }, 'this should not happen');
    process.exit(1);
  };
  process.on('uncaughtException', fail('uncaught exception'));
  process.on('unhandledRejection', fail('unhandled rejection'));
}

/** A library prints one warning per connection (BullMQ: of Redis's eviction policy); here it is one line of the log. */
function hearLibraries(logger: Logger): void {
  const heard = new Set<string>();
  console.warn = (...said: unknown[]) => {
    const text = said.map(String).join(' ').slice(0, WARNING_CHARACTERS_MAX);
    if (heard.has(text) || heard.size >= WARNINGS_MAX) return;
    heard.add(text);
    logger.warn({ warning: text }, 'a library warns');
  };
}

function usage(message: string, hint: string): PointsmanError {
  return new PointsmanError('USAGE', message, { hint, retry: 'terminal' });
}
