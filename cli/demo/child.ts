/**
 * A program that the demo starts: its output goes to a file (a pipe that nobody reads would block it), and it is ended by its own pid. It has
 * a process group of its own, so that Ctrl-C in the terminal reaches the demo alone, which then stops each in order.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pause } from '../../shared/runtime/wait.ts';

/** ms between SIGTERM and SIGKILL */
const STOP_WITHIN_MS = 6_000;
const TAIL_CHARACTERS = 600;

export interface ChildOptions {
  /** For people, and the name of its output file. */
  readonly name: string;
  readonly logFile: string;
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Whether it speaks to us by Node's messages. */
  readonly messages?: boolean;
}

/** Children that still run, so that none outlives this process when it ends by itself; when it is killed, the janitor sees to them. */
const running = new Set<ChildProcess>();
let janitor: ChildProcess | null = null;
process.on('exit', () => {
  for (const child of running) killGroup(child);
});

/** Starts the process that ends our children should we be killed (janitor-main.ts). It ends with us. */
export async function startJanitor(): Promise<void> {
  if (janitor !== null) return;
  const file = fileURLToPath(new URL(`./janitor-main${extname(import.meta.url)}`, import.meta.url));
  janitor = spawn(process.execPath, [file], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], detached: true, cwd: '/' });
  janitor.on('error', () => undefined);
  await once(janitor, 'spawn');
  janitor.unref();
  janitor.channel?.unref();
}

function tellJanitor(news: { readonly started: number } | { readonly ended: number }): void {
  if (janitor?.connected === true) janitor.send(news, () => undefined);
}

export class Child {
  readonly name: string;
  readonly logFile: string;
  /** Resolves when it has ended, with its exit code or the signal, in words. */
  readonly ended: Promise<string>;
  readonly #process: ChildProcess;

  private constructor(child: ChildProcess, options: ChildOptions) {
    this.#process = child;
    this.name = options.name;
    this.logFile = options.logFile;
    this.ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        running.delete(child);
        tellJanitor({ ended: child.pid ?? 0 });
        resolve(signal === null ? `exit code ${code}` : signal);
      });
    });
  }

  /** Throws when the program cannot be started. */
  static async start(command: string, argv: readonly string[], options: ChildOptions): Promise<Child> {
    const log = openSync(options.logFile, 'a');
    const child = spawn(command, [...argv], {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', log, log, ...(options.messages === true ? (['ipc'] as const) : [])],
      detached: true,
    });
    closeSync(log);
    const started = new Child(child, options);
    // A message to one that has just ended fails here; that it has ended is seen elsewhere.
    child.on('error', () => undefined);
    await once(child, 'spawn');
    running.add(child);
    tellJanitor({ started: started.pid });
    return started;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get running(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** To this process alone. */
  kill(signal: NodeJS.Signals): void {
    if (this.running) this.#process.kill(signal);
  }

  send(message: object): void {
    if (this.#process.connected) this.#process.send(message, () => undefined);
  }

  onMessage(listener: (message: unknown) => void): void {
    this.#process.on('message', listener);
  }

  /** SIGTERM, and SIGKILL to its group when that takes too long. Safe to call twice, and on a suspended process. */
  async stop(): Promise<void> {
    if (!this.running) return;
    this.kill('SIGTERM');
    this.kill('SIGCONT');
    const timeUp = new AbortController();
    const first = await Promise.race([this.ended, pause(STOP_WITHIN_MS, timeUp.signal).then(() => null)]);
    timeUp.abort();
    if (first === null) killGroup(this.#process);
    await this.ended;
  }

  /** The last of what it printed. */
  tail(): string {
    return readFileSync(this.logFile, 'utf8').trimEnd().slice(-TAIL_CHARACTERS);
  }
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
