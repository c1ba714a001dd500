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
  { name: 'demo', summary: 'start everything on this machine, for a look', load: () => import('./commands/demo.ts') },
  { name: 'check', summary: 'validate the config', load: () => import('./commands/check.ts') },
  { name: 'render', summary: 'print the managed HAProxy files, or write them to a folder', load: () => import('./commands/render.ts') },
  { name: 'run', summary: 'run the roles until SIGTERM', load: () => import('./commands/run.ts') },
  { name: 'status', summary: 'show services, instances, proxies and queues', load: () => import('./commands/status.ts') },
  { name: 'why', summary: 'show why an instance is, or was, in or out', load: () => import('./commands/why.ts') },
  { name: 'plan', summary: 'show what would be sent to the proxies now, and why', load: () => import('./commands/plan.ts') },
  { name: 'cordon', summary: 'take an instance out of rotation, with a reason', load: () => import('./commands/cordon.ts') },
  { name: 'uncordon', summary: 'end a cordon', load: () => import('./commands/uncordon.ts') },
  { name: 'down', summary: 'take what this host registers of a service out, for maintenance', load: () => import('./commands/down.ts') },
  { name: 'up', summary: 'end a maintenance', load: () => import('./commands/up.ts') },
  { name: 'exec', summary: 'run a program, registered while it runs', load: () => import('./commands/exec.ts') },
  { name: 'release', summary: "end a guard's hold now", load: () => import('./commands/release.ts') },
  { name: 'log', summary: 'show, export and import the event logs', load: () => import('./commands/log.ts') },
  { name: 'replay', summary: 'fold an event log again, offline, and compare', load: () => import('./commands/replay.ts') },
  { name: 'migrate', summary: 'make a pointsman.yaml of the config of Synapse or Nerve', load: () => import('./commands/migrate.ts') },
  { name: 'resync', summary: 'read Zookeeper again and look at every proxy', load: () => import('./commands/resync.ts') },
];
