/**
 * PURE. Cuts the stream of a runtime connection in `prompt` mode into replies: each ends with LF and "> ". Chunks may be cut anywhere.
 * Every byte is looked at once, however large a reply is.
 */

const PROMPT = Buffer.from('\n> ');

export class PromptFrames {
  #chunks: Buffer[] = [];
  #bytes = 0;

  /** Bytes of the reply that has begun and not ended. */
  get pendingBytes(): number {
    return this.#bytes;
  }

  /** The replies that this chunk completes, without their prompts. */
  push(chunk: Buffer): string[] {
    const replies: string[] = [];
    let rest = chunk;
    while (rest.length > 0) {
      const tail = this.#tail();
      const seam = tail.length === 0 ? rest : Buffer.concat([tail, rest]);
      const at = seam.indexOf(PROMPT);
      if (at < 0) {
        this.#chunks.push(rest);
        this.#bytes += rest.length;
        break;
      }
      const end = at - tail.length + PROMPT.length;
      const reply = Buffer.concat([...this.#chunks, rest.subarray(0, end)]);
      replies.push(reply.toString('utf8', 0, reply.length - PROMPT.length));
      this.#chunks = [];
      this.#bytes = 0;
      rest = rest.subarray(end);
    }
    return replies;
  }

  /** The last bytes that may be the beginning of a prompt. */
  #tail(): Buffer {
    const wanted = PROMPT.length - 1;
    let tail = Buffer.alloc(0);
    for (let index = this.#chunks.length - 1; index >= 0 && tail.length < wanted; index -= 1) {
      const chunk = this.#chunks[index];
      if (chunk !== undefined) tail = Buffer.concat([chunk.subarray(-(wanted - tail.length)), tail]);
    }
    return tail;
  }
}
