/**
 * The registrar role: what this host registers, kept in Zookeeper under a session of its own. It needs nothing but Zookeeper: services are registered while
 * Redis is away. At its end each entry is withdrawn first, and its znode goes when the entry's `drain` is over.
 */
import type { Config } from '../../shared/config/config.ts';
import { errorFields, errorText, PointsmanError } from '../../shared/errors.ts';
import type { RegisterConfig } from '../../shared/model/register.ts';
import type { EntryReport, RegistrarReport } from '../../shared/model/registrar-report.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import { within } from '../../shared/runtime/deadline.ts';
import type { Role } from '../../shared/runtime/role.ts';
import { pause } from '../../shared/runtime/wait.ts';
import type { CordonNode } from '../../shared/znode/cordon.ts';
import { ZookeeperLink } from '../../shared/zookeeper/link.ts';
import type { Ask } from './ask.ts';
import type { RegisterEntry } from './entry.ts';
import { EntrySet, znodeOf } from './entry-set.ts';
import type { Lease } from './leases.ts';
import { isDown, Maintenance } from './maintenance.ts';
import { RegistrarCounts } from './registrar-counts.ts';
import { Requests } from './requests.ts';
import { WRITE_MS } from './stop-within.ts';

/** ms between two looks at which services are down for maintenance. */
const LOOK_MS = 500;
/** ms that an answer waits for Zookeeper; who comes sooner than that is registered when it is answered. */
const ANSWER_MS = 1_000;

/** What became of what a service asked for. */
export interface Told {
  readonly service: string;
  readonly instance: string;
  /** ms; 0: it is not registered any more. */
  readonly ttl: number;
  /** None is left of what was withdrawn and is gone. */
  readonly entries: readonly EntryReport[];
}

export class Registrar implements Role {
  readonly name = 'registrar';
  readonly #link: ZookeeperLink;
  readonly #logger: Logger;
  readonly #maintenance: Maintenance;
  /** Of the config. */
  #services: ReadonlySet<string> = new Set();
  readonly #entries: EntrySet;
  #down: ReadonlyMap<string, CordonNode> = new Map();
  #lookFailed: string | null = null;
  readonly #requests = new Requests((over, znodes) => this.#over(over, znodes));
  readonly #counts = new RegistrarCounts();
  #connectedSince = Date.now();
  /** Called when its report says something else in kind than before; at most one listens. */
  moved: (() => void) | null = null;
  readonly #stopping = new AbortController();
  #stopped: Promise<void> | null = null;

