/** The heartbeats of many registrars in a real Redis: what each of them, the metrics and `status` read of them, and which are forgotten. */
import { beforeEach, expect, it } from 'vitest';
import type { EntryReport } from '../../shared/model/registrar-report.ts';
import { RegistrarStore } from '../../shared/redis/registrar-store.ts';
import { RegistrarCounts } from '../../workers/registrar/registrar-counts.ts';
import { type RedisPorts, redisPorts } from '../support/redis-ports.ts';

const HOSTS = 300;
const ENTRIES = 100;
const NOW = 1_700_000_000_000;

let is: RedisPorts;
let store: RegistrarStore;
redisPorts((one) => {
  is = one;
});
beforeEach(() => {
  store = new RegistrarStore(is.ports.redis, is.ports.keys);
});

const entries = Array.from({ length: ENTRIES }, (_, at): EntryReport => {
  const instance = `10.0.0.5:${8_000 + at}`;
  return { service: 'web', instance, znode: `/services/web/${instance}`, state: 'registered', since: NOW, detail: null, by: 'host' };
});

async function announce(id: string, at: number): Promise<void> {
  await store.announce({ id, at, ...new RegistrarCounts().report(entries, { connected: true, since: NOW }) });
}

/** Bytes that Redis sent for it, with those of asking it so. */
async function sent(read: () => Promise<unknown>): Promise<number> {
  const total = async (): Promise<number> => Number(/total_net_output_bytes:(\d+)/.exec(await is.ports.redis.info('stats'))?.[1]);
  const before = await total();
  await read();
  return (await total()) - before;
}

it('are read by none of the others; by the metrics without their entries', async () => {
  for (let at = 0; at < HOSTS; at += 1) await announce(`host-${at}-1`, NOW - (at % 2) * 60_000);
  const idle = await sent(async () => {});
  const all = await sent(() => store.announced());
  expect(all - idle).toBeGreaterThan(HOSTS * ENTRIES * 100);
  expect((await sent(() => store.forget(NOW - 3_600_000))) - idle).toBeLessThan(100);
  expect((await sent(() => announce('host-0-1', NOW))) - idle).toBeLessThan(100);
  expect((await sent(() => store.heardSince(NOW - 30_000))) - idle).toBeLessThan((HOSTS / 2) * 1_000);
  expect((await store.heardSince(NOW - 30_000)).map(({ id }) => id)).toHaveLength(HOSTS / 2);
  expect((await store.announced()).map(({ entries: named }) => named.length)).toEqual(Array.from({ length: HOSTS }, () => ENTRIES));
});

it('are forgotten when they are old, and at once when their registrar ended', async () => {
  const [old, ended, here] = ['old-1', 'ended-1', 'here-1'];
  await announce(old, NOW - 1_001);
  await announce(ended, NOW);
  await announce(here, NOW - 1_000);
  await store.forget(NOW - 1_000);
  await store.withdraw(ended);
  expect((await store.announced()).map(({ id, at }) => [id, at])).toEqual([[here, NOW - 1_000]]);
  const { times, summaries, entries: named } = is.ports.keys.registrars;
  const { redis } = is.ports;
  expect([await redis.zcard(times), await redis.hlen(summaries), await redis.hlen(named)]).toEqual([1, 1, 1]);
});
