/** ListWatch on real Zookeeper: its readings, played back, are always what is there. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createLogger } from '../../shared/observability/logger.ts';
import { DATA_BYTES_MAX } from '../../shared/znode/payload.ts';
import { ListWatch } from '../../shared/zookeeper/list-watch.ts';
import type { Reading } from '../../shared/zookeeper/reading.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { connectedLink, type TestLink } from '../support/link.ts';
import { type PlainClient, plainClient } from '../support/plain-client.ts';
import { until } from '../support/poll.ts';
import { startZookeeper, type Zookeeper } from '../support/zookeeper.ts';
import { isNotification, OP, request } from '../support/zookeeper-frames.ts';

let zookeeper: Zookeeper;
let plain: PlainClient;
let proxy: FaultProxy;
let opened: TestLink;
let path: string;
let tests = 0;
/** Paths read by getData, in order. */
let reads: string[];
/** Requests for a list of children. */
let lists: number;

beforeAll(async () => {
  zookeeper = await startZookeeper();
  plain = await plainClient(zookeeper.connect);
});
afterAll(async () => {
  await plain?.close();
  await zookeeper?.stop();
});
beforeEach(async () => {
  path = `/list-watch-${++tests}`;
  reads = [];
  lists = 0;
  proxy = await FaultProxy.start(zookeeper.servers[0]?.port ?? 0);
  proxy.onRequest = (packet) => {
    const asked = request(packet);
    if (asked?.op === OP.getChildren2) lists++;
    if (asked?.op === OP.getData && asked.path !== null) reads.push(asked.path.slice(path.length + 1));
    return packet;
  };
  opened = await connectedLink(proxy.connect);
});
afterEach(async () => {
  await opened.link.stop();
  await proxy.close();
});

/** Plays the readings back: what the children are, by them. */
class Player {
  readonly readings: Reading[] = [];
  readonly problems: string[] = [];
  children: Map<string, string> | null = null;
  present = false;
  hold: Promise<void> | null = null;
  readonly watch: ListWatch;

  constructor(options: { rereadMs?: number } = {}) {
    this.watch = new ListWatch(opened.link, {
      path,
      barrier: '/barrier',
      rereadMs: 60_000,
      logger: createLogger({ level: 'silent' }),
      deliver: (reading) => this.#take(reading),
      problem: (problem) => void this.problems.push(problem?.code ?? 'none'),
      ...options,
    });
    this.watch.start();
  }

  async is(expected: Record<string, string>): Promise<void> {
    const text = JSON.stringify(Object.entries(expected).sort());
    await until(`the readings to give ${text}`, () => this.children !== null && JSON.stringify([...this.children].sort()) === text);
  }

  async #take(reading: Reading): Promise<void> {
    await this.hold;
    this.readings.push(reading);
    this.present = reading.parent.present;
    if (reading.kind === 'full') this.children = new Map([...(this.children ?? [])].filter(([name]) => reading.unread.includes(name)));
    for (const name of reading.gone) this.children?.delete(name);
    for (const [name, { data }] of reading.read)
      this.children?.set(name, Buffer.isBuffer(data) ? data.toString() : `${data.tooLarge} bytes`);
  }

  get kinds(): string[] {
    return this.readings.map(({ kind }) => kind);
  }
}

