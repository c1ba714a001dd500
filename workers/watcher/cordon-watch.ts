/**
 * Watches the cordons of one service while its watcher leads, and tells the log of each that comes, changes or goes. They are kept in Zookeeper, so they
 * outlive Redis; one whose time is over is taken away there too, once the instance's machine has ended it.
 */
import type { ServiceEvent } from '../../shared/model/event.ts';
import type { InstanceId, ServiceName } from '../../shared/model/ids.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import { within } from '../../shared/runtime/deadline.ts';
import { cordonedInstance, cordonName, cordonsPath, decodeCordon } from '../../shared/znode/cordon.ts';
import { escapeText } from '../../shared/znode/escape.ts';
import type { ZookeeperLink } from '../../shared/zookeeper/link.ts';
import { ListWatch } from '../../shared/zookeeper/list-watch.ts';
import type { Reading } from '../../shared/zookeeper/reading.ts';

export interface CordonWatchOptions {
  readonly link: ZookeeperLink;
  /** The parent of our own znodes. */
  readonly root: string;
  /**
   * Puts the events on record; `compute` is given who is cordoned by the record, which is read anew with `reread` (it may have been lost). false: not
   * recorded, we do not lead any more.
   */
  readonly record: (
    compute: (cordoned: ReadonlySet<InstanceId>) => readonly ServiceEvent[],
    options: { reread: boolean },
  ) => Promise<boolean>;
  readonly noticed?: () => void;
  readonly settled?: () => void;
  readonly rereadMs?: number;
  readonly logger: Logger;
}

/** Cordons of one service that are read; further ones are passed over. */
const CORDONS_MAX = 1_000;
/** ms that others wait for a reading of the cordons. */
const REREAD_WITHIN_MS = 2_000;
/** ms after its end that a cordon's znode is taken away: the machine has ended it by then. */
const CLEAR_AFTER_MS = 500;
/** Longer timers fire at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

export class CordonWatch {
  readonly #service: ServiceName;
  readonly #options: CordonWatchOptions;
  readonly #path: string;
  readonly #list: ListWatch;
  /** When the earliest cordon's time is over, its znode is to go. */
  #timer: NodeJS.Timeout | undefined;
  /** Told by this watch: instance -> mzxid of its znode. */
  readonly #told = new Map<InstanceId, string>();
  readonly #first = Promise.withResolvers<void>();

  constructor(service: ServiceName, options: CordonWatchOptions) {
    const { link, root, logger, rereadMs, noticed, settled } = options;
    this.#service = service;
    this.#options = options;
    this.#path = cordonsPath(root, service);
    this.#list = new ListWatch(link, {
      path: this.#path,
      barrier: `${root}/barrier`,
      logger,
      deliver: (reading) => this.#take(reading).finally(() => this.#first.resolve()),
      problem: () => this.#first.resolve(),
      ...(noticed === undefined ? {} : { noticed }),
      ...(settled === undefined ? {} : { settled }),
      ...(rereadMs === undefined ? {} : { rereadMs }),
    });
  }

  start(): void {
    this.#list.start();
  }

  /** Resolves when the cordons are on record for the first time, or cannot be had: whoever comes back must not be in before it is known to be out. */
  get told(): Promise<void> {
    return this.#first.promise;
  }

  stop(): void {
    this.#first.resolve();
    this.#list.stop();
    clearTimeout(this.#timer);
  }

  /** Resolves when all has been read again and recorded, or when that takes too long: what cannot be read keeps nothing else from being read. */
  async reread(): Promise<void> {
    await within(REREAD_WITHIN_MS, this.#list.reread(), () => new Error('late')).catch(() => undefined);
  }

  async #take(reading: Reading): Promise<void> {
    // A first reading may be of a server that lags: what ends a cordon is read behind a write of ours.
    const trusted = reading.kind === 'delta' || reading.at.synced;
    const found = new Map<InstanceId, { mzxid: string; event: ServiceEvent }>();
    const over: { readonly name: string; readonly version: number }[] = [];
    for (const [name, { znode, data }] of [...reading.read].slice(0, CORDONS_MAX)) {
      const instance = cordonedInstance(name);
      if (instance === null) {
        this.#options.logger.warn({ service: this.#service, znode: escapeText(name) }, 'a cordon of no instance');
        continue;
      }
      const { by, reason, until } = decodeCordon(data);
      if (until !== null && until <= Date.now()) over.push({ name, version: znode.version });
      else found.set(instance, { mzxid: znode.mzxid, event: { type: 'cordoned', instance, by, reason, until } });
    }
    const gone = reading.gone.flatMap((name) => cordonedInstance(name) ?? []);
    // Known to be there, whether it was read, passed over or not readable.
    const there = new Set([...reading.read.keys(), ...reading.unread].map((name) => cordonedInstance(name)));
    for (const { name } of over) {
      const instance = cordonedInstance(name);
      there.delete(instance);
      // Its machine has ended it by its own deadline: what is left to be told is only what is not so by the record.
      if (instance !== null) this.#told.delete(instance);
    }
    let missing: InstanceId[] = [];
    const recorded = await this.#options.record(
      (cordoned) => {
        // What was told lately may not be in the record's snapshot yet.
        const known = new Set([...cordoned, ...this.#told.keys()]);
        const whole = [...known].filter((instance) => !found.has(instance) && !there.has(instance));
        missing = reading.kind === 'delta' ? gone.filter((instance) => known.has(instance)) : whole;
        const came = [...found].filter(([instance, { mzxid }]) => this.#told.get(instance) !== mzxid || !cordoned.has(instance));
        const went = trusted ? missing : [];
        return [...came.map(([, { event }]) => event), ...went.map((instance): ServiceEvent => ({ type: 'uncordoned', instance }))];
      },
      { reread: reading.kind === 'full' },
    );
    if (!recorded) return;
    for (const [instance, { mzxid }] of found) this.#told.set(instance, mzxid);
    if (trusted) for (const instance of missing) this.#told.delete(instance);
    if (!trusted && missing.length > 0) this.#list.reread({ synced: true }).catch(() => {});
    await this.#clear(over);
    this.#clearLater([...found.values()].flatMap(({ event }) => (event.type === 'cordoned' && event.until !== null ? [event.until] : [])));
  }

  #clearLater(ends: readonly number[]): void {
    if (ends.length === 0) return;
    clearTimeout(this.#timer);
    const wait = Math.min(TIMER_MAX_MS, Math.max(0, Math.min(...ends) - Date.now()) + CLEAR_AFTER_MS);
    this.#timer = setTimeout(() => void this.#list.reread().catch(() => {}), wait);
  }

  /** Best effort: the next full reading comes by again. */
  async #clear(over: readonly { readonly name: string; readonly version: number }[]): Promise<void> {
    for (const { name, version } of over) {
      // Only as it was read: it may have been set anew meanwhile.
      await this.#options.link.remove(`${this.#path}/${name}`, version).catch((error: unknown) => {
        this.#options.logger.debug(
          { service: this.#service, znode: cordonName(name), error: String(error) },
          'an old cordon stays for now',
        );
      });
    }
  }
}
