/**
 * Every command: its name, its line in `--help`, and its module, which is imported only when it is asked for. A command is
 * added by a file in commands/ that exports `register`, and a line here.
 */
import type { Command } from 'commander';
import type { CliContext } from './context.ts';

export interface CommandModule {
  /** Adds arguments, options and the action. The action throws what failed, or sets `context.exitCode`. */
  register(command: Command, context: CliContext): void;
}

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<CommandModule>;
}

export const COMMANDS: readonly CommandEntry[] = [
  { name: 'check', summary: 'validate the config', load: () => import('./commands/check.ts') },
  { name: 'render', summary: 'print the managed HAProxy files, or write them to a folder', load: () => import('./commands/render.ts') },
];
