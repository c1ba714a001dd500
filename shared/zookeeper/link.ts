/**
 * The link to Zookeeper: one session as long as it lives, then the next, over whatever the network does. Every call ends within
 * the session timeout, with an answer or a coded error; calls are refused at once while there is no connection, never queued.
 * It does not re-arm watches: after each `up`, whoever watches reads again. It hides the client library from all other files.
 */
import { EventEmitter } from 'node:events';
import type { PointsmanError } from '../errors.ts';
import type { Logger } from '../observability/logger.ts';
import { Gate } from '../runtime/gate.ts';
import { Calls, payload } from './calls.ts';
import { ACLS, type Acl, CREATE_MODE, type RawClient, type RawEvent } from './client-internals.ts';
import { hasCode } from './errors.ts';
import { type KeeperOptions, SessionKeeper } from './session-keeper.ts';
import { type Stat, type StatRecord, statOf } from './stat.ts';

export type LinkOptions = KeeperOptions;

export interface WatchEvent {
  /** The path that was watched, below the chroot. */
  readonly path: string;
  readonly kind: 'created' | 'deleted' | 'changed' | 'children';
}
export interface CreateOptions {
  readonly ephemeral?: boolean;
  readonly sequential?: boolean;
  /** Default: open. */
  readonly acl?: Acl;
}

/** Told once, about one change; the next needs a new read. */
export type OnChange = (event: WatchEvent) => void;

export interface LinkEvents {
  /** A new connection, and reads go through. `resumed`: the session is the one of the last `up`. All watches are gone either way. */
  up: [{ readonly session: string; readonly resumed: boolean }];
  /** `heard`: performance.now() when a server was last heard; the session lasts no longer than its timeout from there. */
  down: [{ readonly heard: number }];
  /** The session is over, and its ephemeral znodes are gone. */
  expired: [{ readonly session: string }];
  /** Something that somebody should see to; the link keeps trying. */
  problem: [PointsmanError];
}

/** Where reading many znodes stops becoming faster. */
const READS_AT_ONCE = 64;
const EVENT_KINDS = ['created', 'deleted', 'changed', 'children'] as const;

export class ZookeeperLink extends EventEmitter<LinkEvents> {
  /** Shared by all that read many znodes over this link. */
  readonly reads = new Gate(READS_AT_ONCE);
  readonly #log: Logger;
  readonly #keeper: SessionKeeper;
  readonly #calls = new Calls();
  #watchers = new WeakMap<OnChange, (event: RawEvent) => void>();

