/**
 * The control to zookeeper-defects: the same faults, brought about in the same way, are the end of the bare client library. If
 * one of these fails, either the library was mended or the fault is not the fault any more; then look at its cure.
 * "Never" is four session timeouts here, of which the link needs less than one.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { pause } from '../../shared/runtime/wait.ts';
import { type BareClient, bareClient } from '../support/bare-client.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { type PlainClient, plainClient } from '../support/plain-client.ts';
import { until } from '../support/poll.ts';
import { startZookeeper, type Zookeeper } from '../support/zookeeper.ts';
import { request } from '../support/zookeeper-frames.ts';

const SESSION_MS = 1_000;
const NEVER_MS = 4 * SESSION_MS;

let zookeeper: Zookeeper;
let plain: PlainClient;
let proxy: FaultProxy;
let bare: BareClient | null;

beforeAll(async () => {
  zookeeper = await startZookeeper({ maxBuffer: 60_000 });
  plain = await plainClient(zookeeper.connect);
  await plain.ensure('/many');
  await Promise.all(Array.from({ length: 1_000 }, (_, i) => plain.create(`/many/child-of-some-length-${i}`)));
});
afterAll(async () => {
  await plain?.close();
  await zookeeper?.stop();
});
beforeEach(async () => {
  bare = null;
  proxy = await FaultProxy.start(zookeeper.servers[0]?.port ?? 0);
});
afterEach(async () => {
  bare?.abandon();
  await proxy.close();
});

async function connected(): Promise<BareClient> {
  const client = bareClient(proxy.connect, SESSION_MS);
  bare = client;
  await until('the bare client to connect', () => client.state === 'SYNC_CONNECTED');
  return client;
}

describe('the bare client', () => {
  test('1: takes a dead connection for a good one, and waits for its answer for ever', async () => {
    const client = await connected();
    proxy.mode = 'blackhole';
    let answered = false;
    client.children('/').then(
      () => (answered = true),
      () => (answered = true),
    );
    await pause(NEVER_MS);
    expect([client.state, answered]).toEqual(['SYNC_CONNECTED', false]);
  });

  test('2: waits for ever for a handshake', async () => {
    proxy.mode = 'mute';
    bare = bareClient(proxy.connect, SESSION_MS);
    await until('it to connect', () => proxy.accepted === 1);
    proxy.mode = 'pass';
    await pause(NEVER_MS);
    expect([proxy.accepted, bare.states]).toEqual([1, []]);
  });

  test('3: does not find back after a cut in the middle of a reply', async () => {
    const client = await connected();
    proxy.cutAfter(20_000);
    await expect(client.children('/many')).rejects.toMatchObject({ name: 'CONNECTION_LOSS' });
    await pause(NEVER_MS);
    expect(client.state).not.toBe('SYNC_CONNECTED');
  });

  test('5: connects and is dropped, again and again, when its watches are more than one packet takes', async () => {
    const client = await connected();
    const long = 'x'.repeat(100);
    await Promise.all(Array.from({ length: 1_000 }, (_, i) => client.watch(`/${long}-${i}`)));
    proxy.dropAll();
    await until('twenty connections', () => proxy.accepted > 20);
  });

  test('10: begins with request number 0', async () => {
    const numbers: number[] = [];
    proxy.onRequest = (packet) => {
      const asked = request(packet);
      if (asked !== null) numbers.push(asked.xid);
      return packet;
    };
    await (await connected()).children('/');
    expect(numbers[0]).toBe(0);
  });

  test('makes no new session when the old one has expired', async () => {
    const client = await connected();
    proxy.mode = 'reset';
    proxy.dropAll();
    await pause(3 * SESSION_MS);
    proxy.mode = 'pass';
    await until('it to learn of the expiry', () => client.states.includes('EXPIRED'));
    await pause(NEVER_MS);
    expect(client.states.slice(client.states.indexOf('EXPIRED'))).toEqual(['EXPIRED', 'DISCONNECTED']);
  });
});
