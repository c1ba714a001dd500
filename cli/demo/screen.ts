/**
 * The terminal while the display runs: the alternate screen without a cursor, keys as they are pressed. `leave` gives it back as it was, and so
 * does the end of the process. A frame is drawn only when it differs from the last one.
 */
import type { ReadStream, WriteStream } from 'node:tty';

const ENTER = '\x1b[?1049h\x1b[?25l\x1b[2J';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const TOP = '\x1b[H';
/** Before a line's text: behind a text of full width it would take the last character away. */
const CLEAR_LINE = '\x1b[2K';

export class Screen {
  readonly #out: WriteStream;
  readonly #in: ReadStream;
  readonly #onKey: (key: string) => void;
  readonly #resized = (): void => {
    this.#last = '';
  };
  readonly #onExit = (): void => this.leave();
  readonly #onData = (data: Buffer): void => {
    for (const key of keysOf(data.toString())) this.#onKey(key);
  };
  #last = '';
  #entered = false;

  constructor(out: WriteStream, input: ReadStream, onKey: (key: string) => void) {
    this.#out = out;
    this.#in = input;
    this.#onKey = onKey;
  }

  get size(): { columns: number; rows: number } {
    return { columns: this.#out.columns || 80, rows: this.#out.rows || 24 };
  }

  enter(): void {
    this.#entered = true;
    process.on('exit', this.#onExit);
    this.#out.on('resize', this.#resized);
    this.#in.setRawMode(true);
    this.#in.on('data', this.#onData);
    this.#in.resume();
    this.#out.write(ENTER);
  }

  /** The lines fill the screen; one that is longer than it is wide comes padded to whole rows (frame.ts). */
  draw(lines: readonly string[]): void {
    if (!this.#entered) return;
    const text = lines.map((line) => CLEAR_LINE + line).join('\r\n');
    if (text === this.#last) return;
    this.#last = text;
    this.#out.write(TOP + text);
  }

  /** Safe to call twice. */
  leave(): void {
    if (!this.#entered) return;
    this.#entered = false;
    process.off('exit', this.#onExit);
    this.#out.off('resize', this.#resized);
    this.#in.off('data', this.#onData);
    this.#in.setRawMode(false);
    this.#in.pause();
    this.#out.write(LEAVE);
  }
}

/** What was pressed: single characters, `up`, `down`; other sequences are left out. */
export function keysOf(data: string): string[] {
  const keys: string[] = [];
  for (const [match] of data.matchAll(/\x1b(?:\[|O)[0-9;]*[A-Za-z~]|[\s\S]/g)) {
    if (match === '\x1b[A' || match === '\x1bOA') keys.push('up');
    else if (match === '\x1b[B' || match === '\x1bOB') keys.push('down');
    else if (match.length === 1 && match !== '\x1b') keys.push(match);
  }
  return keys;
}
