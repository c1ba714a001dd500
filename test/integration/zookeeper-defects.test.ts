/**
 * The defects of node-zookeeper-client 1.1.3, each brought about on a real Zookeeper through a proxy that misbehaves, and
 * the link living through it. Remove one cure and the test of its name fails.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { pause } from '../../shared/runtime/wait.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { connectedLink, openLink, refusal } from '../support/link.ts';
import { type PlainClient, plainClient } from '../support/plain-client.ts';
import { until } from '../support/poll.ts';
import { startZookeeper, type Zookeeper } from '../support/zookeeper.ts';
import { isNotification, OP, reply, request } from '../support/zookeeper-frames.ts';

/** ms, where the session's end is what would come of the defect */
const SESSION_MS = 3_000;

let zookeeper: Zookeeper;
let plain: PlainClient;
let proxy: FaultProxy;
let root: string;
let tests = 0;

beforeAll(async () => {
  zookeeper = await startZookeeper();
  plain = await plainClient(zookeeper.connect);
});
afterAll(async () => {
  await plain?.close();
  await zookeeper?.stop();
});
beforeEach(async () => {
  proxy = await FaultProxy.start(zookeeper.servers[0]?.port ?? 0);
  root = `/defect-${++tests}`;
  await plain.ensure(root);
});
afterEach(() => proxy.close());

