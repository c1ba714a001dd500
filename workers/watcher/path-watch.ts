/**
 * Watches one of a service's paths: its readings, what vectors and shards make of what they say, and how far what they miss is believed (trust.ts). Each path has
 * a trust of its own, so one that is not there, or cannot be read, says nothing of the others. That one of several is not there is believed as the end of an
 * instance is: when it is so again a session timeout later.
 */
import type { PointsmanError } from '../../shared/errors.ts';
import type { Askable } from '../../shared/model/asked-options.ts';
import type { ServiceEvent } from '../../shared/model/event.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import type { ZookeeperLink } from '../../shared/zookeeper/link.ts';
import { ListWatch } from '../../shared/zookeeper/list-watch.ts';
import type { Reading } from '../../shared/zookeeper/reading.ts';
import { ReadingTeller } from './reading-teller.ts';
import { ServersetGroup } from './serverset-group.ts';
import { believes, type Trust, trustAfter } from './trust.ts';

export interface PathWatchOptions {
  readonly link: ZookeeperLink;
  /** The parent of our own znodes. */
  readonly root: string;
  /** Whether the service has other paths. */
  readonly hasOthers: boolean;
  readonly deliver: (reading: Reading) => Promise<void>;
  readonly noticed: () => void;
  readonly settled: () => void;
  readonly rereadMs?: number;
  readonly logger: Logger;
}

/** ms beyond the session timeout before the confirming read: a timer may fire early. */
export const CONFIRM_MARGIN_MS = 50;

/** What the readings of a session make of a path; open: it was not read to the end, or something of it is in doubt. */
export type PathStanding = 'whole' | 'absent' | 'open';

export class PathWatch {
  readonly path: string;
  readonly group = new ServersetGroup();
  readonly #service: ServiceName;
  readonly #options: PathWatchOptions;
  readonly #list: ListWatch;
  readonly #teller: ReadingTeller;
  #trust: Trust = { state: 'unread' };
  #session: string | null = null;
  #connection: number | null = null;
  #missing = 0;
  #standing: PathStanding = 'open';
  /** When the reading in hand was begun, and since when all readings have missed the path: ms, monotonic. */
  #begunAt = 0;
  #absentSince: number | null = null;
  #problem: PointsmanError | null = null;
  #confirmTimer: NodeJS.Timeout | undefined;

  constructor(service: ServiceName, path: string, options: PathWatchOptions) {
    const { link, root, deliver, noticed, settled, rereadMs, logger } = options;
    this.path = path;
    this.#service = service;
    this.#options = options;
    this.#teller = new ReadingTeller(service, logger);
    this.#list = new ListWatch(link, {
      path,
      barrier: `${root}/barrier`,
      deliver,
      problem: (problem) => {
        this.#problem = problem;
      },
      noticed,
      settled,
      logger,
      ...(rereadMs === undefined ? {} : { rereadMs }),
    });
  }

  start(): void {
    this.#list.start();
  }

  stop(): void {
    this.#list.stop();
    clearTimeout(this.#confirmTimer);
  }

  /** As ListWatch.reread. */
  reread(options?: { synced?: boolean }): Promise<void> {
    return this.#list.reread(options);
  }

  /** A reading begins to be recorded. Answers whether it is the first of its connection. */
  begin({ at }: Reading): boolean {
    this.#begunAt = performance.now();
    if (at.session !== this.#session) {
      this.#trust = { state: 'unread' };
      this.#standing = 'open';
      this.#absentSince = null;
    }
    const isFirst = at.connection !== this.#connection;
    this.#session = at.session;
    this.#connection = at.connection;
    return isFirst;
  }

  /** Whether what the reading misses is gone. */
  believes(reading: Reading): boolean {
    return believes(this.#trust, reading, performance.now(), this.#options.link.sessionTimeout);
  }

  /** It is recorded: `missing` are those that it misses and that are not believed to be gone. */
  judge(reading: Reading, missing: readonly string[], found: readonly ServiceEvent[], allowed: readonly Askable[]): void {
    const now = performance.now();
    this.#teller.read(this.path, reading.parent.present, found, allowed);
    this.#trust = trustAfter(this.#trust, reading, missing.length, now);
    if (reading.kind === 'delta') return;
    this.#missing = missing.length;
    this.#standing = this.standingBy(reading, missing);
    this.#absentSince = reading.parent.present ? null : (this.#absentSince ?? this.#begunAt);
    clearTimeout(this.#confirmTimer);
    const since = this.#trust.state === 'doubt' ? this.#trust.since : this.#standing === 'open' ? this.#absentSince : null;
    if (since === null || (this.#trust.state !== 'doubt' && !this.#options.hasOthers)) return;
    if (this.#trust.state === 'doubt') this.#warn(reading, missing);
    const wait = Math.max(0, since + this.#options.link.sessionTimeout - now) + CONFIRM_MARGIN_MS;
    this.#confirmTimer = setTimeout(() => {
      // It rejects only when the watch is stopped.
      this.#list.reread({ synced: true }).catch(() => {});
    }, wait);
  }

  #warn(reading: Reading, missing: readonly string[]): void {
    this.#options.logger.warn(
      { service: this.#service, path: this.path, missing: missing.length, parent: reading.parent.present },
      'instances are missing, not believed yet',
    );
  }

  /** By the last reading of all. */
  get standing(): PathStanding {
    return this.#standing;
  }

  /** By the reading in hand. */
  standingBy(reading: Reading, missing: readonly string[]): PathStanding {
    if (reading.kind === 'delta' || missing.length > 0 || reading.unread.length > 0) return 'open';
    if (reading.parent.present) return 'whole';
    const waited = this.#absentSince === null ? 0 : this.#begunAt - this.#absentSince;
    return this.#standing === 'absent' || (reading.at.synced && waited >= this.#options.link.sessionTimeout) ? 'absent' : 'open';
  }

  /** Whether what it shows is what Zookeeper has, by a watch that is in force. */
  get fresh(): boolean {
    const { link } = this.#options;
    return this.#trust.state === 'sure' && link.connected && link.connection === this.#connection && this.#problem === null;
  }

  /** The path, when it is not there. */
  get absent(): string | null {
    return this.#teller.absent;
  }

  get missing(): number {
    return this.#missing;
  }

  get problem(): PointsmanError | null {
    return this.#problem;
  }
}
