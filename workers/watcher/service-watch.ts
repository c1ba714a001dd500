/**
 * Watches one service while its watcher leads: each reading is decoded, compared with the view on record and recorded with its
 * events, then the service is woken. Readings wait while the log is out of reach; nothing is lost and no other service waits.
 * What a session's first reading misses is gone only when a later one confirms it (trust.ts).
 */
import type { PointsmanError } from '../../shared/errors.ts';
import { canonical } from '../../shared/model/canonical.ts';
import type { ServiceEvent } from '../../shared/model/event.ts';
import type { InstanceId, ServiceName } from '../../shared/model/ids.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import { wentBackwards } from '../../shared/znode/backwards.ts';
import { diffView, latestMzxid } from '../../shared/znode/view.ts';
import type { ZookeeperLink } from '../../shared/zookeeper/link.ts';
import { ListWatch } from '../../shared/zookeeper/list-watch.ts';
import type { Reading } from '../../shared/zookeeper/reading.ts';
import { CordonWatch } from './cordon-watch.ts';
import { decodeReading } from './decode-reading.ts';
import type { NameResolver } from './name-resolver.ts';
import type { ServiceWake, WatcherLog } from './ports.ts';
import { ReadingTeller } from './reading-teller.ts';
import { ServersetGroup } from './serverset-group.ts';
import type { ServiceWatchStatus } from './service-watch-status.ts';
import { Stated } from './stated.ts';
import { believes, type Trust, trustAfter } from './trust.ts';
import { type Change, type Recorded, type Tenure, ViewWriter } from './view-writer.ts';
import { WakeSender } from './wake-sender.ts';

export interface ServiceWatchOptions {
  readonly link: ZookeeperLink;
  readonly log: WatcherLog;
  readonly wake: ServiceWake;
  readonly resolver: NameResolver;
  readonly tenure: Tenure;
  /** The parent of our own znodes. */
  readonly root: string;
  readonly rereadMs?: number;
  readonly noticed?: (service: ServiceName) => void;
  readonly settled?: (service: ServiceName) => void;
  readonly logger: Logger;
}

/** ms beyond the session timeout before the confirming read: a timer may fire early. */
const CONFIRM_MARGIN_MS = 50;

export class ServiceWatch {
  readonly service: ServiceName;
  #config: ServiceConfig;
  readonly #options: ServiceWatchOptions;
  readonly #abort = new AbortController();
  readonly #writer: ViewWriter;
  readonly #wake: WakeSender;
  readonly #list: ListWatch;
  readonly #teller: ReadingTeller;
  readonly #stated = new Stated();
  readonly #group = new ServersetGroup();
  readonly #cordons: CordonWatch;
  /** Both the writer's steps and the config's go one after the other. */
  #turn: Promise<void> = Promise.resolve();
  #trust: Trust = { state: 'unread' };
  #session: string | null = null;
  #connection: number | null = null;
  #missing = 0;
  #freshAt = performance.now();
  #problem: PointsmanError | null = null;
  #confirmTimer: NodeJS.Timeout | undefined;

