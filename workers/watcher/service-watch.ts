/**
 * Watches one service while its watcher leads: each reading of one of its paths is decoded, compared with the view on record and recorded with its
 * events, then the service is woken. Readings wait while the log is out of reach; nothing is lost and no other service waits.
 * What a session's first reading misses is gone only when a later one confirms it (trust.ts).
 */
import { canonical } from '../../shared/model/canonical.ts';
import type { ServiceEvent } from '../../shared/model/event.ts';
import type { InstanceId, ServiceName } from '../../shared/model/ids.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { parentOf, pathsOf, pathText } from '../../shared/model/service-path.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import { Backing } from '../../shared/znode/backing.ts';
import { wentBackwards } from '../../shared/znode/backwards.ts';
import { type Renaming, renaming } from '../../shared/znode/renaming.ts';
import { diffView, latestMzxid } from '../../shared/znode/view.ts';
import type { ZookeeperLink } from '../../shared/zookeeper/link.ts';
import { namedChildren, namedReading } from '../../shared/zookeeper/named-reading.ts';
import type { Reading } from '../../shared/zookeeper/reading.ts';
import { CordonWatch } from './cordon-watch.ts';
import { decodeReading } from './decode-reading.ts';
import { LeftBehind, leftBehind, losses } from './left-behind.ts';
import type { NameResolver } from './name-resolver.ts';
import { PathWatch } from './path-watch.ts';
import type { ServiceWake, WatcherLog } from './ports.ts';
import type { ServiceWatchStatus } from './service-watch-status.ts';
import { Stated } from './stated.ts';
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

export class ServiceWatch {
  readonly service: ServiceName;
  #config: ServiceConfig;
  readonly #options: ServiceWatchOptions;
  readonly #abort = new AbortController();
  readonly #writer: ViewWriter;
  readonly #wake: WakeSender;
  readonly #paths: readonly PathWatch[];
  readonly #left: LeftBehind;
  readonly #stated = new Stated();
  readonly #cordons: CordonWatch;
  /** Both the writer's steps and the config's go one after the other. */
  #turn: Promise<void> = Promise.resolve();
  #freshAt = performance.now();

  constructor(config: ServiceConfig, options: ServiceWatchOptions) {
    this.service = config.name;
    this.#config = config;
    this.#options = options;
    const { link, root } = options;
    const shared = { signal: this.#abort.signal, logger: options.logger };
    const listed = {
      link,
      root,
      logger: options.logger,
      noticed: () => options.noticed?.(config.name),
      settled: () => options.settled?.(config.name),
      ...(options.rereadMs === undefined ? {} : { rereadMs: options.rereadMs }),
    };
    this.#writer = new ViewWriter(config.name, { log: options.log, tenure: options.tenure, ...shared });
    this.#wake = new WakeSender(config.name, { wake: options.wake, ...shared });
    this.#cordons = new CordonWatch(config.name, { ...listed, record: (...step) => this.#record(...step) });
    this.#paths = pathsOf(config.path).map((path): PathWatch => {
      const deliver = (reading: Reading): Promise<void> => this.#cordons.told.then(() => this.#inTurn(() => this.#take(watch, reading)));
      const hasOthers = pathsOf(config.path).length > 1;
      const watch = new PathWatch(config.name, path, { ...listed, hasOthers, deliver });
      return watch;
    });
    this.#left = new LeftBehind(this.#paths, () => this.#inTurn(() => this.#sweep()));
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
    for (const path of this.#paths) path.start();
    this.#cordons.start();
  }

