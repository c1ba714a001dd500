#!/usr/bin/env node
/**
 * The `pointsman` command: parses the arguments, imports the one command that is asked for, tells errors and sets the exit code.
 * 0 ok · 1 failed · 2 bad usage or config · 3 differences found.
 */
import { CommanderError } from 'commander';
import { PointsmanError } from '../shared/errors.ts';
import { isOlder } from './check/version.ts';
import { COMMANDS } from './command-table.ts';
import { tellFailure } from './failure.ts';
import { createProgram } from './program.ts';

/** A reader that has seen enough (`pointsman render | head`) is no failure. */
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

const NODE_LEAST = [22, 18] as const;

const { program, context } = createProgram();
try {
  assertNode(process.versions.node);
  await program.parseAsync(withoutHelpCommand(process.argv.slice(2)), { from: 'user' });
  process.exitCode = context.exitCode;
} catch (error) {
  // Help and version come as errors of code 0, after they have been printed.
  const printed = error instanceof CommanderError && (error.exitCode === 0 || error.code === 'commander.help');
  if (printed) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else process.exitCode = tellFailure(error, { verbose: context.verbose || process.argv.includes('--verbose'), tell: context.tell });
}

/** Node itself only warns at the installation. @throws PointsmanError USAGE */
function assertNode(version: string): void {
  if (!isOlder(version, NODE_LEAST)) return;
  throw new PointsmanError('USAGE', `this is Node ${version}`, {
    hint: `run it with Node ${NODE_LEAST.join('.')} or later`,
    retry: 'terminal',
  });
}

/** `help COMMAND` as `COMMAND --help`, which knows the command's options; of an unknown command as that command, which is an error. */
function withoutHelpCommand(args: readonly string[]): string[] {
  const [first, name] = args;
  if (first !== 'help') return [...args];
  if (name === undefined) return ['--help'];
  return COMMANDS.some((one) => one.name === name) ? [name, '--help'] : [name];
}
