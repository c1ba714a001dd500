/** PURE. Which servers of a service came to be desired otherwise, and at which revision, as far as one process has read it. */

/** Servers remembered besides those that are desired now. */
const SPARE = 1_000;

export class DesiredNews {
  /** What changed up to here is not known. */
  #floor: number;
  readonly #changed = new Map<string, number>();

  /** `revision`: what was read whole. */
  constructor(revision: number) {
    this.#floor = revision;
  }

  note(server: string, revision: number): void {
    this.#changed.set(server, revision);
  }

  /** `servers`: how many are desired. */
  prune(servers: number, revision: number): void {
    if (this.#changed.size <= 2 * servers + SPARE) return;
    this.#changed.clear();
    this.#floor = revision;
  }

  /** null: it is not known. */
  since(revision: number): ((server: string) => boolean) | null {
    if (revision < this.#floor) return null;
    return (server) => (this.#changed.get(server) ?? 0) > revision;
  }
}
