/**
 * The link to Zookeeper: one session as long as it lives, then the next, over whatever the network does. Every call ends within
 * the session timeout, with an answer or a coded error; calls are refused at once while there is no connection, never queued.
 * It does not re-arm watches: after each `up`, whoever watches reads again. It hides the client library from all other files.
 */
import { EventEmitter } from 'node:events';
import { PointsmanError } from '../errors.ts';
import type { Logger } from '../observability/logger.ts';
import { Gate } from '../runtime/gate.ts';
import { backoff } from '../runtime/wait.ts';
import { CREATE_MODE, type RawClient, type RawEvent } from './client-internals.ts';
import { connectionLoss, hasCode, timedOut, zookeeperError } from './errors.ts';
import { GuardedClient, type SessionKeys } from './guarded-client.ts';
import { type Stat, type StatRecord, statOf } from './stat.ts';

export interface LinkOptions {
  /** `host:port,host:port/chroot` */
  readonly connect: string;
  /** ms; the server may grant another */
  readonly sessionTimeout: number;
  readonly auth: { readonly scheme: string; readonly credentials: string } | null;
  readonly logger: Logger;
  /** Calls after which the client object is replaced. */
  readonly callsMax?: number;
}

export interface WatchEvent {
  /** The path that was watched, below the chroot. */
  readonly path: string;
  readonly kind: 'created' | 'deleted' | 'changed' | 'children';
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

/** Data and path. Zookeeper's own limit is 1 MB for the whole packet; the rest is room for headers, the ACL and a chroot. */
const PACKET_BYTES_MAX = 1024 * 1024 - 200;
/** The library's request numbers must stay below 2^31. */
const CALLS_MAX = 1_000_000_000;
/** Unanswered calls at once. More is a fault of ours, or a link that is about to be cut. */
const IN_FLIGHT_MAX = 20_000;
/** Where reading many znodes stops becoming faster. */
const READS_AT_ONCE = 64;
/** ms between client objects; a refused login is not tried often. */
const RENEW_MS = { first: 50, most: 5_000 };
const LOGIN_MS = { first: 1_000, most: 30_000 };
/** Session timeouts without a connection after which the client object is replaced, and the outage is reported. */
const OUTAGE_TIMEOUTS = 4;
const EVENT_KINDS = ['created', 'deleted', 'changed', 'children'] as const;

export class ZookeeperLink extends EventEmitter<LinkEvents> {
  /** Shared by all that read many znodes over this link. */
  readonly reads = new Gate(READS_AT_ONCE);
  readonly #options: LinkOptions;
  readonly #log: Logger;
  /** Rises with each client object; what an elder one still says is not heard. */
  #generation = 0;
  #client: GuardedClient | null = null;
  #stopped = true;
  /** Rises with each connection; a watch of an elder one is not heard. */
  #connection = 0;
  #lastSession: string | null = null;
  #watchers = new WeakMap<OnChange, (event: RawEvent) => void>();
  readonly #unanswered = new Set<() => void>();
  #renewTimer: NodeJS.Timeout | undefined;
  #outageTimer: NodeJS.Timeout | undefined;
  /** Client objects in a row that never came up. */
  #renewals = 0;

  constructor(options: LinkOptions) {
    super();
    this.#options = options;
    this.#log = options.logger;
    this.setMaxListeners(0);
  }

  /** Begins to connect, and keeps at it until `stop`. */
  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#open(null);
  }

  /** Ends the session, so that its ephemeral znodes go at once. Safe to call twice. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#generation++;
    clearTimeout(this.#renewTimer);
    clearTimeout(this.#outageTimer);
    const client = this.#client;
    this.#client = null;
    await client?.close();
    this.#failUnanswered();
  }

  get connected(): boolean {
    return this.#client?.connected ?? false;
  }

  /** ms: as negotiated, or as asked for before the first connection. */
  get sessionTimeout(): number {
    return this.#client?.sessionTimeout ?? this.#options.sessionTimeout;
  }

  /** Of the present or last connection, e.g. `0x100004d2c6d0001`; null: there was none yet. */
  get sessionId(): string | null {
    return this.#lastSession;
  }

  /** Rises with each connection: equal numbers mean that no watch was lost in between. */
  get connection(): number {
    return this.#connection;
  }

