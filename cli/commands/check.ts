/**
 * `pointsman check`: the config. Exit 0 with a summary, or 2 with every problem. `--live` asks all that it connects to as well, a line for each: exit 1 when
 * something there would keep pointsman from working. `--json` answers on stdout.
 */
import { access } from 'node:fs/promises';
import type { Command } from 'commander';
import { formatSocketAddress, isLoopback } from '../../shared/config/address.ts';
import type { Config } from '../../shared/config/config.ts';
import { ConfigError, formatProblem } from '../../shared/config/problem.ts';
import { matchesAny } from '../../shared/model/glob.ts';
import { findingLine } from '../check/finding.ts';
import type { CliContext } from '../context.ts';

export function register(command: Command, context: CliContext): void {
  command
    .option('--live', 'ask Zookeeper, Redis and the proxies as well: whether they answer, let us write, and how HAProxy was started')
    .option('--json', 'answer in JSON')
    .action((options: Options) => check(context, options));
}

interface Options {
  readonly live?: boolean;
  readonly json?: boolean;
}

async function check(context: CliContext, { live: asked = false, json = false }: Options): Promise<void> {
  try {
    const config = await context.loadConfig();
    for (const warning of await warningsOf(config)) context.tell(`warning: ${warning}`);
    const findings = asked ? await (await import('../check/live.ts')).live(config) : null;
    const ok = findings?.every(({ state }) => state !== 'failed') ?? true;
    if (!ok) context.exitCode = 1;
    if (json) context.print(JSON.stringify({ ok, ...counts(config), ...(findings === null ? {} : { live: findings }) }));
    else for (const line of [summary(config), ...(findings ?? []).map(findingLine)]) context.print(line);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    context.exitCode = 2;
    if (json) context.print(JSON.stringify({ ok: false, problems: error.problems }));
    else {
      for (const problem of error.problems) context.tell(formatProblem(problem));
      context.tell(error.hint);
    }
  }
}

/** No error: the config may be checked on another host, or before HAProxy is set up. */
async function warningsOf(config: Config): Promise<string[]> {
  const { proxies } = config;
  const warnings = unreachableHosts(config);
  for (const { id, base, runtime } of proxies) {
    const tls = runtime.kind === 'tls' ? runtime.tls : null;
    const files = { base, 'runtimeTls.ca': tls?.ca, 'runtimeTls.cert': tls?.cert, 'runtimeTls.key': tls?.key };
    for (const [key, file] of Object.entries(files)) {
      const user = key === 'base' ? 'HAProxy needs it' : 'it is needed';
      if (file && !(await isThere(file))) warnings.push(`proxies.${id}.${key}: ${file} is not there; ${user} where it runs`);
    }
    if (runtime.kind === 'tcp' && !isLoopback(runtime.host))
      warnings.push(
        `proxies.${id}.runtime: whoever reaches ${formatSocketAddress(runtime)} is HAProxy's administrator; tls:// asks who it is`,
      );
  }
  return warnings;
}

/** Services with a `host` or `pathPrefix` that no proxy of this config has a shared frontend for. */
function unreachableHosts({ proxies, services }: Config): string[] {
  if (proxies.length === 0) return [];
  return services
    .filter(({ host, pathPrefix }) => host !== undefined || pathPrefix !== undefined)
    .filter(({ name }) => !proxies.some((proxy) => proxy.http !== undefined && matchesAny(proxy.services, name)))
    .map(
      ({ name }) => `services.${name}.host: no proxy that carries it has \`http: { listen: … }\`, the frontend that hosts and paths share`,
    );
}

function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

function summary(config: Config): string {
  const { services, proxies, register: entries } = counts(config);
  const registers = entries === 0 ? '' : `, ${entries} ${entries === 1 ? 'entry' : 'entries'} to register`;
  return `ok: ${config.file ?? 'config'}: ${services} ${services === 1 ? 'service' : 'services'}, ${proxies} ${proxies === 1 ? 'proxy' : 'proxies'}${registers}`;
}

function counts(config: Config): { file: string | null; services: number; proxies: number; register: number } {
  return { file: config.file, services: config.services.length, proxies: config.proxies.length, register: config.register.length };
}
