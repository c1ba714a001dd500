/**
 * The life of one demo: the folder, the parts, and the end of all of them, whatever ends it: done, failed, Ctrl-C, SIGTERM, a closed
 * terminal. Signals abort; whoever waits returns; then everything is stopped by its pid.
 */
import { rmSync } from 'node:fs';
import { startJanitor } from './child.ts';
import type { Programs } from './programs.ts';
import { Stack } from './stack.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Why it was called off. */
export class CalledOff extends Error {
  override readonly name = 'CalledOff';
}

export interface SessionOptions {
  readonly programs: Programs;
  readonly keep: boolean;
  readonly tell: (line: string) => void;
}

/** Runs `play` on a fresh stack, and ends the stack. false of `play`, or a throw, keeps the folder and says where it is. */
export async function runSession(options: SessionOptions, play: (stack: Stack) => Promise<boolean>): Promise<boolean> {
  const { programs, keep, tell } = options;
  const calledOff = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => calledOff.abort(new CalledOff(signal));
  for (const signal of SIGNALS) process.on(signal, onSignal);
  let stack: Stack | null = null;
  let good = false;
  let failed = false;
  // When this process ends without its turn to clean up, as when the terminal or the reader of its output goes away.
  const onUncaught = (error: Error & { code?: string }): void => {
    if (error.code !== 'EIO' && error.code !== 'EPIPE') failed = true;
  };
  const onExit = (): void => {
    if (stack !== null && !keep && !failed) rmSync(stack.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  };
  process.on('uncaughtExceptionMonitor', onUncaught);
  process.on('exit', onExit);
  try {
    await startJanitor();
    stack = await Stack.create(programs, calledOff.signal);
    good = await play(stack);
    failed = !good;
  } catch (error) {
    if (!calledOff.signal.aborted) {
      failed = true;
      throw error;
    }
    tell(`called off: ${(calledOff.signal.reason as CalledOff).message}`);
  } finally {
    const folderKept = keep || failed;
    await stack?.stop({ keep: folderKept });
    if (stack !== null && folderKept) tell(`logs, config and data are kept in ${stack.folder}`);
    for (const signal of SIGNALS) process.off(signal, onSignal);
    process.off('uncaughtExceptionMonitor', onUncaught);
    process.off('exit', onExit);
  }
  return good;
}