describe('the link to zookeeper survives', () => {
  test('1: a connection that is dead without an end (no read timeout)', async () => {
    await using opened = await connectedLink(proxy.connect, { sessionTimeout: SESSION_MS });
    const { link, told } = opened;
    proxy.mode = 'blackhole';
    const asked = performance.now();
    expect(await refusal(link.children(root))).toBe('ZOOKEEPER_CONNECTION_LOSS');
    expect(performance.now() - asked).toBeLessThan(SESSION_MS);
    expect(told).toEqual(['up new', 'down']);
    proxy.mode = 'pass';
    await until('the link to come up again', () => link.connected);
    expect(told.at(-1)).toBe('up resumed');
    expect((await link.children(root)).names).toEqual([]);
  });

  test('2: a server that accepts and never answers (no handshake deadline)', async () => {
    proxy.mode = 'mute';
    await using opened = openLink(proxy.connect, { sessionTimeout: SESSION_MS });
    await until('three attempts', () => proxy.accepted >= 3);
    expect(opened.link.connected).toBe(false);
    proxy.mode = 'pass';
    await until('the link to come up', () => opened.link.connected);
  });

  test('3: a cut in the middle of a reply (what was left over met the next handshake)', async () => {
    const names = Array.from({ length: 2_000 }, (_, i) => `child-of-some-length-${String(i).padStart(5, '0')}`);
    await Promise.all(names.map((name) => plain.create(`${root}/${name}`)));
    await using opened = await connectedLink(proxy.connect);
    for (let round = 1; round <= 3; round++) {
      proxy.cutAfter(20_000 + round);
      expect(await refusal(opened.link.children(root))).toBe('ZOOKEEPER_CONNECTION_LOSS');
      await until('the link to come up again', () => opened.link.connected);
      expect((await opened.link.children(root)).names.sort()).toEqual(names);
    }
    expect(opened.told).toEqual(['up new', 'down', 'up resumed', 'down', 'up resumed', 'down', 'up resumed']);
    expect(proxy.accepted).toBe(4);
  });

  test('4: a client that only listens (pings only when both directions were idle)', async () => {
    const watched = Array.from({ length: 25 }, (_, i) => `${root}/${i}`);
    for (const path of watched) await plain.create(path);
    await using opened = await connectedLink(proxy.connect, { sessionTimeout: SESSION_MS });
    const heard: string[] = [];
    for (const path of watched) await opened.link.data(path, (event) => heard.push(event.path));
    const mine = await opened.link.create(`${root}/mine`, '', { ephemeral: true });
    for (const path of watched) {
      await plain.set(path, 'x');
      await pause(200); // the pace of the traffic is what is tested: 5 s of it, for a session of 3 s
    }
    expect(heard).toEqual(watched);
    expect(opened.told).toEqual(['up new']);
    expect(await plain.exists(mine)).toBe(true);
  });

  test('5: more watches than fit into one packet (SET_WATCHES at a reconnect)', async () => {
    await using small = await startZookeeper({ maxBuffer: 60_000 });
    const behind = await FaultProxy.start(small.servers[0]?.port ?? 0);
    await using opened = await connectedLink(behind.connect);
    const long = 'x'.repeat(100);
    await Promise.all(Array.from({ length: 1_000 }, (_, i) => opened.link.exists(`/${long}-${i}`, () => {})));
    behind.dropAll();
    await until('the link to come up again', () => opened.told.length === 3);
    expect(opened.told).toEqual(['up new', 'down', 'up resumed']);
    expect(await opened.link.exists('/')).not.toBeNull();
    expect(behind.accepted).toBe(2);
    await behind.close();
  });

  test('6: many failed attempts (each left packets in the queue)', async () => {
    const sent: number[] = [];
    proxy.onRequest = (packet) => {
      sent.push(request(packet)?.op ?? 0);
      return packet;
    };
    await using opened = await connectedLink(proxy.connect, { auth: { scheme: 'digest', credentials: 'one:secret' } });
    await opened.link.exists(root, () => {});
    proxy.mode = 'mute';
    for (let attempt = 0; attempt < 5; attempt++) {
      const before = proxy.discarded;
      proxy.dropAll();
      await until('the next handshake', () => proxy.discarded > before);
    }
    sent.length = 0;
    proxy.mode = 'pass';
    proxy.dropAll();
    await until('the link to come up again', () => opened.link.connected);
    await opened.link.exists(root);
    const last = sent.slice(sent.lastIndexOf(0));
    expect(last.filter((op) => op === OP.auth)).toHaveLength(1);
    expect(last).not.toContain(OP.setWatches);
    expect(last.slice(0, 3)).toEqual([0, OP.auth, OP.exists]);
  });

  test('7: an error code younger than the library', async () => {
    let throttled = 0;
    const setting = new Set<number>();
    proxy.onRequest = (packet) => {
      const asked = request(packet);
      if (asked?.op === OP.setData) setting.add(asked.xid);
      return packet;
    };
    proxy.onReply = (packet) => {
      if (!setting.delete(reply(packet).xid)) return packet;
      throttled++;
      const header = Buffer.from(packet.subarray(0, 20));
      header.writeInt32BE(16, 0);
      header.writeInt32BE(-127, 16); // THROTTLEDOP
      return header;
    };
    await using opened = await connectedLink(proxy.connect);
    await expect(opened.link.set(root, 'x')).rejects.toMatchObject({ code: 'ZOOKEEPER_FAILED', message: expect.stringContaining('-127') });
    expect(throttled).toBe(1);
    expect(await opened.link.exists(root)).not.toBeNull();
    expect(opened.told).toEqual(['up new']);
  });

  test('8: a watch event of an unknown type, and an empty packet', async () => {
    let spoil: ((packet: Buffer) => Buffer) | null = null;
    proxy.onReply = (packet) => {
      if (spoil === null || !isNotification(packet)) return packet;
      const spoilt = spoil(packet);
      spoil = null;
      return spoilt;
    };
    await using opened = await connectedLink(proxy.connect);
    const { link, told } = opened;
    const mine = await link.create(`${root}/mine`, '', { ephemeral: true });
    const ways = [
      (packet: Buffer): Buffer => {
        const other = Buffer.from(packet);
        other.writeInt32BE(6, 20);
        return other;
      },
      (): Buffer => Buffer.alloc(4),
      (): Buffer => Buffer.from([0xff, 0xff, 0xff, 0xf0]),
    ];
    for (const [i, way] of ways.entries()) {
      spoil = way;
      const ups = told.filter((word) => word.startsWith('up')).length;
      await link.children(root, () => {});
      await plain.create(`${root}/child-${i}`);
      await until('the link to be replaced', () => link.connected && told.filter((word) => word.startsWith('up')).length > ups);
      expect(told.slice(-2)).toEqual(['down', 'up resumed']);
      expect((await link.children(root)).names).toContain(`child-${i}`);
    }
    expect(await plain.exists(mine)).toBe(true);
  });

  test('9: being stopped before, during and after it connects', async () => {
    for (const wait of [null, 0, 1, 3, 10]) {
      const opened = openLink(proxy.connect, { sessionTimeout: SESSION_MS });
      if (wait !== null) await pause(wait);
      await opened.link.stop();
      await opened.link.stop();
      expect(opened.link.connected).toBe(false);
      expect(await refusal(opened.link.exists(root))).toBe('ZOOKEEPER_CONNECTION_LOSS');
    }
    await until('all connections to end', () => proxy.open === 0);
    const before = proxy.accepted;
    await openLink(proxy.connect, { sessionTimeout: SESSION_MS }).link.stop();
    await pause(100); // long enough for what was under way at the stop
    expect(proxy.accepted).toBe(before);
  });

  test('10: running out of request numbers (and never number 0)', async () => {
    const numbers: number[] = [];
    proxy.onRequest = (packet) => {
      const asked = request(packet);
      if (asked !== null && asked.xid >= 0) numbers.push(asked.xid);
      return packet;
    };
    await using opened = await connectedLink(proxy.connect, { callsMax: 100 });
    const mine = await opened.link.create(`${root}/mine`, '', { ephemeral: true });
    // The object may be replaced while a call of ours is on its way.
    for (let i = 0; i < 200; i++) await opened.link.exists(root).catch(() => {});
    await until('a new client object', () => opened.told.includes('up resumed'));
    expect(opened.told.slice(0, 3)).toEqual(['up new', 'down', 'up resumed']);
    expect(opened.told.slice(1)).not.toContain('up new');
    expect(numbers).not.toContain(0);
    // It may have begun to count again twice by now.
    expect(numbers.filter((number) => number === 1).length).toBeGreaterThanOrEqual(2);
    expect(await plain.exists(mine)).toBe(true);
  });

  test('11: a callback that throws', async () => {
    await using opened = await connectedLink(proxy.connect);
    const heard: string[] = [];
    await opened.link.children(root, () => {
      throw new Error('a fault of ours');
    });
    await opened.link.children(root, (event) => heard.push(event.kind));
    await plain.create(`${root}/child`);
    await until('the second watcher to be told', () => heard.length === 1);
    expect((await opened.link.children(root)).names).toEqual(['child']);
    expect(opened.told).toEqual(['up new']);
  });

  test('12: data at and beyond the limit', async () => {
    await using opened = await connectedLink(proxy.connect);
    const most = 1024 * 1024 - 200 - root.length;
    await expect(opened.link.set(root, Buffer.alloc(most + 1))).rejects.toMatchObject({ code: 'ZOOKEEPER_FAILED', retry: 'terminal' });
    await opened.link.set(root, Buffer.alloc(most));
    expect((await opened.link.data(root)).data).toHaveLength(most);
    expect(opened.told).toEqual(['up new']);
  });
});
