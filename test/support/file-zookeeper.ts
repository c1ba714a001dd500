/** A Zookeeper for the tests of one file, and a hand of the test's own on its tree: both are there from before the first test until after the last. */
import { afterAll, beforeAll } from 'vitest';
import { type PlainClient, plainClient } from './plain-client.ts';
import { startZookeeper, type Zookeeper, type ZookeeperServer } from './zookeeper.ts';

export interface FileZookeeper {
  readonly connect: string;
  readonly server: ZookeeperServer;
  readonly hand: PlainClient;
}

/** To be called at the top of a test file. */
export function zookeeperOfFile(): FileZookeeper {
  let zookeeper: Zookeeper & { readonly server: ZookeeperServer };
  let hand: PlainClient;
  beforeAll(async () => {
    zookeeper = await startZookeeper();
    hand = await plainClient(zookeeper.connect);
  });
  afterAll(async () => {
    await hand.close();
    await zookeeper.stop();
  });
  return {
    get connect() {
      return zookeeper.connect;
    },
    get server() {
      return zookeeper.server;
    },
    get hand() {
      return hand;
    },
  };
}
