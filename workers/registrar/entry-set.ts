/** The entries that a registrar keeps, by znode, and those that leave until their withdrawal is over: brought in line with what is wanted, one by one. */
import type { RegisterConfig } from '../../shared/model/register.ts';
import type { EntryReport } from '../../shared/model/registrar-report.ts';
import { pause } from '../../shared/runtime/wait.ts';
import { encodedName } from '../../shared/znode/encode.ts';
import { type EntryOptions, RegisterEntry } from './entry.ts';

export interface Wanted {
  readonly config: RegisterConfig;
  readonly by: EntryReport['by'];
}

export class EntrySet {
  readonly #entries = new Map<string, RegisterEntry>();
  /** No longer wanted; each until its withdrawal is over. */
  readonly #leaving = new Map<string, RegisterEntry>();
  readonly #options: EntryOptions;
  readonly #isDown: (service: string) => boolean;
  readonly #stopping: AbortSignal;

  /** `isDown`: whether a service is down for maintenance. */
  constructor(options: EntryOptions, isDown: (service: string) => boolean, stopping: AbortSignal) {
    this.#options = options;
    this.#isDown = isDown;
    this.#stopping = stopping;
  }

  get(znode: string): RegisterEntry | undefined {
    return this.#entries.get(znode);
  }

  leaving(znode: string): RegisterEntry | undefined {
    return this.#leaving.get(znode);
  }

  /** With those that leave. */
  get all(): readonly RegisterEntry[] {
    return [...this.#entries.values(), ...this.#leaving.values()];
  }

  /** By service and instance, without those that are gone but for the last word. */
  get reports(): readonly EntryReport[] {
    const leaving = [...this.#leaving.values()].map(({ report }) => report).filter(({ state }) => state !== 'down');
    return [...[...this.#entries.values()].map(({ report }) => report), ...leaving].sort(byName);
  }

  /** Those that are as they were go on as they are. `atOnce`: znodes that are not drained first, should they not be wanted any more. */
  apply(wanted: ReadonlyMap<string, Wanted>, atOnce: ReadonlySet<string>): void {
    for (const [znode, entry] of this.#entries) if (!wanted.has(znode)) this.#leave(znode, entry, atOnce.has(znode));
    for (const [znode, { config, by }] of wanted) {
      const entry = this.#entries.get(znode) ?? this.#leaving.get(znode);
      if (entry === undefined) this.#enter(znode, config, by);
      else {
        this.#leaving.delete(znode);
        this.#entries.set(znode, entry);
        entry.by = by;
        // First, so that another drain does not end a withdrawal that is undone.
        this.#judgeOne(entry);
        if (JSON.stringify(entry.config) !== JSON.stringify(config)) entry.update(config);
      }
    }
  }

  /** Withdraws what is down for maintenance, and offers what is not any more. */
  judge(): void {
    for (const entry of this.#entries.values()) this.#judgeOne(entry);
  }

  /** Resolves when the znode of one that leaves is gone. Nobody waits for it without a bound. */
  async gone(entry: RegisterEntry): Promise<void> {
    await entry.settled();
    while (entry.left > 0 && !this.#stopping.aborted) await pause(entry.left + 1, this.#stopping);
    await entry.settled();
  }

  #enter(znode: string, config: RegisterConfig, by: EntryReport['by']): void {
    const entry = new RegisterEntry(config, by, this.#options);
    this.#entries.set(znode, entry);
    this.#judgeOne(entry);
    entry.start();
  }

  #leave(znode: string, entry: RegisterEntry, atOnce: boolean): void {
    this.#entries.delete(znode);
    this.#leaving.set(znode, entry);
    entry.withdraw(atOnce ? 0 : undefined);
    void this.gone(entry).then(() => {
      if (this.#leaving.get(znode) !== entry) return;
      this.#leaving.delete(znode);
      entry.close();
    });
  }

  #judgeOne(entry: RegisterEntry): void {
    if (this.#isDown(entry.config.service)) entry.withdraw();
    else entry.offer();
  }
}

export function znodeOf(config: RegisterConfig): string {
  return `${config.path}/${encodedName(config.format, config)}`;
}

function byName(a: EntryReport, b: EntryReport): number {
  if (a.service !== b.service) return a.service < b.service ? -1 : 1;
  return a.instance < b.instance ? -1 : 1;
}