  /** What is being recorded is recorded or given up before it resolves. */
  async stop(): Promise<void> {
    this.#abort.abort();
    for (const path of this.#paths) path.stop();
    this.#left.stop();
    this.#cordons.stop();
    await this.#turn;
  }

  /** For the same paths and format; others need another watch. */
  async reconfigure(config: ServiceConfig): Promise<void> {
    const namesChanged = config.allow.names !== this.#config.allow.names;
    this.#config = config;
    await this.#inTurn(() => this.#publish());
    if (namesChanged) await this.#reread();
  }

  /** Resolves when all has been read again and recorded. Rejects when the watch is stopped meanwhile. */
  resync(): Promise<void> {
    return this.#cordons.reread().then(() => this.#reread({ synced: true }));
  }

  /** A path that cannot be read at the moment is not waited for where others are read. */
  async #reread(options?: { synced: boolean }): Promise<void> {
    const readable = this.#paths.filter(({ problem }) => problem === null);
    for (const path of this.#paths) if (!readable.includes(path)) path.reread(options).catch(() => {});
    await Promise.all((readable.length === 0 ? this.#paths : readable).map((path) => path.reread(options)));
  }

  get config(): ServiceConfig {
    return this.#config;
  }

  get status(): ServiceWatchStatus {
    const fresh = this.#paths.every((path) => path.fresh);
    if (fresh) this.#freshAt = performance.now();
    return {
      service: this.service,
      absent: this.#paths.find(({ absent }) => absent !== null)?.absent ?? null,
      children: this.#writer.children.size,
      fresh,
      staleMs: fresh ? null : Math.round(performance.now() - this.#freshAt),
      missing: this.#paths.reduce((sum, { missing }) => sum + missing, this.#left.count),
      problem: this.#paths.find(({ problem }) => problem !== null)?.problem ?? null,
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
    const recorded = await this.#writer.commit(() => this.#withNames({ set: new Map(), remove: [], events: this.#configured() }));
    if (recorded !== null) this.#tell(recorded, null, false);
  }

  #configured(): ServiceEvent[] {
    const onRecord = this.#writer.config;
    const isRecorded = onRecord === this.#config || (onRecord !== null && canonical(onRecord) === canonical(this.#config));
    return isRecorded ? [] : [{ type: 'configured', config: this.#config }];
  }

  #renaming(): Renaming | null {
    return renaming(this.#writer.children, this.#writer.config?.path ?? null, this.#config.path);
  }

  /** A step that begins with the config, and the names that the view has by it. */
  #withNames({ set, remove, events }: Change, names = this.#renaming()): Change {
    if (names === null) return { set, remove, events };
    const named = new Map([...names.set, ...set]);
    for (const name of remove) named.delete(name);
    return { set: named, remove: [...names.remove, ...remove], events: [...names.events, ...events] };
  }

  /**
   * Said once, when nothing of any path is in doubt and unread: of one that is there by a whole reading; of several those that are not there, which is so again
   * a session timeout later, keep it from nothing.
   */
  #completed(path: PathWatch, reading: Reading, missing: readonly string[]): ServiceEvent[] {
    const standings = this.#paths.map((one) => (one === path ? one.standingBy(reading, missing) : one.standing));
    const complete = standings.includes('whole') && !standings.includes('open');
    return complete && !this.#writer.complete ? [{ type: 'complete' }] : [];
  }

  async #take(path: PathWatch, all: Reading): Promise<void> {
    const config = this.#config;
    const members = path.group.members(all);
    const firstOfConnection = path.begin(members);
    const said = path.group.together(await decodeReading(members, config, this.#options.resolver), members);
    const reading = namedReading(members, config.path, path.path);
    const decoded = namedChildren(said, config.path, path.path);
    const restated = this.#stated.restated(decoded, { all: path.group.isUsed });
    const confirmed = path.believes(reading);
    const isOf = (name: string): boolean => parentOf(config.path, name) === path.path;
    let missing: readonly string[] = [];
    let mzxid: string | null = null;
    let found: readonly ServiceEvent[] = [];
    const recorded = await this.#writer.commit(
      (): Change => {
        const names = this.#renaming();
        const { children: view, backing } = names === null ? this.#writer : { children: names.view, backing: new Backing(names.view) };
        const difference = diffView(view, reading, decoded, { confirmed, restated, words: this.#stated.words(backing), isOf });
        missing = difference.unconfirmed;
        found = difference.events;
        mzxid = latestMzxid(difference);
        const first = wentBackwards(view, reading, difference.remove);
        const events = [...this.#configured(), ...first, ...difference.events, ...this.#completed(path, reading, missing)];
        return this.#withNames({ ...difference, events }, names);
      },
      { reread: reading.kind === 'full' },
    );
    if (recorded === null) return;
    this.#stated.note(reading, decoded, this.#writer.children);
    this.#tell(recorded, mzxid, firstOfConnection);
    path.judge(reading, missing, found, config.server.options ?? []);
    if (reading.kind === 'full') this.#left.look(this.#writer.children, config.path, this.#options.link.sessionTimeout);
    // A step from a view that is not the one we knew, or that bears on others, tells only of what was read.
    if (reading.kind === 'delta' && (recorded.moved || path.group.bears)) path.reread().catch(() => {});
  }

  /** What the config left behind is believed to be gone. */
  async #sweep(): Promise<void> {
    const recorded = await this.#writer.commit((): Change => {
      const { children, backing } = this.#writer;
      return losses(children, leftBehind(children, this.#config.path), this.#stated.words(backing));
    });
    if (recorded !== null) this.#tell(recorded, null, false);
    this.#left.look(this.#writer.children, this.#config.path, this.#options.link.sessionTimeout);
  }

  /** A connection's first reading wakes in any case: a wake of before may have been lost with its sender. */
  #tell(recorded: Recorded, mzxid: string | null, always: boolean): void {
    if (!always && !recorded.unsure && recorded.ids.length === 0) return;
    this.#wake.send({ path: pathText(this.#config.path), events: recorded.ids, mzxid });
  }
}
