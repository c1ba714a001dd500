/** Work on one key goes one after the other; on different keys side by side. */

export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Begins at once, in this very call, when nothing runs for the key. */
  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const mine = before === undefined ? work() : before.then(work, work);
    const settled = mine
      .catch(() => undefined)
      .then(() => {
        if (this.#last.get(key) === settled) this.#last.delete(key);
      });
    this.#last.set(key, settled);
    return mine;
  }

  isBusy(key: string): boolean {
    return this.#last.has(key);
  }

  /** Resolves when all that runs now has ended. */
  async ended(): Promise<void> {
    await Promise.all(this.#last.values());
  }
}
