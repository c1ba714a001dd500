/**
 * The test's own hand on the tree: the bare client library with promises, for servers that behave. Nothing of the project
 * stands between it and Zookeeper.
 */

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import zookeeper from 'node-zookeeper-client';

export interface PlainClient {
  create(path: string, data?: string, mode?: 'persistent' | 'ephemeral' | 'sequential'): Promise<string>;
  /** Creates what is missing of the path. */
  ensure(path: string): Promise<void>;
  set(path: string, data: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** With everything below it. */
  removeAll(path: string): Promise<void>;
  children(path: string): Promise<string[]>;
  exists(path: string): Promise<boolean>;
  data(path: string): Promise<string>;
  /** The transactions that made it and that wrote it last, in hex. */
  written(path: string): Promise<string>;
  /** How often its data was set since it was made; null: it is not there. */
  sets(path: string): Promise<number | null>;
  /** Only the holder of `credentials` (digest, `user:password`) may do anything with the znode; null: everybody may. */
  restrict(path: string, credentials: string | null): Promise<void>;
  close(): Promise<void>;
}

export async function plainClient(connect: string, credentials?: string): Promise<PlainClient> {
  const client = zookeeper.createClient(connect, { sessionTimeout: 10_000 });
  if (credentials !== undefined) client.addAuthInfo('digest', Buffer.from(credentials));
  const connected = once(client, 'connected');
  client.connect();
  await connected;
  const call = <T>(make: (done: (error: unknown, value?: T) => void) => void): Promise<T> =>
    new Promise((resolve, reject) => make((error, value) => (error ? reject(error) : resolve(value as T))));
  const modes = {
    persistent: zookeeper.CreateMode.PERSISTENT,
    ephemeral: zookeeper.CreateMode.EPHEMERAL,
    sequential: zookeeper.CreateMode.EPHEMERAL_SEQUENTIAL,
  };
  const digest = (pair: string): string => {
    const [user] = pair.split(':');
    return `${user}:${hash(pair)}`;
  };
  const plain: PlainClient = {
    create: (path, data = '', mode = 'persistent') => call((done) => client.create(path, Buffer.from(data), modes[mode], done)),
    ensure: async (path) => void (await call<string>((done) => client.mkdirp(path, done))),
    set: async (path, data) => void (await call((done) => client.setData(path, Buffer.from(data), done))),
    remove: (path) => call((done) => client.remove(path, done)),
    async removeAll(path) {
      for (const child of await plain.children(path)) await plain.removeAll(`${path}/${child}`);
      await plain.remove(path);
    },
    children: (path) => call((done) => client.getChildren(path, done)),
    exists: async (path) => (await call((done) => client.exists(path, done))) !== null,
    data: async (path) => ((await call<Buffer | undefined>((done) => client.getData(path, done))) ?? '').toString(),
    async written(path) {
      const stat = await call<{ czxid: Buffer; mzxid: Buffer } | null>((done) => client.exists(path, done as never));
      return stat === null ? '' : `${stat.czxid.toString('hex')} ${stat.mzxid.toString('hex')}`;
    },
    async sets(path) {
      const stat = await call<{ version: number } | null>((done) => client.exists(path, done as never));
      return stat?.version ?? null;
    },
    async restrict(path, pair) {
      const id = pair === null ? new zookeeper.Id('world', 'anyone') : new zookeeper.Id('digest', digest(pair));
      await call((done) => client.setACL(path, [new zookeeper.ACL(zookeeper.Permission.ALL, id)], -1, done));
    },
    async close() {
      if (client.getState() !== zookeeper.State.SYNC_CONNECTED) return;
      const gone = once(client, 'disconnected');
      client.close();
      await gone;
    },
  };
  return plain;
}

/** As Zookeeper's digest scheme has it: base64 of the SHA-1 of `user:password`. */
function hash(pair: string): string {
  return createHash('sha1').update(pair).digest('base64');
}
