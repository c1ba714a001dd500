/** A program as a health check: its exit code 0 is good. No shell reads its words; it and what it started are killed when its time is over. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Gate } from '../../shared/runtime/gate.ts';
import { pause } from '../../shared/runtime/wait.ts';

/** Programs at once: each is a process of this host. */
const AT_ONCE = 16;
const OUTPUT_BYTES_MAX = 1_024;
/** ms for the rest of what it printed; who has left its group may hold the pipe longer. */
const OUTPUT_MS = 100;
/** What it sees of our environment, which may hold secrets. */
const ENVIRONMENT = ['PATH', 'HOME', 'LANG', 'TZ'] as const;

const gate = new Gate(AT_ONCE);

/** Throws its exit code, with the last line that it printed. */
export function probeExec(argv: readonly string[], signal: AbortSignal): Promise<void> {
  return gate.run(() => run(argv, signal));
}

async function run([program = '', ...words]: readonly string[], signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const env = Object.fromEntries(ENVIRONMENT.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
  // In a process group of its own, so that what it starts ends with it.
  const child = spawn(program, words, { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let output = '';
  const hear = (bytes: Buffer): void => {
    output = (output + bytes.toString('utf8')).slice(-OUTPUT_BYTES_MAX);
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  const kill = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  };
  signal.addEventListener('abort', kill, { once: true });
  try {
    const [code, ended] = (await once(child, 'exit', { signal })) as [number | null, NodeJS.Signals | null];
    kill();
    if (code === 0) return;
    await Promise.race([closed, pause(OUTPUT_MS, signal)]);
    throw new Error(`${code === null ? `ended by ${ended}` : `exit code ${code}`}${lastLine(output)}`);
  } finally {
    signal.removeEventListener('abort', kill);
    kill();
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

function lastLine(output: string): string {
  const line = output.trimEnd().split('\n').at(-1)?.trim() ?? '';
  return line === '' ? '' : `: ${line}`;
}
