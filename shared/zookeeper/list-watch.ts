/**
 * Follows the children of one path and their data, and hands on readings: a full one after every connection and now and then
 * (which heals a lost watch), a delta when a watch fires. A watch only says where to look; what is handed on was read, with the
 * next watch set by the same call. No error is ever handed on as absence: on trouble the last reading stands, and it tries again.
 */
import { errorFields, type PointsmanError } from '../errors.ts';
import type { Logger } from '../observability/logger.ts';
import { backoff, ENDED, pause } from '../runtime/wait.ts';
import { hasCode, zookeeperError } from './errors.ts';
import type { WatchEvent, ZookeeperLink } from './link.ts';
import { type Needs, needsAnything, noNeeds } from './list-needs.ts';
import { type ChildrenRead, readChildren } from './read-children.ts';
import type { Reading } from './reading.ts';

export interface ListWatchOptions {
  readonly path: string;
  /** Awaited: readings come one after the other, and what happens meanwhile is in the next. What it throws means: read all again. */
  readonly deliver: (reading: Reading) => Promise<void>;
  /** Told when a watch has fired and its reading is on its way, and when that has been delivered, or came to nothing. */
  readonly noticed?: () => void;
  readonly settled?: () => void;
  /** Told when trouble with this path begins or changes, and null when it is over. */
  readonly problem?: (problem: PointsmanError | null) => void;
  /** The znode that a synced reading writes to first. */
  readonly barrier: string;
  /** ms between full readings, give or take the jitter. Default 30,000. */
  readonly rereadMs?: number;
  readonly logger: Logger;
}

const REREAD_MS = 30_000;
/** Share of the time between full readings by which they are spread, so that services do not all read at once. */
const REREAD_JITTER = 0.15;
/** ms until the next try; longer when only somebody else can mend it. */
const RETRY_MS = { transient: 100, after: 1_000, most: 30_000 };

