/**
 * A TypeScript program of the bench in a process of its own: settings go in as one JSON argument, messages both ways, output to a file.
 * It ends when it is stopped, and by itself when the bench is gone (the channel closes).
 */
import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { pause } from '../shared/runtime/wait.ts';

const READY_WITHIN_MS = 30_000;
const ANSWER_WITHIN_MS = 30_000;
const STOP_WITHIN_MS = 10_000;

export interface Message {
  readonly [key: string]: unknown;
}

/** `name` is the file in bench/programs, without its ending. */
export class Program {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #logFile: string;
  readonly #exited: Promise<void>;
  readonly #waiting = new Map<string, ((message: Message) => void)[]>();
  #running = true;

  private constructor(name: string, child: ChildProcess, logFile: string) {
    this.name = name;
    this.#child = child;
    this.#logFile = logFile;
    this.#exited = new Promise((resolve) => child.once('exit', () => resolve()));
    void this.#exited.then(() => {
      this.#running = false;
    });
    child.on('message', (message: Message & { type: string }) => this.#waiting.get(message.type)?.shift()?.(message));
  }

  /** Resolves when it has said `{ type: 'ready' }`. */
  static async start(name: string, settings: object, logFile: string): Promise<Program> {
    const log = openSync(logFile, 'a');
    const file = fileURLToPath(new URL(`programs/${name}.ts`, import.meta.url));
    const child = fork(file, [JSON.stringify(settings)], { stdio: ['ignore', log, log, 'ipc'] });
    closeSync(log);
    const program = new Program(name, child, logFile);
    await program.#answer('ready', READY_WITHIN_MS);
    return program;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Sends an order; resolves with the message of type `answer` that follows. Orders of a kind are answered in turn. */
  async ask(order: Message & { readonly type: string }, answer: string): Promise<Message> {
    const answered = this.#answer(answer, ANSWER_WITHIN_MS);
    this.#child.send(order);
    return answered;
  }

  /** SIGTERM, and SIGKILL when that does not help in time. */
  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#child.kill('SIGTERM');
    const timeUp = new AbortController();
    await Promise.race([this.#exited, pause(STOP_WITHIN_MS, timeUp.signal)]);
    timeUp.abort();
    if (this.#running) this.#child.kill('SIGKILL');
    await this.#exited;
  }

  async #answer(type: string, withinMs: number): Promise<Message> {
    const timeUp = new AbortController();
    const answer = new Promise<Message>((resolve) => this.#waiting.set(type, [...(this.#waiting.get(type) ?? []), resolve]));
    const first = await Promise.race([
      answer,
      this.#exited.then(() => 'ended' as const),
      pause(withinMs, timeUp.signal).then(() => 'late' as const),
    ]);
    timeUp.abort();
    if (typeof first !== 'string') return first;
    const said = await readFile(this.#logFile, 'utf8').catch(() => '');
    throw new Error(`${this.name}: ${first} before it said ${type}; its output ends: ${said.slice(-1_000)}`);
  }
}
