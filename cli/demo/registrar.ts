/**
 * The demo's registrar: keeps ephemeral znodes on a session of its own, and puts them back on the next session when that one ended. It runs in the
 * process of a sample instance (which registers itself), or in one of its own that registers for several.
 */
import { errorText, PointsmanError } from '../../shared/errors.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import { pause } from '../../shared/runtime/wait.ts';
import { ZookeeperLink } from '../../shared/zookeeper/link.ts';
import { clock, type Order, type Report } from './messages.ts';

const RETRY_MS = 200;

export class Registrar {
  readonly #link: ZookeeperLink;
  readonly #logger: Logger;
  readonly #report: (report: Report) => void;
  readonly #stopping = new AbortController();
  /** Path to whether it should be there. */
  readonly #wanted = new Map<string, boolean>();
  #turn: Promise<void> = Promise.resolve();

  constructor(options: { connect: string; sessionTimeout: number; logger: Logger; report: (report: Report) => void }) {
    this.#logger = options.logger;
    this.#report = options.report;
    this.#link = new ZookeeperLink({
      connect: options.connect,
      sessionTimeout: options.sessionTimeout,
      auth: null,
      logger: options.logger,
    });
    this.#link.on('up', ({ session }) => {
      this.#report({ type: 'session', id: session });
      for (const [path, there] of this.#wanted) if (there) this.#enqueue(path);
    });
    this.#link.on('expired', () => this.#report({ type: 'session', id: null }));
  }

  start(): void {
    this.#link.start();
  }

  /** Ends the session. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#link.stop();
  }

  order(order: Order): void {
    if (order.type !== 'register' && order.type !== 'deregister') return;
    this.#wanted.set(order.path, order.type === 'register');
    this.#enqueue(order.path);
  }

  #enqueue(path: string): void {
    this.#turn = this.#turn
      .then(() => this.#settle(path))
      .catch((error: unknown) => this.#logger.error({ err: error }, 'a registration failed'));
  }

  /** Tries until the znode is as wanted, or the link is down: then the next session begins again. */
  async #settle(path: string): Promise<void> {
    while (!this.#stopping.signal.aborted && this.#link.connected) {
      const wanted = this.#wanted.get(path) ?? false;
      try {
        return wanted ? await this.#register(path) : await this.#deregister(path);
      } catch (error) {
        if (!(error instanceof PointsmanError)) throw error;
        this.#logger.warn({ path, error: errorText(error) }, 'trying again');
      }
      await pause(RETRY_MS, this.#stopping.signal);
    }
  }

  async #register(path: string): Promise<void> {
    const stat = await this.#link.exists(path);
    if (stat?.ephemeralOwner === this.#link.sessionId && stat !== null) return;
    await this.#link.ensure(path.slice(0, path.lastIndexOf('/')));
    const at = clock();
    // One that an earlier session left there is gone when that session has ended: until then this throws, and is tried again.
    await this.#link.create(path, '', { ephemeral: true });
    this.#report({ type: 'registered', path, at });
  }

  async #deregister(path: string): Promise<void> {
    if ((await this.#link.exists(path)) === null) return;
    const at = clock();
    await this.#link.remove(path);
    this.#report({ type: 'deregistered', path, at });
  }
}