describe('a list watch', () => {
  test('follows children that come, change, go and come back, with one read for each that is new or changed', async () => {
    await plain.ensure(path);
    await plain.create(`${path}/a`, '1');
    await plain.create(`${path}/b`, '2');
    const player = new Player();
    await player.is({ a: '1', b: '2' });
    expect(player.kinds).toEqual(['full']);
    expect(reads.splice(0).sort()).toEqual(['a', 'b']);

    await plain.create(`${path}/c`, '3');
    await player.is({ a: '1', b: '2', c: '3' });
    await plain.set(`${path}/a`, '1b');
    await player.is({ a: '1b', b: '2', c: '3' });
    await plain.remove(`${path}/b`);
    await player.is({ a: '1b', c: '3' });
    expect(reads.splice(0)).toEqual(['c', 'a']);
    expect(new Set(player.kinds.slice(1))).toEqual(new Set(['delta']));

    const before = player.readings.find((reading) => reading.read.has('c'))?.read.get('c')?.znode.czxid;
    await plain.remove(`${path}/c`);
    await plain.create(`${path}/c`, '3');
    const again = await until('c to be read again', () =>
      player.readings.findLast((reading) => reading.read.has('c') && reading.read.get('c')?.znode.czxid !== before),
    );
    expect(BigInt(again.read.get('c')?.znode.czxid ?? 0)).toBeGreaterThan(BigInt(before ?? 0));
    await player.is({ a: '1b', c: '3' });
    player.watch.stop();
  });

  test('keeps no more than the size of large data', async () => {
    await plain.ensure(path);
    await plain.create(`${path}/large`, 'x'.repeat(DATA_BYTES_MAX + 1));
    await plain.create(`${path}/limit`, 'x'.repeat(DATA_BYTES_MAX));
    const player = new Player();
    await player.is({ large: `${DATA_BYTES_MAX + 1} bytes`, limit: 'x'.repeat(DATA_BYTES_MAX) });
    player.watch.stop();
  });

  test('joins what happens while a reading is being taken', async () => {
    await plain.ensure(path);
    const player = new Player();
    await player.is({});
    let release = (): void => {};
    player.hold = new Promise((resolve) => {
      release = resolve;
    });
    await plain.create(`${path}/first`);
    await until('the first delta to be on its way', () => reads.includes('first'));
    for (let i = 0; i < 10; i++) await plain.create(`${path}/n${i}`, String(i));
    release();
    await player.is({ first: '', ...Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`n${i}`, String(i)])) });
    expect(player.readings.length).toBeLessThanOrEqual(4);
    player.watch.stop();
  });

  test('finds what changed while it was disconnected, with all read again', async () => {
    await plain.ensure(path);
    await plain.create(`${path}/stays`);
    await plain.create(`${path}/goes`);
    const player = new Player();
    await player.is({ goes: '', stays: '' });
    proxy.mode = 'reset';
    proxy.dropAll();
    await until('the link to be down', () => !opened.link.connected);
    await plain.remove(`${path}/goes`);
    await plain.create(`${path}/comes`);
    await plain.set(`${path}/stays`, 'changed');
    proxy.mode = 'pass';
    await player.is({ comes: '', stays: 'changed' });
    expect(player.readings.at(-1)).toMatchObject({ kind: 'full', gone: [] });
    const [first, last] = [player.readings[0]?.at, player.readings.at(-1)?.at];
    expect(last?.session).toBe(first?.session);
    expect(last?.connection).toBe((first?.connection ?? 0) + 1);
    player.watch.stop();
  });

  test('waits for a missing path, and tells a deleted one from an empty one', async () => {
    const player = new Player();
    await until('the first reading', () => player.readings.length === 1);
    expect(player.readings[0]).toMatchObject({ kind: 'full', parent: { present: false, cversion: null } });
    await plain.ensure(path);
    await until('the path to be seen', () => player.present);
    await plain.create(`${path}/a`);
    await player.is({ a: '' });
    await plain.removeAll(path);
    await until('the path to be missed', () => !player.present);
    await plain.ensure(path);
    await until('the path to be seen again', () => player.present);
    await plain.create(`${path}/b`);
    await player.is({ b: '' });
    player.watch.stop();
  });

  test('takes a refused read for trouble, never for an empty list', async () => {
    await plain.ensure(path);
    await plain.create(`${path}/a`);
    await plain.create(`${path}/secret`, 'first');
    const player = new Player({ rereadMs: 300 });
    await player.is({ a: '', secret: 'first' });
    // One child may not be read: the others go on, and what is known of it stays.
    await plain.restrict(`${path}/secret`, 'somebody:else');
    await until('the trouble to be told', () => player.problems.at(-1) === 'ZOOKEEPER_NO_AUTH');
    await plain.create(`${path}/b`);
    await player.is({ a: '', b: '', secret: 'first' });
    const somebody = await plainClient(zookeeper.connect, 'somebody:else');
    await somebody.restrict(`${path}/secret`, null);
    await until('the trouble to be over', () => player.problems.at(-1) === 'none');
    // The list itself may not be read.
    await somebody.restrict(path, 'somebody:else');
    await until('the trouble to be told again', () => player.problems.at(-1) === 'ZOOKEEPER_NO_AUTH');
    const [readings, before] = [player.readings.length, lists];
    await somebody.create(`${path}/c`);
    await until('two more tries', () => lists >= before + 2);
    expect(player.readings.length).toBe(readings);
    expect([...(player.children?.keys() ?? [])].sort()).toEqual(['a', 'b', 'secret']);
    await somebody.restrict(path, null);
    await player.is({ a: '', b: '', c: '', secret: 'first' });
    expect(player.readings.every((reading) => reading.parent.present)).toBe(true);
    await somebody.close();
    player.watch.stop();
  });

  test('heals a lost watch by reading all again', async () => {
    await plain.ensure(path);
    await plain.create(`${path}/a`, '1');
    let dropped = 0;
    proxy.onReply = (packet) => {
      if (!isNotification(packet)) return packet;
      dropped++;
      return null;
    };
    await opened.link.stop();
    opened = await connectedLink(proxy.connect);
    const player = new Player({ rereadMs: 400 });
    await player.is({ a: '1' });
    await plain.set(`${path}/a`, '2');
    await plain.create(`${path}/b`);
    await player.is({ a: '2', b: '' });
    expect(dropped).toBeGreaterThanOrEqual(2);
    expect(player.kinds).not.toContain('delta');
    player.watch.stop();
  });

  test('keeps one watch per znode, however often it reads all', async () => {
    await plain.ensure(path);
    for (const name of ['a', 'b', 'c']) await plain.create(`${path}/${name}`);
    // The library keeps a list of functions per znode; Node warns when one grows.
    const warnings: string[] = [];
    const warned = (warning: Error): void => void warnings.push(warning.name);
    process.on('warning', warned);
    const player = new Player();
    await player.is({ a: '', b: '', c: '' });
    for (let i = 0; i < 15; i++) await player.watch.reread({ synced: i % 2 === 0 });
    expect(player.kinds).toHaveLength(16);
    expect(player.readings.slice(1).map((reading) => reading.at.synced)).toEqual(Array.from({ length: 15 }, (_, i) => i % 2 === 0));
    const before = reads.length;
    await plain.set(`${path}/a`, 'x');
    await player.is({ a: 'x', b: '', c: '' });
    expect(reads.slice(before)).toEqual(['a']);
    expect(player.kinds).toHaveLength(17);
    process.off('warning', warned);
    expect(warnings).toEqual([]);
    player.watch.stop();
  });

  test('converges while links are cut and children churn', async () => {
    await plain.ensure(path);
    const player = new Player();
    await player.is({});
    const expected: Record<string, string> = {};
    for (let i = 0; i < 300; i++) {
      const name = `n${i % 37}`;
      if (expected[name] === undefined) await plain.create(`${path}/${name}`, String(i));
      else if (i % 3 === 0) await plain.remove(`${path}/${name}`);
      else await plain.set(`${path}/${name}`, String(i));
      if (expected[name] !== undefined && i % 3 === 0) delete expected[name];
      else expected[name] = String(i);
      if (i % 60 === 20) proxy.dropAll();
      if (i % 60 === 50) proxy.cutAfter(100 + i);
    }
    await player.is(expected);
    player.watch.stop();
  });
});