  /** performance.now() when a server was last heard. */
  get heard(): number {
    return this.#client?.heard ?? 0;
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
  async create(path: string, data: Buffer | string, options: { ephemeral?: boolean; sequential?: boolean } = {}): Promise<string> {
    const bytes = payload(data, path, `creating ${path}`);
    const persistent = options.sequential ? CREATE_MODE.PERSISTENT_SEQUENTIAL : CREATE_MODE.PERSISTENT;
    const ephemeral = options.sequential ? CREATE_MODE.EPHEMERAL_SEQUENTIAL : CREATE_MODE.EPHEMERAL;
    const mode = options.ephemeral ? ephemeral : persistent;
    const [made] = await this.#call<[string]>(`creating ${path}`, (client, done) => client.create(path, bytes, mode, done));
    return made;
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

  #open(resume: SessionKeys | null): void {
    if (this.#stopped) return;
    const generation = ++this.#generation;
    const current = (tell: () => void): void => {
      if (generation === this.#generation && !this.#stopped) tell();
    };
    const { connect, sessionTimeout, auth, callsMax = CALLS_MAX } = this.#options;
    this.#client = new GuardedClient(
      { connect, sessionTimeout, auth, resume, callsMax },
      {
        up: (rootExists) => current(() => this.#cameUp(rootExists)),
        down: () => current(() => this.#wentDown()),
        expired: () => current(() => this.#expired()),
        authFailed: () => current(() => this.#authFailed()),
        fault: (error) => current(() => this.#fault(error)),
      },
    );
    this.#watchOutage();
    this.#client.open();
  }

  #cameUp(rootExists: boolean): void {
    const session = this.#client?.session ?? '0x0';
    const resumed = session === this.#lastSession;
    this.#lastSession = session;
    this.#connection++;
    this.#watchers = new WeakMap();
    this.#renewals = 0;
    clearTimeout(this.#outageTimer);
    this.#log.info({ session, resumed, sessionTimeout: this.sessionTimeout }, 'connected to zookeeper');
    if (!rootExists)
      this.#problem('ZOOKEEPER_NO_NODE', 'the chroot of zookeeper.connect is not there', 'Create it, or correct zookeeper.connect.');
    this.#tell('up', { session, resumed });
  }

  #wentDown(): void {
    this.#failUnanswered();
    this.#log.warn({ session: this.#lastSession }, 'disconnected from zookeeper');
    this.#watchOutage();
    this.#tell('down', { heard: this.heard });
  }

  #expired(): void {
    this.#log.warn({ session: this.#lastSession }, 'zookeeper session expired');
    if (this.#lastSession !== null) this.#tell('expired', { session: this.#lastSession });
    this.#renew(null, RENEW_MS);
  }

  #authFailed(): void {
    this.#problem('ZOOKEEPER_AUTH_FAILED', 'zookeeper refused the login', 'Correct zookeeper.auth: its scheme or its credentials.');
    this.#renew(null, LOGIN_MS);
  }

  /** The session outlives the client object, so that its ephemeral znodes stay. */
  #fault(error: unknown): void {
    this.#log.error({ err: error }, 'zookeeper client replaced');
    this.#renew(this.#client?.keys ?? null, RENEW_MS);
  }

  #renew(resume: SessionKeys | null, wait: { first: number; most: number }): void {
    const client = this.#client;
    const wasUp = client?.connected ?? false;
    const heard = this.heard;
    this.#generation++;
    client?.abandon();
    this.#failUnanswered();
    clearTimeout(this.#renewTimer);
    this.#renewTimer = setTimeout(() => this.#open(resume), backoff(this.#renewals++, { ...wait, share: 0.5 }));
    if (wasUp) this.#tell('down', { heard });
  }

  #watchOutage(): void {
    clearTimeout(this.#outageTimer);
    const after = this.sessionTimeout * OUTAGE_TIMEOUTS;
    this.#outageTimer = setTimeout(() => {
      this.#problem(
        'ZOOKEEPER_UNREACHABLE',
        `no connection to zookeeper for ${after} ms`,
        'Look at the Zookeeper servers and the way to them.',
      );
      this.#renew(this.#client?.keys ?? null, RENEW_MS);
    }, after);
  }

  #call<T extends unknown[]>(
    tried: string,
    send: (client: RawClient, done: (error: unknown, ...values: unknown[]) => void) => void,
  ): Promise<T> {
    const client = this.#client;
    return new Promise<T>((resolve, reject) => {
      if (client?.connected !== true) return reject(connectionLoss(tried));
      if (this.#unanswered.size >= IN_FLIGHT_MAX) return reject(zookeeperError({ code: -7, name: 'too many calls in flight' }, tried));
      const deadline = this.sessionTimeout;
      const settle = (): void => {
        clearTimeout(timer);
        this.#unanswered.delete(lost);
      };
      const lost = (): void => {
        settle();
        reject(connectionLoss(tried));
      };
      const timer = setTimeout(() => {
        settle();
        reject(timedOut(tried, deadline));
      }, deadline);
      this.#unanswered.add(lost);
      try {
        send(client.raw, (error, ...values) => {
          settle();
          if (error) reject(zookeeperError(error, tried));
          else resolve(values as T);
        });
      } catch (error) {
        settle();
        reject(zookeeperError(error, tried));
      }
    });
  }

  #failUnanswered(): void {
    for (const lost of [...this.#unanswered]) lost();
  }

  /** One wrapper per function and connection: the library tells a function once, however often it was registered for a path. */
  #watcher(onChange: OnChange): (event: RawEvent) => void {
    const known = this.#watchers.get(onChange);
    if (known !== undefined) return known;
    const connection = this.#connection;
    const watcher = (event: RawEvent): void => {
      const kind = EVENT_KINDS[event.type - 1];
      if (kind === undefined || connection !== this.#connection || this.#stopped) return;
      this.#safely(() => onChange({ path: event.path, kind }));
    };
    this.#watchers.set(onChange, watcher);
    return watcher;
  }

  #problem(code: PointsmanError['code'], message: string, hint: string): void {
    this.#log.error({ code }, message);
    this.#tell('problem', new PointsmanError(code, message, { hint, retry: 'after' }));
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

function payload(data: Buffer | string, path: string, tried: string): Buffer {
  const bytes = Buffer.from(data);
  if (bytes.length + Buffer.byteLength(path) <= PACKET_BYTES_MAX) return bytes;
  throw new PointsmanError('ZOOKEEPER_FAILED', `${tried}: ${bytes.length} bytes are more than Zookeeper takes (${PACKET_BYTES_MAX})`, {
    hint: 'Put less into the znode.',
    retry: 'terminal',
  });
}
