/**
 * PURE. Zookeeper's framing: each packet is a signed 32-bit length and that many bytes. One splitter serves one socket, so
 * that what a cut link left over can never be taken for the start of the next link's handshake.
 */

/** A length beyond this is noise, not a reply: 64 MB is about a million children. */
const FRAME_BYTES_MAX = 64 * 1024 * 1024;
const LENGTH_BYTES = 4;

export class FrameSplitter {
  #chunks: Buffer[] = [];
  #held = 0;
  #needed = LENGTH_BYTES;
  #sized = false;

  /** The packets that are whole now, each with its length in front. Throws on a length that cannot be. */
  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    const frames: Buffer[] = [];
    while (this.#held >= this.#needed) {
      const bytes = this.#chunks.length === 1 ? chunkOf(this.#chunks) : Buffer.concat(this.#chunks, this.#held);
      this.#chunks = [bytes];
      if (!this.#sized) {
        const length = bytes.readInt32BE(0);
        if (length <= 0 || length > FRAME_BYTES_MAX) throw new Error(`a packet cannot be ${length} bytes long`);
        this.#needed = length + LENGTH_BYTES;
        this.#sized = true;
        continue;
      }
      frames.push(bytes.subarray(0, this.#needed));
      const rest = bytes.subarray(this.#needed);
      this.#chunks = rest.length > 0 ? [rest] : [];
      this.#held = rest.length;
      this.#needed = LENGTH_BYTES;
      this.#sized = false;
    }
    return frames;
  }
}

function chunkOf(chunks: readonly Buffer[]): Buffer {
  return chunks[0] ?? Buffer.alloc(0);
}
