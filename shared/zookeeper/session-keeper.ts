/**
 * Keeps one session as long as it lives, then makes the next: over cut and silent links, expiry, refused logins, outages and
 * faults of the client library, whose object is replaced when it cannot be trusted any more. While the session may live it is
 * taken along, so that its ephemeral znodes stay.
 */
import { PointsmanError } from '../errors.ts';
import type { Logger } from '../observability/logger.ts';
import { backoff } from '../runtime/wait.ts';
import type { RawClient } from './client-internals.ts';
import type { SessionKeys } from './client-settings.ts';
import { GuardedClient } from './guarded-client.ts';

export interface KeeperOptions {
  /** `host:port,host:port/chroot` */
  readonly connect: string;
  /** ms; the server may grant another */
  readonly sessionTimeout: number;
  readonly auth: { readonly scheme: string; readonly credentials: string } | null;
  readonly logger: Logger;
  /** Calls after which the client object is replaced. */
  readonly callsMax?: number;
}

export interface KeeperListener {
  up(session: string, resumed: boolean): void;
  /** `heard`: performance.now() when a server was last heard. */
  down(heard: number): void;
  expired(session: string): void;
  problem(problem: PointsmanError): void;
}

/** The library's request numbers must stay below 2^31. */
const CALLS_MAX = 1_000_000_000;
/** ms between client objects; a refused login is not tried often. */
const RENEW_MS = { first: 50, most: 5_000 };
const LOGIN_MS = { first: 1_000, most: 30_000 };
/** Session timeouts without a connection after which the client object is replaced, and the outage is reported. */
const OUTAGE_TIMEOUTS = 4;

export class SessionKeeper {
  readonly #options: KeeperOptions;
  readonly #listener: KeeperListener;
  /** Rises with each client object; what an elder one still says is not heard. */
  #generation = 0;
  #client: GuardedClient | null = null;
  #stopped = true;
  #connection = 0;
  #session: string | null = null;
  #renewTimer: NodeJS.Timeout | undefined;
  #outageTimer: NodeJS.Timeout | undefined;
  /** Client objects in a row that never came up. */
  #renewals = 0;
  /** Outages since the last connection. */
  #outages = 0;

  constructor(options: KeeperOptions, listener: KeeperListener) {
    this.#options = options;
    this.#listener = listener;
  }

  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#open(null);
  }

  /** Ends the session. Nothing is told after it. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#generation++;
    clearTimeout(this.#renewTimer);
    clearTimeout(this.#outageTimer);
    const client = this.#client;
    this.#client = null;
    await client?.close();
  }

  /** null: there is no connection. */
  get client(): RawClient | null {
    return this.#client?.connected === true ? this.#client.raw : null;
  }

  /** ms: as negotiated, or as asked for before the first connection. */
  get sessionTimeout(): number {
    return this.#client?.sessionTimeout ?? this.#options.sessionTimeout;
  }

  /** Of the present or last connection. */
  get session(): string | null {
    return this.#session;
  }

  /** Rises with each connection. */
  get connection(): number {
    return this.#connection;
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
    const resumed = session === this.#session;
    this.#session = session;
    this.#connection++;
    this.#renewals = 0;
    this.#outages = 0;
    clearTimeout(this.#outageTimer);
    this.#options.logger.info({ session, resumed, sessionTimeout: this.sessionTimeout }, 'connected to zookeeper');
    if (!rootExists)
      this.#problem('ZOOKEEPER_NO_NODE', 'the chroot of zookeeper.connect is not there', 'Create it, or correct zookeeper.connect.');
    this.#listener.up(session, resumed);
  }

  #wentDown(): void {
    this.#options.logger.warn({ session: this.#session }, 'disconnected from zookeeper');
    this.#watchOutage();
    this.#listener.down(this.#client?.heard ?? 0);
  }

  #expired(): void {
    this.#options.logger.warn({ session: this.#session }, 'zookeeper session expired');
    if (this.#session !== null) this.#listener.expired(this.#session);
    this.#renew(null, RENEW_MS);
  }

  #authFailed(): void {
    this.#problem('ZOOKEEPER_AUTH_FAILED', 'zookeeper refused the login', 'Correct zookeeper.auth: its scheme or its credentials.');
    this.#renew(null, LOGIN_MS);
  }

  #fault(error: unknown): void {
    this.#options.logger.error({ err: error }, 'zookeeper client replaced');
    this.#renew(this.#client?.keys ?? null, RENEW_MS);
  }

  #renew(resume: SessionKeys | null, wait: { first: number; most: number }): void {
    const client = this.#client;
    const wasUp = client?.connected ?? false;
    this.#generation++;
    client?.abandon();
    clearTimeout(this.#renewTimer);
    this.#renewTimer = setTimeout(() => this.#open(resume), backoff(this.#renewals++, { ...wait, share: 0.5 }));
    if (wasUp) this.#listener.down(client?.heard ?? 0);
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
      this.#outages++;
      this.#renew(this.#outages === 1 ? (this.#client?.keys ?? null) : this.#giveUp(), RENEW_MS);
    }, after);
  }

  /**
   * Servers that are behind the last zxid seen (a restored backup) refuse the session for ever, and say nothing else than servers that are away. So after
   * a second outage in a row a new session is tried.
   */
  #giveUp(): null {
    if (this.#session !== null) this.#listener.expired(this.#session);
    return null;
  }

  #problem(code: PointsmanError['code'], message: string, hint: string): void {
    this.#options.logger.error({ code }, message);
    this.#listener.problem(new PointsmanError(code, message, { hint, retry: 'after' }));
  }
}
