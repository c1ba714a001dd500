/**
 * Watches one of a service's paths: its readings, what vectors and shards make of what they say, and how far what they miss is believed (trust.ts). Each path has
 * a trust of its own, so one that is not there, or cannot be read, says nothing of the others.
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
  readonly deliver: (reading: Reading) => Promise<void>;
  readonly noticed: () => void;
  readonly settled: () => void;
  readonly rereadMs?: number;
  readonly logger: Logger;
}

/** ms beyond the session timeout before the confirming read: a timer may fire early. */
export const CONFIRM_MARGIN_MS = 50;

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
  #whole = false;
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
    if (at.session !== this.#session) this.#trust = { state: 'unread' };
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
    this.#whole = isWhole(reading, missing);
    clearTimeout(this.#confirmTimer);
    if (this.#trust.state !== 'doubt') return;
    const { logger, link } = this.#options;
    logger.warn(
      { service: this.#service, path: this.path, missing: missing.length, parent: reading.parent.present },
      'instances are missing, not believed yet',
    );
    const wait = Math.max(0, this.#trust.since + link.sessionTimeout - now) + CONFIRM_MARGIN_MS;
    this.#confirmTimer = setTimeout(() => {
      // It rejects only when the watch is stopped.
      this.#list.reread({ synced: true }).catch(() => {});
    }, wait);
  }

  /** Whether the last reading of all was of a path that is there, and left nothing in doubt and nothing unread. */
  get whole(): boolean {
    return this.#whole;
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

export function isWhole(reading: Reading, missing: readonly string[]): boolean {
  return reading.kind === 'full' && reading.parent.present && missing.length === 0 && reading.unread.length === 0;
}