export class ListWatch {
  readonly #link: ZookeeperLink;
  readonly #options: ListWatchOptions;
  readonly #prefix: string;
  /** The children that this connection has shown. */
  #known = new Set<string>();
  #parent: { readonly cversion: number; readonly pzxid: string } | null = null;
  #needs: Needs = noNeeds();
  #running = false;
  #stopped = true;
  #problem: PointsmanError | null = null;
  #sleep = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(link: ZookeeperLink, options: ListWatchOptions) {
    this.#link = link;
    this.#options = options;
    this.#prefix = options.path === '/' ? '/' : `${options.path}/`;
  }

  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#link.on('up', this.#onUp);
    this.#schedule();
    if (this.#link.connected) this.#onUp();
  }

  /** Nothing is handed on after it, except a reading that was being handed on. */
  stop(): void {
    this.#stopped = true;
    this.#link.off('up', this.#onUp);
    clearTimeout(this.#timer);
    this.#sleep.abort();
    for (const waiter of this.#needs.waiters.splice(0))
      waiter.reject(zookeeperError(new Error('stopped'), `reading ${this.#options.path}`));
  }

  /** Resolves when a full reading that began after the call has been handed on; with `synced`, one that had a write of ours ahead. */
  reread(options: { synced?: boolean } = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#stopped) return reject(zookeeperError(new Error('stopped'), `reading ${this.#options.path}`));
      this.#needs.waiters.push({ resolve, reject });
      this.#needs.full = true;
      this.#needs.synced ||= options.synced ?? false;
      this.#kick();
    });
  }

  readonly #onUp = (): void => {
    this.#known.clear();
    this.#needs.full = true;
    this.#kick();
  };

  readonly #onParent = (event: WatchEvent): void => {
    if (event.kind === 'children') this.#needs.list = true;
    else this.#needs.full = true;
    this.#kick();
  };

  readonly #onChild = (event: WatchEvent): void => {
    this.#needs.names.add(event.path.slice(this.#prefix.length));
    if (event.kind === 'deleted') this.#needs.list = true;
    this.#kick();
  };

  #schedule(): void {
    const every = this.#options.rereadMs ?? REREAD_MS;
    const wait = every * (1 - REREAD_JITTER + 2 * REREAD_JITTER * Math.random());
    this.#timer = setTimeout(() => {
      this.#needs.full = true;
      this.#kick();
      this.#schedule();
    }, wait);
  }

  /** Begins after the present turn: what arrived together is read together. */
  #kick(): void {
    this.#sleep.abort(ENDED);
    if (this.#running || this.#stopped) return;
    this.#running = true;
    setImmediate(() => void this.#run().finally(() => this.#ran()));
  }

  #ran(): void {
    this.#running = false;
    if (this.#link.connected && needsAnything(this.#needs)) this.#kick();
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#stopped && this.#link.connected && needsAnything(this.#needs); ) {
      const connection = this.#link.connection;
      const needs = this.#needs;
      this.#needs = noNeeds();
      try {
        const asked = needs.full ? this.#readAll(needs.synced) : this.#readSome(needs);
        if (!needs.full) this.#options.noticed?.();
        const reading = await asked;
        if (this.#stopped) return;
        if (connection !== this.#link.connection) this.#again(needs);
        else if (reading !== null) await this.#options.deliver(reading);
        else if (needs.full) this.#again(needs);
        if (connection === this.#link.connection && reading !== null) for (const waiter of needs.waiters) waiter.resolve();
        failures = 0;
        this.#trouble(reading !== null && reading.unread.length > 0 ? this.#unreadable(reading.unread.length) : null);
      } catch (error) {
        this.#again(needs);
        if (connection === this.#link.connection && this.#link.connected) await this.#failed(error, failures++);
      } finally {
        if (!needs.full) this.#options.settled?.();
      }
    }
  }

  /** What was not done is still needed; half of a delta is made good by reading all. */
  #again(needs: Needs): void {
    this.#needs.full = true;
    this.#needs.synced ||= needs.synced;
    this.#needs.waiters.unshift(...needs.waiters);
  }

  async #failed(error: unknown, failures: number): Promise<void> {
    const problem = zookeeperError(error, `reading ${this.#options.path}`);
    this.#trouble(problem);
    const first = problem.retry === 'transient' ? RETRY_MS.transient : RETRY_MS.after;
    this.#sleep = new AbortController();
    await pause(backoff(failures, { first, most: RETRY_MS.most }), this.#sleep.signal);
  }

  async #readAll(synced: boolean): Promise<Reading | null> {
    if (synced) await this.#link.barrier(this.#options.barrier);
    const listed = await this.#list();
    if (listed === null) return this.#readAbsence(synced);
    const { read, unread } = await this.#readChildren(listed.names);
    this.#known = new Set([...read.keys(), ...unread]);
    return this.#reading({ kind: 'full', read, unread, gone: [], present: true, synced });
  }

  /** null: it is there after all. */
  async #readAbsence(synced: boolean): Promise<Reading | null> {
    if ((await this.#link.exists(this.#options.path, this.#onParent)) !== null) return null;
    this.#known.clear();
    this.#parent = null;
    return this.#reading({ kind: 'full', read: new Map(), unread: [], gone: [], present: false, synced });
  }

  /** null: there was nothing to tell. */
  async #readSome(needs: Needs): Promise<Reading | null> {
    const gone: string[] = [];
    let names = [...needs.names].filter((name) => this.#known.has(name));
    if (needs.list) {
      const listed = await this.#list();
      if (listed === null) {
        this.#needs.full = true;
        return null;
      }
      const present = new Set(listed.names);
      for (const name of this.#known) if (!present.has(name)) gone.push(name);
      names = [...names.filter((name) => present.has(name)), ...listed.names.filter((name) => !this.#known.has(name))];
    }
    const { read, unread, lost } = await this.#readChildren(names);
    gone.push(...lost.filter((name) => this.#known.has(name)));
    for (const name of gone) this.#known.delete(name);
    for (const name of [...read.keys(), ...unread]) this.#known.add(name);
    if (read.size + unread.length + gone.length === 0) return null;
    return this.#reading({ kind: 'delta', read, unread, gone: gone.sort(), present: true, synced: false });
  }

  async #list(): Promise<{ names: string[] } | null> {
    try {
      const { names, stat } = await this.#link.children(this.#options.path, this.#onParent);
      this.#parent = { cversion: stat.cversion, pzxid: stat.pzxid };
      return { names };
    } catch (error) {
      if (hasCode(error, 'ZOOKEEPER_NO_NODE')) return null;
      throw error;
    }
  }

  #readChildren(names: readonly string[]): Promise<ChildrenRead> {
    return readChildren(this.#link, this.#prefix, names, this.#onChild);
  }

  #reading(got: Pick<Reading, 'kind' | 'read' | 'unread' | 'gone'> & { present: boolean; synced: boolean }): Reading {
    const { kind, read, unread, gone, present, synced } = got;
    const at = { session: this.#link.sessionId ?? '', connection: this.#link.connection, synced };
    const parent = { present, cversion: this.#parent?.cversion ?? null, pzxid: this.#parent?.pzxid ?? null };
    return { kind, parent, read, unread, gone, at };
  }

  #unreadable(count: number): PointsmanError {
    return zookeeperError({ code: -102, name: 'NO_AUTH' }, `reading ${count} of the children of ${this.#options.path}`);
  }

  #trouble(problem: PointsmanError | null): void {
    if (problem?.message === this.#problem?.message) return;
    this.#problem = problem;
    if (problem !== null) this.#options.logger.warn({ path: this.#options.path, ...errorFields(problem) }, 'cannot read from zookeeper');
    this.#options.problem?.(problem);
  }
}
