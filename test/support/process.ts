/**
 * A child process of a test: its output goes to a file (an unread pipe would block it), and it is stopped by its own pid.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { pause } from '../../shared/runtime/wait.ts';

export interface StartedProcess {
  readonly pid: number;
  /** Resolves when it has ended, with its exit code or the signal. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly running: boolean;
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL after 5 s; resolves when it has ended. Safe to call twice, and on a suspended process. */
  stop(): Promise<void>;
}

/** ms between SIGTERM and SIGKILL */
const STOP_DEADLINE_MS = 5_000;

/** Children that still run, so that none outlives the test's own process. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Throws when the command cannot be started. `logFile` gets stdout and stderr, appended. */
export async function startProcess(
  command: string,
  argv: readonly string[],
  options: { cwd?: string; env?: Record<string, string>; logFile: string },
): Promise<StartedProcess> {
  const log = openSync(options.logFile, 'a');
  const child = spawn(command, [...argv], {
    cwd: options.cwd,
    env: options.env === undefined ? process.env : { ...process.env, ...options.env },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (code, signal) => {
      running.delete(child);
      resolve({ code, signal });
    });
  });
  await once(child, 'spawn');
  running.add(child);
  const pid = child.pid as number;
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
  const kill = (signal: NodeJS.Signals): void => {
    if (isRunning()) child.kill(signal);
  };
  return {
    pid,
    exited,
    get running() {
      return isRunning();
    },
    kill,
    async stop() {
      kill('SIGTERM');
      kill('SIGCONT');
      const timeUp = new AbortController();
      const first = await Promise.race([exited, pause(STOP_DEADLINE_MS, timeUp.signal).then(() => 'late' as const)]);
      timeUp.abort();
      if (first === 'late') kill('SIGKILL');
      await exited;
    },
  };
}
