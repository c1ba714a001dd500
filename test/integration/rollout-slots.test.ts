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
const holds = (structure: string) => ({ changes: loads(structure), up: new Map() });
const NONE = { inSync: [], waiting: [], well: [], ill: [] };

it('are no more than allowed, however many ask at once, and one is free when what it was for is in sync', async () => {
  const asked = await Promise.all(Array.from({ length: 20 }, (_, index) => store.take(`p${index}`, 3, MINUTE)));
  expect(asked.filter(({ taken }) => taken)).toHaveLength(3);
  const [proxy = ''] = await store.reloading();
  await store.hold(proxy, holds('a'), { ms: MINUTE, stops: true });
  expect(await store.settle(proxy, { ...NONE, inSync: ['other'] }, 0)).toMatchObject({ held: true });
  expect((await store.take('p99', 3, MINUTE)).taken).toBe(false);
  expect(await store.settle(proxy, { ...NONE, inSync: ['web'] }, MINUTE), 'not long enough yet').toMatchObject({ held: true });
  expect(await store.settle(proxy, NONE, 0)).toMatchObject({ held: false });
  expect((await store.take('p99', 3, MINUTE)).taken).toBe(true);
});

it('are not held for what waits for other options, and what stopped stays stopped by that', async () => {
  await store.take('p1', 1, MINUTE);
  await store.hold('p1', holds('a'), { ms: MINUTE, stops: true });
  await store.stop('p1', new Map([['web', { structure: 'b', reason: 'refused' }]]), 1);
  expect(await store.settle('p1', { ...NONE, waiting: ['web'] }, 0)).toMatchObject({ held: false });
  expect(await store.own('p1'), 'where it stopped').toEqual({ changes: new Map(), up: new Map(), stopped: new Map([['web', new Map()]]) });
  expect(await store.own('p2')).toBeNull();
  expect(await store.reloading()).toEqual([]);
  expect(await store.stops()).toEqual([{ what: 'web', proxy: 'p1', structure: 'b', reason: 'refused', at: 1 }]);
});

it('are kept by the proxy whatever process asks, with what they are for', async () => {
  await store.take('p1', 1, MINUTE);
  await store.hold('p1', holds('a'), { ms: MINUTE, stops: true });
  const again = await new RolloutStore(ports.redis, ports.keys).take('p1', 1, MINUTE);
  expect(again).toEqual({ taken: true, before: loads('a') });
  expect(await store.own('p1')).toEqual({ ...holds('a'), stopped: new Map() });
  expect(await store.others('p1')).toEqual([]);
  expect(await store.others('p2')).toEqual(['p1']);
});

it('are held until as many servers are up as before; what is not in time goes no further, and comes back when they are', async () => {
  await store.take('p1', 1, MINUTE);
  const up = new Map([['web', { up: 4, ready: 5 }]]);
  await store.hold('p1', { changes: loads('a'), up }, { ms: MINUTE, stops: true });
  const reason = '3 of 4 servers are down with them';
  const ill = (ms: number) => ({ ...NONE, ill: [{ what: 'web', service: 'web', ms, reason }] });
  expect(await store.settle('p1', ill(MINUTE), 0), 'there is time').toEqual({ held: true, stopped: [] });
  await store.renew('p1');
  expect(await store.settle('p1', ill(0), 0)).toEqual({ held: false, stopped: ['web'] });
  expect(await store.stops()).toMatchObject([{ what: 'web', proxy: 'p1', structure: 'a', reason, up: { web: { up: 4, ready: 5 } } }]);
  expect(await store.own('p1')).toEqual({ changes: new Map(), up: new Map(), stopped: new Map([['web', up]]) });
  await store.settle('p1', { ...NONE, inSync: ['web'] }, 0);
  expect(await store.own('p1')).toBeNull();
  await store.hold('p1', { changes: loads('a'), up }, { ms: MINUTE, stops: false });
  expect(await store.settle('p1', ill(0), 0), 'with stopOnFailure off').toEqual({ held: false, stopped: [] });
  expect(await store.stops()).toEqual([]);
});

it('of a host that is gone are free after their time, and what they were for goes no further', async () => {
  await store.take('gone', 1, MINUTE);
  await store.hold('gone', holds('a'), { ms: 50, stops: true });
  await until('it is given up', async () => (await store.take('p2', 1, MINUTE)).taken);
  expect(await store.stops()).toMatchObject([{ what: 'web', proxy: 'gone', structure: 'a' }]);
  // It is not gone after all, and has it.
  expect(await store.settle('gone', { ...NONE, inSync: ['web'] }, 0)).toMatchObject({ held: false });
  expect(await store.stops()).toEqual([]);
});

it('stop at each proxy for itself: what is mended at one is not forgotten of the other', async () => {
  const failed = new Map([['web', { structure: 'b', reason: 'refused' }]]);
  await store.stop('p1', failed, 1);
  await store.stop('p2', failed, 2);
  await ports.redis.hset(ports.keys.rollout.stops, 'web', JSON.stringify({ proxy: 'p3', structure: 'b', reason: 'of before', at: 3 }));
  expect((await store.stops()).map(({ proxy }) => proxy)).toEqual(['p1', 'p2']);
  await store.settle('p2', { ...NONE, inSync: ['web'] }, 0);
  expect((await store.stops()).map(({ proxy }) => proxy)).toEqual(['p1']);
  await store.clear(await store.stops());
  expect(await store.stops()).toEqual([]);
});

it('with stopOnFailure off stop nothing', async () => {
  await store.hold('gone', holds('a'), { ms: 50, stops: false });
  await until('it is given up', async () => (await store.take('p2', 1, MINUTE)).taken);
  expect(await store.stops()).toEqual([]);
});
