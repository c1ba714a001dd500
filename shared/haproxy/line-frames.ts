/**
 * PURE. Cuts a stream into lines, in bounded memory: a line that does not end in time is dropped up to its end, and said to be lost. Chunks may be
 * cut anywhere.
 */

const LF = 0x0a;

export class LineFrames {
  readonly #lineBytesMax: number;
  #begun: Buffer = Buffer.alloc(0);
  /** The line that has begun was too long. */
  #lost = false;

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  /** The lines that this chunk completes, without their ends. null: one that was too long, told once, when it gets too long. */
  push(chunk: Buffer): (string | null)[] {
    const lines: (string | null)[] = [];
    let at = 0;
    for (;;) {
      const end = chunk.indexOf(LF, at);
      const part = chunk.subarray(at, end < 0 ? chunk.length : end);
      if (!this.#lost && this.#begun.length + part.length > this.#lineBytesMax) {
        this.#lost = true;
        this.#begun = Buffer.alloc(0);
        lines.push(null);
      }
      if (end < 0) {
        // A copy: a part of the chunk would keep the whole of it.
        if (!this.#lost && part.length > 0) this.#begun = Buffer.concat([this.#begun, part]);
        return lines;
      }
      if (!this.#lost) lines.push(Buffer.concat([this.#begun, part]).toString('utf8'));
      this.#begun = Buffer.alloc(0);
      this.#lost = false;
      at = end + 1;
    }
  }
}
