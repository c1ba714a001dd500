/**
 * Znodes on record that are below none of a service's paths any more: the config named others before. They are losses, as what a changed path misses; but
 * only once every path that is named now has been read, and a second time a session timeout later: what moved must have been heard of.
 */
import { parentOf, type ServicePath } from '../../shared/model/service-path.ts';
import type { Words } from '../../shared/znode/spokesman.ts';
import { diffView, type ViewDifference, type ViewEntry } from '../../shared/znode/view.ts';
import { CONFIRM_MARGIN_MS, type PathWatch } from './path-watch.ts';

export class LeftBehind {
  readonly #paths: readonly PathWatch[];
  readonly #sweep: () => Promise<void>;
  #count = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `sweep` records the losses. */
  constructor(paths: readonly PathWatch[], sweep: () => Promise<void>) {
    this.#paths = paths;
    this.#sweep = sweep;
  }

  get count(): number {
    return this.#count;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Behind a reading of all children of a path. `wait`: ms until the second time. */
  look(view: ReadonlyMap<string, ViewEntry>, path: ServicePath, wait: number): void {
    this.#count = leftBehind(view, path).length;
    if (this.#count === 0) this.stop();
    else if (this.#timer === undefined && this.#isRead) this.#timer = setTimeout(() => void this.#confirm(), wait + CONFIRM_MARGIN_MS);
  }

  get #isRead(): boolean {
    return this.#paths.every(({ fresh }) => fresh);
  }

  async #confirm(): Promise<void> {
    try {
      await Promise.all(this.#paths.map((path) => path.reread({ synced: true })));
      // They may have been waited for in vain, or the watch may have been stopped meanwhile.
      if (this.#timer !== undefined && this.#isRead) await this.#sweep();
    } catch {
      // The watch was stopped.
    } finally {
      this.#timer = undefined;
    }
  }
}

export function leftBehind(view: ReadonlyMap<string, ViewEntry>, path: ServicePath): [string, ViewEntry][] {
  return [...view].filter(([name]) => parentOf(path, name) === null).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** That they are registered no longer, and what the others of their instances say. */
export function losses(
  view: ReadonlyMap<string, ViewEntry>,
  left: readonly (readonly [string, ViewEntry])[],
  words: Words,
): Pick<ViewDifference, 'set' | 'remove' | 'events'> {
  const reading = { kind: 'delta', read: new Map(), gone: left.map(([name]) => name), unread: [] } as const;
  return diffView(view, reading, new Map(), { confirmed: true, words });
}
