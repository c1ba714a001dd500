/**
 * The registrar role: what this host registers, kept in Zookeeper under a session of its own. It needs nothing but Zookeeper: services are registered while
 * Redis is away. At its end each entry is withdrawn first, and its znode goes when the entry's `drain` is over.
 */
import type { Config } from '../../shared/config/config.ts';
import { errorFields, errorText } from '../../shared/errors.ts';
import type { RegisterConfig } from '../../shared/model/register.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import { within } from '../../shared/runtime/deadline.ts';
import type { Role } from '../../shared/runtime/role.ts';
import { pause } from '../../shared/runtime/wait.ts';
import type { CordonNode } from '../../shared/znode/cordon.ts';
import { encodedName } from '../../shared/znode/encode.ts';
import { ZookeeperLink } from '../../shared/zookeeper/link.ts';
import { RegisterEntry } from './entry.ts';
import { isDown, Maintenance } from './maintenance.ts';
import { WRITE_MS } from './stop-within.ts';

/** ms between two looks at which services are down for maintenance. */
const LOOK_MS = 500;
export class Registrar implements Role {
  readonly name = 'registrar';
  readonly #link: ZookeeperLink;
  readonly #logger: Logger;
  readonly #maintenance: Maintenance;
  #config: readonly RegisterConfig[];
  /** By the path of the znode. */
  readonly #entries = new Map<string, RegisterEntry>();
  /** No longer in the config; each until its withdrawal is over. */
  readonly #leaving = new Map<string, RegisterEntry>();
  #down: ReadonlyMap<string, CordonNode> = new Map();
  #lookFailed: string | null = null;
  readonly #stopping = new AbortController();
  #stopped: Promise<void> | null = null;

  constructor({ zookeeper, register, registrar }: Pick<Config, 'zookeeper' | 'register' | 'registrar'>, logger: Logger) {
    const { connect, sessionTimeout, auth } = zookeeper;
    this.#link = new ZookeeperLink({ connect, sessionTimeout, auth, logger });
    this.#logger = logger;
    this.#config = register;
    this.#maintenance = new Maintenance(registrar.state);
  }

  async start(): Promise<void> {
    this.#link.start();
    // Before the first registration: what is down stays down over a restart.
    await this.#look();
    this.#apply();
    void this.#lookAgain();
  }

  /** Entries that are as they were go on as they are. */
  reconfigure(register: readonly RegisterConfig[]): void {
    this.#config = register;
    // A service that is new here may be down already.
    void this.#look().then(() => {
      if (!this.#stopping.signal.aborted) this.#apply();
    });
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#end();
    return this.#stopped;
  }

  #apply(): void {
    const wanted = new Map(this.#config.map((config) => [znodeOf(config), config]));
    for (const [znode, entry] of this.#entries) if (!wanted.has(znode)) this.#leave(znode, entry);
    for (const [znode, config] of wanted) {
      const entry = this.#entries.get(znode) ?? this.#leaving.get(znode);
      if (entry === undefined) this.#enter(znode, config);
      else {
        this.#leaving.delete(znode);
        this.#entries.set(znode, entry);
        // First, so that another drain does not end a withdrawal that is undone.
        this.#judge(entry);
        if (JSON.stringify(entry.config) !== JSON.stringify(config)) entry.update(config);
      }
    }
  }

  #enter(znode: string, config: RegisterConfig): void {
    const entry = new RegisterEntry(config, this.#link, this.#logger);
    this.#entries.set(znode, entry);
    this.#judge(entry);
    entry.start();
  }

  #leave(znode: string, entry: RegisterEntry): void {
    this.#entries.delete(znode);
    this.#leaving.set(znode, entry);
    entry.withdraw();
    void this.#gone(entry).then(() => {
      if (this.#leaving.get(znode) !== entry) return;
      this.#leaving.delete(znode);
      entry.close();
    });
  }

  /** Resolves when its znode is gone. Nobody waits for it without a bound. */
  async #gone(entry: RegisterEntry): Promise<void> {
    await entry.settled();
    while (entry.left > 0 && !this.#stopping.signal.aborted) await pause(entry.left + 1, this.#stopping.signal);
    await entry.settled();
  }

  #judge(entry: RegisterEntry): void {
    if (isDown(this.#down.get(entry.config.service), Date.now())) entry.withdraw();
    else entry.offer();
  }

  async #lookAgain(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await pause(LOOK_MS, signal);
      await this.#look();
      if (signal.aborted) return;
      for (const entry of this.#entries.values()) this.#judge(entry);
    }
  }

  /** What was known stays when the folder cannot be read. */
  async #look(): Promise<void> {
    try {
      this.#down = await this.#maintenance.read(new Set(this.#config.map(({ service }) => service)));
      this.#lookFailed = null;
    } catch (error) {
      if (errorText(error) === this.#lookFailed) return;
      this.#lookFailed = errorText(error);
      this.#logger.error(errorFields(error), 'it cannot be read which services are down for maintenance; it stays as it was');
    }
  }

  async #end(): Promise<void> {
    this.#stopping.abort();
    const all = [...this.#entries.values(), ...this.#leaving.values()];
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

function znodeOf(config: RegisterConfig): string {
  return `${config.path}/${encodedName(config.format, config)}`;
}
