/**
 * Leader election: each candidate has an ephemeral sequential znode under `<root>/election/<name>`, the lowest number leads,
 * and each watches only the one before it. It says `lost` no later than the moment when the session may have ended, judged by
 * the time a server was last heard. A leader that was suspended can be late all the same: what it does must be fenced.
 */
import { EventEmitter } from 'node:events';
import type { Logger } from '../observability/logger.ts';
import { backoff, pause } from '../runtime/wait.ts';
import { hasCode } from './errors.ts';
import type { ZookeeperLink } from './link.ts';

export interface ElectionOptions {
  /** Our own tree, e.g. `/pointsman`. */
  readonly root: string;
  readonly name: string;
  /** What the candidate's znode says of it, for people: host and pid. */
  readonly id: string;
  readonly logger: Logger;
}

export interface ElectionEvents {
  elected: [];
  lost: [];
}

const RETRY_MS = { first: 50, most: 2_000 };
/** `n_<session>-<number>`; the number has ten digits. */
const CANDIDATE = /^n_([0-9a-f]+)-([0-9]{10})$/;

export class Election extends EventEmitter<ElectionEvents> {
  readonly #link: ZookeeperLink;
  readonly #options: ElectionOptions;
  readonly #path: string;
  #leader = false;
  #stopped = true;
  #running = false;
  #again = false;
  #lostTimer: NodeJS.Timeout | undefined;
  #sleep = new AbortController();

  constructor(link: ZookeeperLink, options: ElectionOptions) {
    super();
    this.#link = link;
    this.#options = options;
    this.#path = `${options.root}/election/${options.name}`;
  }

  get leader(): boolean {
    return this.#leader;
  }

  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#link.on('up', this.#onUp).on('down', this.#onDown).on('expired', this.#onExpired);
    this.#look();
  }

  /** Gives the lead away at once when there is a connection. Safe to call twice. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#sleep.abort();
    this.#link.off('up', this.#onUp).off('down', this.#onDown).off('expired', this.#onExpired);
    this.#setLeader(false);
    try {
      for (const mine of (await this.#candidates()).filter((name) => this.#isMine(name))) await this.#link.remove(`${this.#path}/${mine}`);
    } catch {
      // The session's end takes it away.
    }
  }

  /** Asks Zookeeper, past any stale server, whether we still lead. Throws the link's errors. */
  async confirm(): Promise<boolean> {
    await this.#link.barrier(`${this.#options.root}/barrier`);
    const first = (await this.#candidates())[0];
    const leads = first !== undefined && this.#isMine(first);
    if (leads !== this.#leader) this.#look();
    return leads;
  }

  readonly #onUp = ({ resumed }: { resumed: boolean }): void => {
    clearTimeout(this.#lostTimer);
    if (!resumed) this.#setLeader(false);
    this.#look();
  };

  readonly #onDown = ({ heard }: { heard: number }): void => {
    clearTimeout(this.#lostTimer);
    this.#lostTimer = setTimeout(() => this.#setLeader(false), Math.max(0, heard + this.#link.sessionTimeout - performance.now()));
  };

  readonly #onExpired = (): void => this.#setLeader(false);

  readonly #look = (): void => {
    this.#again = true;
    this.#sleep.abort();
    if (this.#running || this.#stopped) return;
    this.#running = true;
    void this.#run().finally(() => {
      this.#running = false;
    });
  };

  async #run(): Promise<void> {
    for (let failures = 0; this.#again && !this.#stopped && this.#link.connected; ) {
      this.#again = false;
      try {
        await this.#standing();
        failures = 0;
      } catch (error) {
        this.#again = true;
        if (!this.#link.connected) return;
        this.#options.logger.warn({ err: error }, 'election not possible');
        this.#sleep = new AbortController();
        await pause(backoff(failures++, RETRY_MS), this.#sleep.signal);
      }
    }
  }

  /** Takes part if need be, and finds out where we stand. */
  async #standing(): Promise<void> {
    let candidates = await this.#candidates();
    if (!candidates.some((name) => this.#isMine(name))) {
      this.#setLeader(false);
      await this.#link.create(`${this.#path}/n_${this.#session()}-`, this.#options.id, { ephemeral: true, sequential: true });
      candidates = await this.#candidates();
    }
    if (this.#stopped) return;
    const place = candidates.findIndex((name) => this.#isMine(name));
    // The leader watches itself: somebody may delete its znode by hand.
    const watched = candidates[Math.max(0, place - 1)];
    if (place < 0 || watched === undefined || (await this.#link.exists(`${this.#path}/${watched}`, this.#look)) === null) {
      this.#again = true;
      return;
    }
    if (!this.#stopped && this.#link.connected) this.#setLeader(place === 0);
  }

  /** By number. */
  async #candidates(): Promise<string[]> {
    const names = await this.#names();
    return names.filter((name) => CANDIDATE.test(name)).sort((a, b) => numberOf(a) - numberOf(b));
  }

  async #names(): Promise<string[]> {
    try {
      return (await this.#link.children(this.#path)).names;
    } catch (error) {
      if (!hasCode(error, 'ZOOKEEPER_NO_NODE')) throw error;
      await this.#link.ensure(this.#path);
      return [];
    }
  }

  /** Found by session, so that one whose creation was never answered is found too. */
  #isMine(name: string): boolean {
    return CANDIDATE.exec(name)?.[1] === this.#session();
  }

  #session(): string {
    return (this.#link.sessionId ?? '').replace(/^0x/, '');
  }

  #setLeader(leader: boolean): void {
    if (leader === this.#leader) return;
    this.#leader = leader;
    this.#options.logger.info({ election: this.#options.name, leader }, leader ? 'elected' : 'no longer elected');
    this.emit(leader ? 'elected' : 'lost');
  }
}

function numberOf(candidate: string): number {
  return Number(CANDIDATE.exec(candidate)?.[2] ?? Number.NaN);
}
