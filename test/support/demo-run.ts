/** `pointsman demo` as a process of a test, and a look for what it left behind: every process of the demo works in its folder. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tempFolder } from './folder.ts';
import { until } from './poll.ts';
import { type StartedProcess, startProcess } from './process.ts';

const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

export interface DemoRun extends AsyncDisposable {
  readonly process: StartedProcess;
  /** The test's own folder, in which the demo makes its own. */
  readonly parent: string;
  /** What it has printed so far, stdout and stderr. */
  output(): string;
  /** At its terminal, if it has one. */
  press(keys: string): void;
  /** The demo's folder, once it has said it. */
  folder(): Promise<string>;
  /** Resolves with the exit code. */
  ended(withinMs: number): Promise<number | null>;
}

export async function startDemo(
  args: readonly string[],
  options: { env?: Record<string, string>; terminal?: boolean; pipedInto?: string } = {},
): Promise<DemoRun> {
  const own = await tempFolder();
  const logFile = join(own.path, 'demo.log');
  const argv = [MAIN, 'demo', ...args];
  const { command, argv: rest, keys } = how(own.path, argv, options);
  // Its folder lies in the test's own, so that nothing of it is left whatever happens.
  const started = await startProcess(command, rest, { cwd: own.path, env: { CI: '', ...options.env, TMPDIR: own.path }, logFile });
  const output = (): string => readFileSync(logFile, 'utf8');
  return {
    process: started,
    parent: own.path,
    output,
    press(text) {
      if (keys !== null) writeSync(keys, text);
    },
    folder: () => until('the demo to say where its files are', () => /(\S+)\/pointsman\.yaml/.exec(output())?.[1], { timeoutMs: 60_000 }),
    async ended(withinMs) {
      await until('the demo to end', () => !started.running, { timeoutMs: withinMs, everyMs: 100 });
      return (await started.exited).code;
    },
    async [Symbol.asyncDispose]() {
      await started.stop();
      await until('the processes of the demo to end', () => processesIn(own.path).length === 0).catch(() => {
        for (const pid of processesIn(own.path)) process.kill(pid, 'SIGKILL');
      });
      if (keys !== null) closeSync(keys);
      await own.remove();
    },
  };
}

interface How {
  readonly command: string;
  readonly argv: readonly string[];
  /** Where keys are written to; null: it has no terminal. */
  readonly keys: number | null;
}

function how(folder: string, argv: readonly string[], options: { terminal?: boolean; pipedInto?: string }): How {
  if (options.terminal === true) return inTerminal(folder, argv);
  if (options.pipedInto === undefined) return { command: process.execPath, argv, keys: null };
  return { command: 'sh', argv: ['-c', `${quoted(argv)} | ${options.pipedInto}`], keys: null };
}

function quoted(argv: readonly string[]): string {
  return [process.execPath, ...argv].map((word) => `'${word}'`).join(' ');
}

/** Through `script`, which gives it a terminal of 80 x 24 and what is written to the pipe as keys. */
function inTerminal(folder: string, argv: readonly string[]): How {
  const pipe = join(folder, 'keys');
  execFileSync('mkfifo', [pipe]);
  const shell = `exec script -q -e -f -c "stty cols 80 rows 24; exec ${quoted(argv)}" /dev/null < '${pipe}'`;
  // Opened for both, so that opening it does not wait for the reader.
  return { command: 'sh', argv: ['-c', shell], keys: openSync(pipe, 'r+') };
}

/** The pids of processes that work in the folder or below it, also when it has been removed; the demo itself works elsewhere. */
export function processesIn(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`).startsWith(`${folder}/`);
      } catch {
        return false;
      }
    })
    .map(Number);
}
