/**
 * Registrations as the services of the field make them: ephemeral znodes on a session of their own. `close` ends the session at once;
 * `expire` cuts its connection for good, as a crash does, and Zookeeper ends it when its timeout is over.
 */
import { createLogger } from '../../shared/observability/logger.ts';
import { ZookeeperLink } from '../../shared/zookeeper/link.ts';
import { FaultProxy } from './fault-proxy.ts';
import { until } from './poll.ts';
import type { ZookeeperServer } from './zookeeper.ts';

export interface RegistrarOptions {
  /** ms; Zookeeper gives 2 to 20 ticks. Default 10,000. */
  readonly sessionTimeout?: number;
}

export class RegistrarSession {
  readonly #link: ZookeeperLink;
  readonly #wire: FaultProxy;

  private constructor(link: ZookeeperLink, wire: FaultProxy) {
    this.#link = link;
    this.#wire = wire;
  }

  static async open(server: ZookeeperServer, options: RegistrarOptions = {}): Promise<RegistrarSession> {
    const wire = await FaultProxy.start(server.port);
    const { sessionTimeout = 10_000 } = options;
    const link = new ZookeeperLink({ connect: wire.connect, sessionTimeout, auth: null, logger: createLogger({ level: 'silent' }) });
    link.start();
    await until('a session', () => link.connected, { timeoutMs: 20_000 });
    return new RegistrarSession(link, wire);
  }

  /** Creates what is missing of the parent. Rejects, like the others, when Zookeeper does not take it in time. */
  async register(parent: string, name: string, data: string | object = ''): Promise<void> {
    await this.#link.ensure(parent);
    await this.#link.create(`${parent}/${name}`, textOf(data), { ephemeral: true });
  }

  async say(parent: string, name: string, data: string | object): Promise<void> {
    await this.#link.set(`${parent}/${name}`, textOf(data));
  }

  async deregister(parent: string, name: string): Promise<void> {
    await this.#link.remove(`${parent}/${name}`);
  }

  async children(parent: string): Promise<string[]> {
    return (await this.#link.children(parent)).names;
  }

  /** Its znodes are gone when it resolves. */
  async close(): Promise<void> {
    await this.#link.stop();
    await this.#wire.close();
  }

  /** Nothing is heard of it any more; its znodes go when the session timeout is over. */
  async expire(): Promise<void> {
    this.#wire.mode = 'mute';
    this.#wire.dropAll();
    await this.#wire.close();
    await this.#link.stop();
  }
}

function textOf(data: string | object): string {
  return typeof data === 'string' ? data : JSON.stringify(data);
}
