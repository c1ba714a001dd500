/**
 * Watches the children of one root while its watcher leads: which names count as there. A name that is gone counts until its absence is believed (trust.ts),
 * and then until the service has no server left (`drained`): its instances go the way that the guard lets them, and nothing of it is taken away before.
 */
import type { PointsmanError } from '../../shared/errors.ts';
import type { DiscoverConfig } from '../../shared/model/discover.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import type { ZookeeperLink } from '../../shared/zookeeper/link.ts';
import { ListWatch } from '../../shared/zookeeper/list-watch.ts';
import type { Reading } from '../../shared/zookeeper/reading.ts';
import { believes, type Trust, trustAfter } from './trust.ts';

export interface DiscoveryOptions {
  readonly link: ZookeeperLink;
  /** The parent of our own znodes. */
  readonly root: string;
  /** Whether nothing of the service is desired on any proxy any more. */
  readonly drained: (service: ServiceName) => Promise<boolean>;
  /** The names are others now. */
  readonly changed: () => void;
  readonly rereadMs?: number;
  readonly logger: Logger;
}

/** ms beyond the session timeout before the confirming read: a timer may fire early. */
const CONFIRM_MARGIN_MS = 50;
/** ms between two looks at whether services that left have drained. */
const DRAINED_EVERY_MS = 1_000;

export class Discovery {
  readonly config: DiscoverConfig;
  readonly #options: DiscoveryOptions;
  readonly #list: ListWatch;
  /** Of a name: whether its znode is believed to be gone. */
  readonly #names = new Map<string, 'there' | 'leaving'>();
  #trust: Trust = { state: 'unread' };
  #session: string | null = null;
  #confirmTimer: NodeJS.Timeout | undefined;
  #drainTimer: NodeJS.Timeout | undefined;
  #stopped = false;
  #problem: PointsmanError | null = null;

  /** `known`: names that were found before, by whoever led then. They count as there until it is known that they are not. */
  constructor(config: DiscoverConfig, known: Iterable<string>, options: DiscoveryOptions) {
    const { link, root, logger, rereadMs } = options;
    this.config = config;
    this.#options = options;
    for (const name of known) this.#names.set(name, 'there');
    this.#list = new ListWatch(link, {
      path: config.root,
      barrier: `${root}/barrier`,
      logger,
      deliver: (reading) => Promise.resolve(this.#take(reading)),
      problem: (problem) => {
        this.#problem = problem;
      },
      ...(rereadMs === undefined ? {} : { rereadMs }),
    });
  }

  start(): void {
    this.#list.start();
  }

  stop(): void {
    this.#stopped = true;
    this.#list.stop();
    clearTimeout(this.#confirmTimer);
    clearTimeout(this.#drainTimer);
  }

  /** Resolves when the root has been read again. Rejects when it is stopped meanwhile. */
  reread(): Promise<void> {
    return this.#list.reread({ synced: true });
  }

  get names(): Iterable<string> {
    return this.#names.keys();
  }

  /** Why the root cannot be read; null: it can. */
  get problem(): PointsmanError | null {
    return this.#problem;
  }

  #take(reading: Reading): void {
    if (reading.at.session !== this.#session) this.#trust = { state: 'unread' };
    this.#session = reading.at.session;
    const there = new Set([...reading.read.keys(), ...reading.unread]);
    const missing = reading.kind === 'delta' ? reading.gone : [...this.#names.keys()].filter((name) => !there.has(name));
    const gone = missing.filter((name) => this.#names.get(name) === 'there');
    const now = performance.now();
    const believed = believes(this.#trust, reading, now, this.#options.link.sessionTimeout);
    const came = [...there].filter((name) => !this.#names.has(name));
    for (const name of there) this.#names.set(name, 'there');
    if (believed) for (const name of gone) this.#leave(name);
    this.#trust = trustAfter(this.#trust, reading, believed ? 0 : gone.length, now);
    if (reading.kind === 'full') this.#confirmLater(now, gone);
    if (came.length > 0) this.#options.changed();
    this.#lookLater();
  }

  #leave(name: string): void {
    this.#names.set(name, 'leaving');
    this.#options.logger.info({ root: this.config.root, service: name }, 'a service is gone; it goes when its servers have');
  }

  #confirmLater(now: number, missing: readonly string[]): void {
    clearTimeout(this.#confirmTimer);
    if (this.#trust.state !== 'doubt') return;
    const { link, logger } = this.#options;
    logger.warn({ root: this.config.root, missing: missing.length }, 'services are missing, not believed yet');
    const wait = Math.max(0, this.#trust.since + link.sessionTimeout - now) + CONFIRM_MARGIN_MS;
    // It rejects only when the watch is stopped.
    this.#confirmTimer = setTimeout(() => void this.#list.reread({ synced: true }).catch(() => undefined), wait);
  }

  #lookLater(): void {
    clearTimeout(this.#drainTimer);
    if (this.#stopped || ![...this.#names.values()].includes('leaving')) return;
    this.#drainTimer = setTimeout(() => void this.#look(), DRAINED_EVERY_MS);
  }

  async #look(): Promise<void> {
    const { logger, drained, changed } = this.#options;
    const leaving = [...this.#names].flatMap(([name, state]) => (state === 'leaving' ? [name] : []));
    let went = false;
    try {
      for (const name of leaving) {
        // It may have come back meanwhile.
        if (!(await drained(name)) || this.#names.get(name) !== 'leaving') continue;
        this.#names.delete(name);
        went = true;
      }
    } catch (error) {
      logger.debug({ root: this.config.root, error: String(error) }, 'not known whether services have drained, looked at again');
    }
    if (this.#stopped) return;
    if (went) changed();
    this.#lookLater();
  }
}
