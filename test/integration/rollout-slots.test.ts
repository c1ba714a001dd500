/** The slots of a rollout on a real Redis: how many there are, who keeps one, and what becomes of one whose holder is gone. */
import { expect, it } from 'vitest';
import { RolloutStore } from '../../shared/redis/rollout-store.ts';
import type { Ports } from '../../workers/app.ts';
import { until } from '../support/poll.ts';
import { redisPorts } from '../support/redis-ports.ts';

let ports: Ports;
let store: RolloutStore;

redisPorts((is) => {
  ports = is.ports;
  store = new RolloutStore(ports.redis, ports.keys);
});

const MINUTE = 60_000;
const loads = (structure: string) => new Map([['web', structure]]);

it('are no more than allowed, however many ask at once, and one is free when what it was for is in sync', async () => {
  const asked = await Promise.all(Array.from({ length: 20 }, (_, index) => store.take(`p${index}`, 3, MINUTE)));
  expect(asked.filter(({ taken }) => taken)).toHaveLength(3);
  const [proxy = ''] = await store.reloading();
  await store.hold(proxy, loads('a'), { ms: MINUTE, stops: true });
  expect(await store.settle(proxy, { inSync: ['other'], waiting: [] }, 0)).toBe(true);
  expect((await store.take('p99', 3, MINUTE)).taken).toBe(false);
  expect(await store.settle(proxy, { inSync: ['web'], waiting: [] }, MINUTE), 'not long enough yet').toBe(true);
  expect(await store.settle(proxy, { inSync: [], waiting: [] }, 0)).toBe(false);
  expect((await store.take('p99', 3, MINUTE)).taken).toBe(true);
});

it('are not held for what waits for other options, and what stopped stays stopped by that', async () => {
  await store.take('p1', 1, MINUTE);
  await store.hold('p1', loads('a'), { ms: MINUTE, stops: true });
  await store.stop('p1', new Map([['web', { structure: 'b', reason: 'refused' }]]), 1);
  expect(await store.settle('p1', { inSync: [], waiting: ['web'] }, 0)).toBe(false);
  expect(await store.own('p1'), 'where it stopped').toEqual({ changes: new Map() });
  expect(await store.own('p2')).toBeNull();
  expect(await store.reloading()).toEqual([]);
  expect(await store.stops()).toEqual([{ what: 'web', proxy: 'p1', structure: 'b', reason: 'refused', at: 1 }]);
});

it('are kept by the proxy whatever process asks, with what they are for', async () => {
  await store.take('p1', 1, MINUTE);
  await store.hold('p1', loads('a'), { ms: MINUTE, stops: true });
  const again = await new RolloutStore(ports.redis, ports.keys).take('p1', 1, MINUTE);
  expect(again).toEqual({ taken: true, before: loads('a') });
  expect(await store.own('p1')).toEqual({ changes: loads('a') });
  expect(await store.others('p1')).toEqual([]);
  expect(await store.others('p2')).toEqual(['p1']);
});

it('of a host that is gone are free after their time, and what they were for goes no further', async () => {
  await store.take('gone', 1, MINUTE);
  await store.hold('gone', loads('a'), { ms: 50, stops: true });
  await until('it is given up', async () => (await store.take('p2', 1, MINUTE)).taken);
  expect(await store.stops()).toMatchObject([{ what: 'web', proxy: 'gone', structure: 'a' }]);
  // It is not gone after all, and has it.
  expect(await store.settle('gone', { inSync: ['web'], waiting: [] }, 0)).toBe(false);
  expect(await store.stops()).toEqual([]);
});

it('stop at each proxy for itself: what is mended at one is not forgotten of the other', async () => {
  const failed = new Map([['web', { structure: 'b', reason: 'refused' }]]);
  await store.stop('p1', failed, 1);
  await store.stop('p2', failed, 2);
  await ports.redis.hset(ports.keys.rollout.stops, 'web', JSON.stringify({ proxy: 'p3', structure: 'b', reason: 'of before', at: 3 }));
  expect((await store.stops()).map(({ proxy }) => proxy)).toEqual(['p1', 'p2']);
  await store.settle('p2', { inSync: ['web'], waiting: [] }, 0);
  expect((await store.stops()).map(({ proxy }) => proxy)).toEqual(['p1']);
  await store.clear(await store.stops());
  expect(await store.stops()).toEqual([]);
});

it('with stopOnFailure off stop nothing', async () => {
  await store.hold('gone', loads('a'), { ms: 50, stops: false });
  await until('it is given up', async () => (await store.take('p2', 1, MINUTE)).taken);
  expect(await store.stops()).toEqual([]);
});
