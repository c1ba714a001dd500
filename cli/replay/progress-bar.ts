/** How far it is, on one line of a terminal that is written over; elsewhere nothing. */

const WIDTH = 30;
/** ms between two drawings. */
const DRAW_EVERY_MS = 100;

export class ProgressBar {
  readonly #stream: NodeJS.WriteStream;
  #drawn = 0;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  show(done: number, total: number): void {
    const now = performance.now();
    if (this.#stream.isTTY !== true || total === 0 || now - this.#drawn < DRAW_EVERY_MS) return;
    this.#drawn = now;
    const share = Math.min(1, done / total);
    const full = Math.round(share * WIDTH);
    this.#stream.write(`\r\u001b[K[${'#'.repeat(full)}${' '.repeat(WIDTH - full)}] ${Math.floor(share * 100)} %  ${done} of ${total}`);
  }

  clear(): void {
    if (this.#stream.isTTY === true && this.#drawn > 0) this.#stream.write('\r\u001b[K');
  }
}