  constructor({ zookeeper, register, registrar }: Pick<Config, 'zookeeper' | 'register' | 'registrar'>, logger: Logger) {
    const { connect, sessionTimeout, auth } = zookeeper;
    this.#link = new ZookeeperLink({ connect, sessionTimeout, auth, logger });
    this.#logger = logger;
    this.#configure(register);
    this.#maintenance = new Maintenance(registrar.state);
    const options = { link: this.#link, logger, counts: this.#counts, moved: () => this.moved?.() };
    const isOut = (service: string): boolean => isDown(this.#down.get(service), Date.now());
    this.#entries = new EntrySet(options, isOut, this.#stopping.signal);
    this.#link.on('up', this.#turned);
    this.#link.on('down', this.#turned);
  }

  async start(): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    this.#link.start();
    // Before the first registration: what is down stays down over a restart.
    await this.#look();
    if (this.#stopping.signal.aborted) return;
    this.#apply();
    void this.#lookAgain();
  }

  /** Entries that are as they were go on as they are. */
  reconfigure(register: readonly RegisterConfig[]): void {
    this.#configure(register);
    // A service that is new here may be down already.
    void this.#look().then(() => {
      if (!this.#stopping.signal.aborted) this.#apply();
    });
  }

  /** `drained` false: all is gone at once, because who was registered is. */
  stop(drained = true): Promise<void> {
    // Also of those that drain already.
    if (!drained) for (const entry of this.#entries.all) entry.withdraw(0);
    this.#stopped ??= this.#finish();
    return this.#stopped;
  }

  /**
   * A service asks to be registered, or to stay so, for as long as that counts. What is registered already, and asked for in the same words, costs nothing.
   * What is new resolves when Zookeeper has it, or after `ANSWER_MS` with how it stands; the rest at once. @throws PointsmanError as askedEntries, TOO_MANY_REQUESTS, REGISTRAR_STOPPING
   */
  async register(ask: Ask): Promise<Told> {
    if (this.#stopping.signal.aborted)
      throw new PointsmanError('REGISTRAR_STOPPING', 'pointsman stops on this host', {
        hint: 'ask again when it runs',
        retry: 'transient',
      });
    const { instance, ttl, entries, isNew } = this.#requests.renew(ask);
    if (isNew) this.#apply();
    const asked = entries.flatMap((entry) => this.#entries.get(znodeOf(entry)) ?? []);
    if (isNew) await within(ANSWER_MS, allSettled(asked), () => new Error('later')).catch(() => undefined);
    return { service: ask.service, instance, ttl, entries: asked.map(({ report }) => report) };
  }

  /**
   * A service asks to be registered no more: it is withdrawn and drained, and gone when this resolves, or as soon as Zookeeper is back. What is wanted still,
   * by this host or by another request, is told. @throws PointsmanError as askedEntries
   */
  async deregister(ask: Ask): Promise<Told> {
    const { instance, znodes } = this.#requests.withdraw(ask);
    this.#apply();
    const leaving = znodes.flatMap((znode) => this.#entries.leaving(znode) ?? []);
    const longest = Math.max(0, ...leaving.map(({ left }) => left));
    await within(longest + 2 * WRITE_MS, Promise.all(leaving.map((entry) => this.#entries.gone(entry))), () => new Error('later')).catch(
      () => undefined,
    );
    const wanted = znodes.flatMap((znode) => this.#entries.get(znode)?.report ?? []);
    const drains = leaving.map(({ report }) => report).filter(({ znode, state }) => state !== 'down' && !this.#entries.get(znode));
    return { service: ask.service, instance, ttl: 0, entries: [...wanted, ...drains] };
  }

  /** Whether it is one that may register itself. */
  isOpen(service: string): boolean {
    return this.#requests.isOpen(service);
  }

  /** A request that was refused. */
  refused(): void {
    this.#counts.refused += 1;
  }

  get report(): RegistrarReport {
    return this.#counts.report(this.#entries.reports, { connected: this.#link.connected, since: this.#connectedSince });
  }

  #configure(register: readonly RegisterConfig[]): void {
    this.#services = new Set(register.map(({ service }) => service));
    this.#requests.configure(register);
  }

  #apply(atOnce: ReadonlySet<string> = new Set()): void {
    this.#entries.apply(this.#requests.wanted(), atOnce);
    this.moved?.();
  }

  /** Who did not renew is taken for dead. */
  #over(over: readonly Lease[], znodes: ReadonlySet<string>): void {
    this.#counts.expired += over.length;
    for (const { ask, instance, ttl } of over) this.#logger.warn({ service: ask.service, instance, ttl }, 'not renewed in time');
    this.#apply(znodes);
  }

  readonly #turned = (): void => {
    this.#connectedSince = Date.now();
    for (const entry of this.#entries.all) entry.note();
    this.moved?.();
  };

  async #lookAgain(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await pause(LOOK_MS, signal);
      await this.#look();
      if (signal.aborted) return;
      this.#entries.judge();
    }
  }

  /** What was known stays when the folder cannot be read. */
  async #look(): Promise<void> {
    try {
      this.#down = await this.#maintenance.read(this.#services);
      this.#lookFailed = null;
    } catch (error) {
      if (errorText(error) === this.#lookFailed) return;
      this.#lookFailed = errorText(error);
      this.#logger.error(errorFields(error), 'it cannot be read which services are down for maintenance; it stays as it was');
    }
  }

  async #finish(): Promise<void> {
    this.#stopping.abort();
    this.#requests.close();
    const { all } = this.#entries;
    for (const entry of all) entry.withdraw();
    // Without a connection nobody can be told, and the session's end takes all away.
    if (this.#link.connected) await Promise.all(all.map((entry) => this.#drained(entry)));
    for (const entry of all) entry.close();
    await this.#link.stop();
  }

  async #drained(entry: RegisterEntry): Promise<void> {
    await this.#soon(entry.settled());
    for (let left = entry.left; left > 0 && this.#link.connected; left = entry.left) await pause(Math.min(left + 1, 200));
    await this.#soon(entry.settled());
  }

  #soon(work: Promise<void>): Promise<void> {
    return within(WRITE_MS, work, () => new Error(`Zookeeper took longer than ${WRITE_MS} ms`)).catch((error: unknown) => {
      this.#logger.warn(errorFields(error), 'an entry was not withdrawn in time');
    });
  }
}

function allSettled(entries: readonly RegisterEntry[]): Promise<unknown> {
  return Promise.all(entries.map((entry) => entry.settled()));
}
