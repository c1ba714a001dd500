/** What was started, to be ended in reverse order, once, whatever happens in between. */
export class Endings {
  readonly #ends: (() => Promise<void>)[] = [];

  add<T extends { stop(): Promise<void> }>(started: T): T {
    this.#ends.push(() => started.stop());
    return started;
  }

  /** Says what did not end well, and goes on. */
  async run(): Promise<void> {
    for (let end = this.#ends.pop(); end !== undefined; end = this.#ends.pop()) {
      await end().catch((error: unknown) => console.error(`not ended cleanly: ${String(error)}`));
    }
  }
}
