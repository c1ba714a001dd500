/**
 * The program of `pointsman exec`: started without a shell, with our own input, output and process group, so that a terminal's keys reach it as they would
 * without us. It is never left behind: when this process ends, it is told to.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { errorText, PointsmanError } from '../../shared/errors.ts';

/** What a shell answers: the program is there and cannot be run, or it is not there. */
const CANNOT_RUN = 126;
const NOT_FOUND = 127;
/** And of one that ended by a signal: this and its number. */
const BY_SIGNAL = 128;

export class Child {
  /** Its exit code, or 128 and the number of the signal that ended it. */
  readonly ended: Promise<number>;
  readonly #process: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#process = child;
    this.ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(codeOf(code, signal))));
    process.on('exit', () => this.kill('SIGTERM'));
  }

  /** When it runs. @throws ChildError: it could not be started */
  static async start([program = '', ...words]: readonly string[]): Promise<Child> {
    const child = spawn(program, words, { stdio: 'inherit' });
    const begun = new Child(child);
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error: NodeJS.ErrnoException) => reject(new ChildError(program, error)));
    });
    // Later ones are of signals to a process that has ended.
    child.on('error', () => {});
    return begun;
  }

  /** Nothing happens when it has ended. */
  kill(signal: NodeJS.Signals): void {
    if (this.#process.exitCode === null && this.#process.signalCode === null) this.#process.kill(signal);
  }
}

export class ChildError extends PointsmanError {
  /** As a shell would have it. */
  readonly exitCode: number;

  constructor(program: string, error: NodeJS.ErrnoException) {
    super('TOOL_MISSING', `${program} cannot be started: ${errorText(error)}`, {
      hint: 'nothing was registered; is it on the PATH, and executable?',
      retry: 'terminal',
    });
    this.exitCode = error.code === 'ENOENT' ? NOT_FOUND : CANNOT_RUN;
  }
}

function codeOf(code: number | null, signal: NodeJS.Signals | null): number {
  return signal === null ? (code ?? 1) : BY_SIGNAL + constants.signals[signal];
}
