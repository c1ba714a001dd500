/** `pointsman check`: the config alone. Exit 0 with a summary, or 2 with every problem. `--json` answers both on stdout. */
import { access } from 'node:fs/promises';
import type { Command } from 'commander';
import { formatSocketAddress, isLoopback } from '../../shared/config/address.ts';
import type { Config } from '../../shared/config/config.ts';
import { ConfigError, formatProblem } from '../../shared/config/problem.ts';
import type { CliContext } from '../context.ts';

export function register(command: Command, context: CliContext): void {
  command.option('--json', 'answer in JSON').action((options: { json?: boolean }) => check(context, options.json === true));
}

async function check(context: CliContext, json: boolean): Promise<void> {
  try {
    const config = await context.loadConfig();
    for (const warning of await warningsOf(config)) context.tell(`warning: ${warning}`);
    context.print(json ? JSON.stringify({ ok: true, ...counts(config) }) : summary(config));
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
async function warningsOf({ proxies }: Config): Promise<string[]> {
  const warnings: string[] = [];
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

function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

function summary(config: Config): string {
  const { services, proxies } = counts(config);
  return `ok: ${config.file ?? 'config'}: ${services} ${services === 1 ? 'service' : 'services'}, ${proxies} ${proxies === 1 ? 'proxy' : 'proxies'}`;
}

function counts(config: Config): { file: string | null; services: number; proxies: number } {
  return { file: config.file, services: config.services.length, proxies: config.proxies.length };
}