  constructor(options: LinkOptions) {
    super();
    this.setMaxListeners(0);
    this.#log = options.logger;
    this.#keeper = new SessionKeeper(options, {
      up: (session, resumed) => {
        this.#watchers = new WeakMap();
        this.#tell('up', { session, resumed });
      },
      down: (heard) => {
        this.#calls.lose();
        this.#tell('down', { heard });
      },
      expired: (session) => this.#tell('expired', { session }),
      problem: (problem) => this.#tell('problem', problem),
    });
  }

  /** Begins to connect, and keeps at it until `stop`. */
  start(): void {
    this.#keeper.start();
  }

  /** Ends the session, so that its ephemeral znodes go at once. Safe to call twice. */
  async stop(): Promise<void> {
    await this.#keeper.stop();
    this.#calls.lose();
  }

  get connected(): boolean {
    return this.#keeper.client !== null;
  }

  /** ms: as negotiated, or as asked for before the first connection. */
  get sessionTimeout(): number {
    return this.#keeper.sessionTimeout;
  }

  /** Of the present or last connection, e.g. `0x100004d2c6d0001`; null: there was none yet. */
  get sessionId(): string | null {
    return this.#keeper.session;
  }

  /** Rises with each connection: equal numbers mean that no watch was lost in between. */
  get connection(): number {
    return this.#keeper.connection;
  }

  /** Not sorted. Throws ZOOKEEPER_NO_NODE (then no watch is set) and the errors of the link. */
  async children(path: string, onChange?: OnChange): Promise<{ names: string[]; stat: Stat }> {
    const [names, stat] = await this.#call<[string[], StatRecord]>(`reading the children of ${path}`, (client, done) =>
      onChange ? client.getChildren(path, this.#watcher(onChange), done) : client.getChildren(path, done),
    );
    return { names, stat: statOf(stat) };
  }

  /** Data that was never set reads as empty. Throws ZOOKEEPER_NO_NODE (then no watch is set) and the errors of the link. */
  async data(path: string, onChange?: OnChange): Promise<{ data: Buffer; stat: Stat }> {
    const [data, stat] = await this.#call<[Buffer | undefined, StatRecord]>(`reading ${path}`, (client, done) =>
      onChange ? client.getData(path, this.#watcher(onChange), done) : client.getData(path, done),
    );
    return { data: data ?? Buffer.alloc(0), stat: statOf(stat) };
  }

  /** null: it is not there; the watch is set either way. */
  async exists(path: string, onChange?: OnChange): Promise<Stat | null> {
    const [stat] = await this.#call<[StatRecord | null]>(`looking for ${path}`, (client, done) =>
      onChange ? client.exists(path, this.#watcher(onChange), done) : client.exists(path, done),
    );
    return stat === null || stat === undefined ? null : statOf(stat);
  }

  /** The path that was made (a sequential one ends with its number). After ZOOKEEPER_CONNECTION_LOSS it may be there all the same. */
  async create(path: string, data: Buffer | string, options: CreateOptions = {}): Promise<string> {
    const bytes = payload(data, path, `creating ${path}`);
    const persistent = options.sequential ? CREATE_MODE.PERSISTENT_SEQUENTIAL : CREATE_MODE.PERSISTENT;
    const ephemeral = options.sequential ? CREATE_MODE.EPHEMERAL_SEQUENTIAL : CREATE_MODE.EPHEMERAL;
    const mode = options.ephemeral ? ephemeral : persistent;
    const [made] = await this.#call<[string]>(`creating ${path}`, (client, done) =>
      client.create(path, bytes, ACLS[options.acl ?? 'open'], mode, done),
    );
    return made;
  }

  /**
   * The znode gives way to an ephemeral one of this session, in one step: nobody sees the path without either. Throws ZOOKEEPER_BAD_VERSION when it has
   * changed since it was read with `version` (0 is not compared: the library sends any for it), ZOOKEEPER_NO_NODE when it is gone.
   */
  async replace(path: string, data: Buffer | string, options: { acl?: Acl; version: number }): Promise<void> {
    const bytes = payload(data, path, `replacing ${path}`);
    await this.#call<[]>(`replacing ${path}`, (client, done) =>
      client
        .transaction()
        .remove(path, options.version)
        .create(path, bytes, ACLS[options.acl ?? 'open'], CREATE_MODE.EPHEMERAL)
        .commit(done),
    );
  }

  /** Without a version any is replaced; else throws ZOOKEEPER_BAD_VERSION when it is another. */
  async set(path: string, data: Buffer | string, version = -1): Promise<Stat> {
    const bytes = payload(data, path, `setting ${path}`);
    const [stat] = await this.#call<[StatRecord]>(`setting ${path}`, (client, done) => client.setData(path, bytes, version, done));
    return statOf(stat);
  }

  async remove(path: string, version = -1): Promise<void> {
    await this.#call<[]>(`removing ${path}`, (client, done) => client.remove(path, version, done));
  }

  /** Creates what is missing of the path, persistent and empty. */
  async ensure(path: string): Promise<void> {
    if (path === '/' || (await this.exists(path)) !== null) return;
    await this.ensure(path.slice(0, path.lastIndexOf('/')) || '/');
    try {
      await this.create(path, '');
    } catch (error) {
      if (!hasCode(error, 'ZOOKEEPER_NODE_EXISTS')) throw error;
    }
  }

  /** A small write. What is read after it on this link is no older than the moment it was called, whichever server answers. */
  async barrier(path: string): Promise<void> {
    try {
      await this.set(path, '');
    } catch (error) {
      if (!hasCode(error, 'ZOOKEEPER_NO_NODE')) throw error;
      await this.ensure(path);
      await this.set(path, '');
    }
  }

  #call<T extends unknown[]>(
    tried: string,
    send: (client: RawClient, done: (error: unknown, ...values: unknown[]) => void) => void,
  ): Promise<T> {
    return this.#calls.make<T>(this.#keeper.client, this.sessionTimeout, tried, send);
  }

  /** One wrapper per function and connection: the library tells a function once, however often it was registered for a path. */
  #watcher(onChange: OnChange): (event: RawEvent) => void {
    const known = this.#watchers.get(onChange);
    if (known !== undefined) return known;
    const { connection } = this;
    const watcher = (event: RawEvent): void => {
      const kind = EVENT_KINDS[event.type - 1];
      if (kind === undefined || connection !== this.connection || !this.connected) return;
      this.#safely(() => onChange({ path: event.path, kind }));
    };
    this.#watchers.set(onChange, watcher);
    return watcher;
  }

  #tell<K extends keyof LinkEvents>(event: K, ...args: LinkEvents[K]): void {
    for (const listener of this.rawListeners(event)) this.#safely(() => (listener as (...args: LinkEvents[K]) => void)(...args));
  }

  /** What a listener throws must not reach the library, which would leave the rest of its packets lying. */
  #safely(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#log.error({ err: error }, 'a listener of the zookeeper link threw');
    }
  }
}
