/** The frame around the commands: the global options, help, and the import of a command's module when its turn comes. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { COMMANDS } from './command-table.ts';
import type { CliContext } from './context.ts';

/** From the sources, and from dist/. */
const MANIFESTS = ['../package.json', '../../package.json'];

export function createProgram(): { program: Command; context: CliContext } {
  const program = new Command('pointsman');
  const context = createContext(program);
  program
    .description("Keeps HAProxy's servers in step with the service instances registered in Zookeeper")
    .version(version(), '--version', 'print the version')
    .option('--config <file>', 'the config (default: ./pointsman.yaml, else /etc/pointsman/pointsman.yaml)')
    .option('--verbose', 'show the code and the stack of an error')
    .showSuggestionAfterError(true)
    .configureHelp({ showGlobalOptions: true })
    // Errors are told once, by main.ts, with what to do about them.
    .configureOutput({ outputError: () => {} })
    .exitOverride()
    .hook('preSubcommand', async (_, subcommand) => {
      const entry = COMMANDS.find((one) => one.name === subcommand.name());
      if (entry !== undefined) (await entry.load()).register(subcommand, context);
    });
  for (const { name, summary } of COMMANDS) program.command(name).description(summary);
  return { program, context };
}

function createContext(program: Command): CliContext {
  return {
    get configFile() {
      return program.opts<{ config?: string }>().config ?? null;
    },
    get verbose() {
      return program.opts<{ verbose?: boolean }>().verbose === true;
    },
    exitCode: 0,
    async loadConfig(secrets) {
      const { loadConfig } = await import('../shared/config/load-config.ts');
      return loadConfig(this.configFile, secrets);
    },
    async desiredSource(config) {
      const { redisDesiredSource } = await import('./redis-desired-source.ts');
      return redisDesiredSource(config);
    },
    print: (line) => void process.stdout.write(`${line}\n`),
    write: (line) => new Promise((resolve) => process.stdout.write(`${line}\n`, () => resolve())),
    tell: (line) => void process.stderr.write(`${line}\n`),
  };
}

function version(): string {
  for (const path of MANIFESTS) {
    try {
      const manifest = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as { name?: string; version?: string };
      if (manifest.name === 'pointsman' && manifest.version !== undefined) return manifest.version;
    } catch {
      // The other place has it.
    }
  }
  return 'unknown';
}
