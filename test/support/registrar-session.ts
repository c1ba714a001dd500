/**
 * Registrations as the services of the field make them: ephemeral znodes on a session of their own. `close` ends the session at once;
 * `expire` cuts its connection for good, as a crash does, and Zookeeper ends it when its timeout is over.
 */
import { once } from 'node:events';
import zookeeper from 'node-zookeeper-client';
import { FaultProxy } from './fault-proxy.ts';
import type { ZookeeperServer } from './zookeeper.ts';

export interface RegistrarOptions {
  /** ms; Zookeeper gives at least 2 ticks. Default 10,000. */
  readonly sessionTimeout?: number;
}

export class RegistrarSession {
  readonly #client: zookeeper.Client;
  readonly #wire: FaultProxy;
  #open = true;

  private constructor(client: zookeeper.Client, wire: FaultProxy) {
    this.#client = client;
    this.#wire = wire;
  }

  static async open(server: ZookeeperServer, options: RegistrarOptions = {}): Promise<RegistrarSession> {
    const wire = await FaultProxy.start(server.port);
    const client = zookeeper.createClient(wire.connect, { sessionTimeout: options.sessionTimeout ?? 10_000, spinDelay: 100 });
    const connected = once(client, 'connected');
    client.connect();
    await connected;
    return new RegistrarSession(client, wire);
  }

  /** Creates what is missing of the parent. */
  async register(parent: string, name: string, data: string | object = ''): Promise<void> {
    await call<string>((done) => this.#client.mkdirp(parent, done));
    await call<string>((done) => this.#client.create(`${parent}/${name}`, bytes(data), zookeeper.CreateMode.EPHEMERAL, done));
  }

  async say(parent: string, name: string, data: string | object): Promise<void> {
    await call((done) => this.#client.setData(`${parent}/${name}`, bytes(data), -1, done));
  }

  async deregister(parent: string, name: string): Promise<void> {
    await call((done) => this.#client.remove(`${parent}/${name}`, -1, done));
  }

  children(parent: string): Promise<string[]> {
    return call((done) => this.#client.getChildren(parent, done));
  }

  /** Its znodes are gone when it resolves. */
  async close(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    if (this.#client.getState() === zookeeper.State.SYNC_CONNECTED) {
      const gone = once(this.#client, 'disconnected');
      this.#client.close();
      await gone;
    } else {
      this.#client.close();
    }
    await this.#wire.close();
  }

  /** Nothing is heard of it any more; its znodes go when the session timeout is over. */
  async expire(): Promise<void> {
    this.#open = false;
    this.#wire.mode = 'mute';
    this.#wire.dropAll();
    await this.#wire.close();
    this.#client.close();
  }
}

function bytes(data: string | object): Buffer {
  return Buffer.from(typeof data === 'string' ? data : JSON.stringify(data));
}

function call<T>(make: (done: (error: unknown, value?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => make((error, value) => (error ? reject(error) : resolve(value as T))));
}
