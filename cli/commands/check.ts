/** `pointsman check`: the config alone. Exit 0 with a summary, or 2 with every problem. `--json` answers both on stdout. */
import { access } from 'node:fs/promises';
import type { Command } from 'commander';
import type { Config } from '../../shared/config/config.ts';
import { ConfigError, formatProblem } from '../../shared/config/problem.ts';
import type { CliContext } from '../context.ts';

export function register(command: Command, context: CliContext): void {
  command.option('--json', 'answer in JSON').action((options: { json?: boolean }) => check(context, options.json === true));
}

async function check(context: CliContext, json: boolean): Promise<void> {
  try {
    const config = await context.loadConfig();
    for (const warning of await missingBases(config)) context.tell(`warning: ${warning}`);
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
async function missingBases({ proxies }: Config): Promise<string[]> {
  const warnings: string[] = [];
  for (const { id, base } of proxies) {
    if (base === null) continue;
    const there = await access(base).then(
      () => true,
      () => false,
    );
    if (!there) warnings.push(`proxies.${id}.base: ${base} is not there; HAProxy needs it where it runs`);
  }
  return warnings;
}

function summary(config: Config): string {
  const { services, proxies } = counts(config);
  return `ok: ${config.file ?? 'config'}: ${services} ${services === 1 ? 'service' : 'services'}, ${proxies} ${proxies === 1 ? 'proxy' : 'proxies'}`;
}

function counts(config: Config): { file: string | null; services: number; proxies: number } {
  return { file: config.file, services: config.services.length, proxies: config.proxies.length };
}