  constructor(config: ServiceConfig, options: ServiceWatchOptions) {
    this.service = config.name;
    this.#config = config;
    this.#options = options;
    const shared = { signal: this.#abort.signal, logger: options.logger };
    const listed = {
      logger: options.logger,
      noticed: () => options.noticed?.(config.name),
      settled: () => options.settled?.(config.name),
      ...(options.rereadMs === undefined ? {} : { rereadMs: options.rereadMs }),
    };
    this.#writer = new ViewWriter(config.name, { log: options.log, tenure: options.tenure, ...shared });
    this.#wake = new WakeSender(config.name, { wake: options.wake, ...shared });
    this.#teller = new ReadingTeller(config.name, options.logger);
    this.#list = new ListWatch(options.link, {
      path: config.path,
      barrier: `${options.root}/barrier`,
      deliver: (reading) => this.#cordons.told.then(() => this.#inTurn(() => this.#take(reading))),
      problem: (problem) => {
        this.#problem = problem;
      },
      ...listed,
    });
    const { link, root } = options;
    this.#cordons = new CordonWatch(config.name, { link, root, record: (...step) => this.#record(...step), ...listed });
  }

  /** For events beside the children's; `compute` is given who is cordoned by the record. false: we do not lead any more. */
  async #record(compute: (cordoned: ReadonlySet<InstanceId>) => readonly ServiceEvent[], options: { reread: boolean }): Promise<boolean> {
    let recorded: Recorded | null = null;
    await this.#inTurn(async () => {
      recorded = await this.#writer.commit(() => ({ set: new Map(), remove: [], events: compute(this.#writer.cordoned) }), options);
      if (recorded !== null) this.#tell(recorded, null, false);
    });
    return recorded !== null;
  }

  start(): void {
    void this.#inTurn(() => this.#publish());
    this.#list.start();
    this.#cordons.start();
  }

  /** What is being recorded is recorded or given up before it resolves. */
  async stop(): Promise<void> {
    this.#abort.abort();
    this.#list.stop();
    this.#cordons.stop();
    clearTimeout(this.#confirmTimer);
    await this.#turn;
  }

  /** For the same path and format; another needs another watch. */
  async reconfigure(config: ServiceConfig): Promise<void> {
    const namesChanged = config.allow.names !== this.#config.allow.names;
    this.#config = config;
    await this.#inTurn(() => this.#publish());
    if (namesChanged) await this.#list.reread();
  }

  /** Resolves when all has been read again and recorded. Rejects when the watch is stopped meanwhile. */
  resync(): Promise<void> {
    return this.#cordons.reread().then(() => this.#list.reread({ synced: true }));
  }

  get config(): ServiceConfig {
    return this.#config;
  }

  get status(): ServiceWatchStatus {
    const { link } = this.#options;
    const fresh = this.#trust.state === 'sure' && link.connected && link.connection === this.#connection && this.#problem === null;
    if (fresh) this.#freshAt = performance.now();
    return {
      service: this.service,
      absent: this.#teller.absent,
      children: this.#writer.children.size,
      fresh,
      staleMs: fresh ? null : Math.round(performance.now() - this.#freshAt),
      missing: this.#missing,
      problem: this.#problem,
      wakeWaiting: this.#wake.waiting,
    };
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    this.#turn = done.catch((error: unknown) =>
      this.#options.logger.error({ service: this.service, err: error }, 'the watch of a service failed'),
    );
    return done;
  }

  /** Puts the config on record when another one is there. */
  async #publish(): Promise<void> {
    const recorded = await this.#writer.commit(() => ({ set: new Map(), remove: [], events: this.#configured() }));
    if (recorded !== null) this.#tell(recorded, null, false);
  }

  #configured(): ServiceEvent[] {
    const onRecord = this.#writer.config;
    const isRecorded = onRecord === this.#config || (onRecord !== null && canonical(onRecord) === canonical(this.#config));
    return isRecorded ? [] : [{ type: 'configured', config: this.#config }];
  }

  /** Said once, when a whole reading of a parent that is there leaves nothing in doubt and nothing unread. */
  #completed(reading: Reading, missing: readonly string[]): ServiceEvent[] {
    const whole = reading.kind === 'full' && reading.parent.present && missing.length === 0 && reading.unread.length === 0;
    return whole && !this.#writer.complete ? [{ type: 'complete' }] : [];
  }

  async #take(whole: Reading): Promise<void> {
    const reading = this.#group.members(whole);
    if (reading.at.session !== this.#session) this.#trust = { state: 'unread' };
    const firstOfConnection = reading.at.connection !== this.#connection;
    this.#session = reading.at.session;
    this.#connection = reading.at.connection;
    const decoded = this.#group.together(await decodeReading(reading.read, this.#config, this.#options.resolver), reading);
    const restated = this.#stated.restated(decoded, { all: this.#group.isUsed });
    const confirmed = believes(this.#trust, reading, performance.now(), this.#options.link.sessionTimeout);
    let missing: readonly string[] = [];
    let mzxid: string | null = null;
    let found: readonly ServiceEvent[] = [];
    const recorded = await this.#writer.commit(
      (): Change => {
        const { children, backing } = this.#writer;
        const difference = diffView(children, reading, decoded, { confirmed, restated, words: this.#stated.words(backing) });
        missing = difference.unconfirmed;
        found = difference.events;
        mzxid = latestMzxid(difference);
        const first = wentBackwards(children, reading, difference.remove);
        const events = [...this.#configured(), ...first, ...difference.events, ...this.#completed(reading, missing)];
        return { ...difference, events };
      },
      { reread: reading.kind === 'full' },
    );
    if (recorded === null) return;
    this.#stated.note(reading, decoded, this.#writer.children);
    this.#teller.read(this.#config, reading.parent.present, found);
    this.#tell(recorded, mzxid, firstOfConnection);
    this.#judge(reading, missing);
    // A step from a view that is not the one we knew, or that bears on others, tells only of what was read.
    if (reading.kind === 'delta' && (recorded.moved || this.#group.bears)) this.#list.reread().catch(() => {});
  }

  /** A connection's first reading wakes in any case: a wake of before may have been lost with its sender. */
  #tell(recorded: Recorded, mzxid: string | null, always: boolean): void {
    if (!always && !recorded.unsure && recorded.ids.length === 0) return;
    this.#wake.send({ path: this.#config.path, events: recorded.ids, mzxid });
  }

  #judge(reading: Reading, missing: readonly string[]): void {
    const now = performance.now();
    this.#trust = trustAfter(this.#trust, reading, missing.length, now);
    if (reading.kind === 'delta') return;
    this.#missing = missing.length;
    clearTimeout(this.#confirmTimer);
    if (this.#trust.state !== 'doubt') return;
    const { logger, link } = this.#options;
    logger.warn(
      { service: this.service, missing: missing.length, parent: reading.parent.present },
      'instances are missing, not believed yet',
    );
    const wait = Math.max(0, this.#trust.since + link.sessionTimeout - now) + CONFIRM_MARGIN_MS;
    this.#confirmTimer = setTimeout(() => {
      // It rejects only when the watch is stopped.
      this.#list.reread({ synced: true }).catch(() => {});
    }, wait);
  }
}
