/** What all variants share: a private Zookeeper and Redis, and the sample instances. Everything is on loopback and in temporary folders. */
import { join } from 'node:path';
import { type TempFolder, tempFolder } from '../test/support/folder.ts';
import { type PlainClient, plainClient } from '../test/support/plain-client.ts';
import { type RedisServer, startRedis } from '../test/support/redis.ts';
import { startZookeeper, type Zookeeper } from '../test/support/zookeeper.ts';
import { Program } from './program.ts';

/**
 * Instances that come and go take turns: each is long deleted everywhere, and forgotten by every limit on what comes back too often, before its
 * turn comes again.
 */
const INSTANCES = 128;

export class World {
  readonly folder: TempFolder;
  readonly zookeeper: Zookeeper;
  readonly redis: RedisServer;
  /** Our own hand on the tree. */
  readonly tree: PlainClient;
  readonly instances: Program;
  /** The first is always on. */
  readonly ports: readonly number[];
  #next = 0;

  private constructor(parts: {
    folder: TempFolder;
    zookeeper: Zookeeper;
    redis: RedisServer;
    tree: PlainClient;
    instances: Program;
    ports: number[];
  }) {
    this.folder = parts.folder;
    this.zookeeper = parts.zookeeper;
    this.redis = parts.redis;
    this.tree = parts.tree;
    this.instances = parts.instances;
    this.ports = parts.ports;
  }

  static async start(): Promise<World> {
    const folder = await tempFolder();
    const [zookeeper, redis] = await Promise.all([startZookeeper(), startRedis({ args: ['--maxmemory-policy', 'noeviction'] })]);
    const tree = await plainClient(zookeeper.connect);
    const instances = await Program.start('instances', { count: INSTANCES }, join(folder.path, 'instances.log'));
    const { ports } = await instances.ask({ type: 'ports' }, 'ports');
    return new World({ folder, zookeeper, redis, tree, instances, ports: ports as number[] });
  }

  /** `host:port` of the instance that is always on. */
  get steady(): string {
    return `127.0.0.1:${this.ports[0]}`;
  }

  /** The port whose turn it is to come and go. */
  nextPort(): number {
    this.#next += 1;
    return this.ports[1 + (this.#next % (this.ports.length - 1))] as number;
  }

  /** Requests that an instance ever had, checks not counted. */
  async requests(port: number): Promise<number> {
    const { requests } = await this.instances.ask({ type: 'requests' }, 'requests');
    return (requests as Record<string, number>)[port] ?? 0;
  }

  async stop(): Promise<void> {
    await this.tree.close();
    await Promise.all([this.instances.stop(), this.redis.stop(), this.zookeeper.stop()]);
    await this.folder.remove();
  }
}
