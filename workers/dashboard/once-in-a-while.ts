/** What is read of Redis at most once a second, however many ask: the others are told the same again. */
const EVERY_MS = 1_000;

export class OnceInAWhile<T> {
  #last: { readonly at: number; readonly value: Promise<T | null> } | null = null;

  /** null: it could not be read. */
  read(read: () => Promise<T>): Promise<T | null> {
    const now = performance.now();
    if (this.#last === null || now - this.#last.at > EVERY_MS) this.#last = { at: now, value: read().catch(() => null) };
    return this.#last.value;
  }
}
