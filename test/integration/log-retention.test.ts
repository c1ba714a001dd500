/** What is kept of the logs, on a real Redis: cut behind checkpoints only, what was not folded stays, and what is left replays to what is stored. */
import { describe, expect, it } from 'vitest';
import { replayLog } from '../../cli/replay/replay-log.ts';
import type { ServiceEvent } from '../../shared/model/event.ts';
import { eventTime } from '../../shared/model/ids.ts';
import { LogSource } from '../../shared/redis/log-source.ts';
import type { Ports } from '../../workers/app.ts';
import { foldService } from '../../workers/transition/fold-service.ts';
import { Transition } from '../../workers/transition/transition.ts';
import { until } from '../support/poll.ts';
import { runService } from '../support/random-service.ts';
import type { RedisServer } from '../support/redis.ts';
import { redisPorts } from '../support/redis-ports.ts';

const DAY_MS = 86_400_000;
const MUCH = 1024 ** 4;
const retain = { age: 7 * DAY_MS, events: 1_000, bytes: MUCH };

let server: RedisServer;
let ports: Ports;

redisPorts((is) => {
  ({ server, ports } = is);
});

function nothings(count: number): ServiceEvent[] {
  return Array.from({ length: count }, () => ({ type: 'health', proxy: 'edge', verdicts: [] }));
}

async function tell(count: number): Promise<void> {
  await ports.redis.sadd(ports.keys.services, 'web');
  await ports.log.appendPlain('web', nothings(count));
}

const fold = () => foldService(ports, 'web', Date.now());
const length = (): Promise<number> => ports.redis.xlen(ports.keys.service('web').log);

/** Whether what is left of the log leads to what is stored. */
async function verified(services = ['web']): Promise<number> {
  const source = new LogSource(ports.redis, ports.keys);
  const request = { service: null, until: null, verify: true, skipBad: false, states: false, transitions: false };
  const listener = { transitions: () => Promise.resolve(), progress: () => undefined };
  const { streams } = await replayLog(source, services, request, listener);
  expect(streams.map(({ failed }) => failed)).toEqual(services.map(() => null));
  expect(streams.flatMap(({ result }) => result?.differences ?? [])).toEqual([]);
  return streams.reduce((sum, { result }) => sum + (result?.compared ?? 0), 0);
}

describe('events', () => {
  it('stay between half of what may be kept and all of it, and lead to what is stored', async () => {
    const lengths: number[] = [];
    for (let turn = 1; turn <= 12; turn += 1) {
      await runService(ports, 'web', 200, turn);
      await ports.retention.sweep(retain, Date.now());
      lengths.push(await length());
      if (turn % 3 === 0) expect(await verified()).toBeGreaterThan(0);
    }
    expect(Math.max(...lengths)).toBeLessThanOrEqual(1_000);
    expect(Math.min(...lengths.slice(5)), lengths.join(' ')).toBeGreaterThanOrEqual(400);
    expect(await server.client.exists(ports.keys.service('web').older.head)).toBe(1);
  }, 60_000);

  it('that were not folded are never cut, however many they are', async () => {
    await tell(700);
    await fold();
    await ports.retention.sweep(retain, Date.now());
    await tell(3_000);
    const { cursor } = await ports.store.head('web');
    const unfolded = await ports.log.idsAfter('web', cursor, 10_000);
    expect(unfolded).toHaveLength(3_000);
    for (let turn = 0; turn < 4; turn += 1) await ports.retention.sweep(retain, Date.now() + 30 * DAY_MS);
    expect(await ports.log.idsAfter('web', cursor, 10_000)).toEqual(unfolded);
    expect(await length(), 'what was folded is cut').toBe(3_000);
    for (let turn = 0; turn < 4; turn += 1) await fold();
    expect(await verified()).toBeGreaterThan(0);
  });

  it('that are too old go, also of a service where nothing happens any more', async () => {
    await tell(10);
    await fold();
    const now = Date.now();
    await ports.retention.sweep(retain, now);
    expect(await length()).toBe(10);
    for (let day = 1; day <= 20; day += 1) await ports.retention.sweep(retain, now + day * DAY_MS);
    expect(await length()).toBe(0);
    await tell(1);
    await fold();
    expect(await verified()).toBeGreaterThan(0);
  });

  it('are looked at between two sweeps when they are many', async () => {
    for (let turn = 0; turn < 8; turn += 1) {
      await tell(500);
      await fold();
      await ports.retention.folded('web', 500, retain, Date.now());
    }
    expect(await length()).toBeLessThanOrEqual(1_500);
    expect(await verified()).toBeGreaterThan(0);
  });

  it('of a log that was cut before there were checkpoints can be replayed from the next one on', async () => {
    await tell(900);
    await fold();
    await server.client.xtrim(ports.keys.service('web').log, 'MAXLEN', 100);
    const request = { service: null, until: null, verify: true, skipBad: false, states: false, transitions: false };
    const listener = { transitions: () => Promise.resolve(), progress: () => undefined };
    const { streams } = await replayLog(new LogSource(ports.redis, ports.keys), ['web'], request, listener);
    expect(streams[0]?.failed).toMatch(/its beginning was cut/);
    for (let turn = 0; turn < 2; turn += 1) await ports.retention.sweep(retain, Date.now());
    await tell(5);
    await fold();
    expect(await verified()).toBeGreaterThan(0);
  });
});

describe('bytes', () => {
  it('of all logs together are kept within what is retained, and the small ones keep their events', async () => {
    await ports.redis.sadd(ports.keys.services, 'small');
    await ports.log.appendPlain('small', nothings(20));
    await foldService(ports, 'small', Date.now());
    const bytes = 200_000;
    for (let turn = 0; turn < 12; turn += 1) {
      await tell(1_000);
      await fold();
      await ports.retention.sweep({ ...retain, events: 1_000_000, bytes }, Date.now());
    }
    const usage = (name: string) => server.client.memory('USAGE', ports.keys.service(name).log);
    expect(Number(await usage('web')) + Number(await usage('small'))).toBeLessThanOrEqual(bytes);
    expect(await length()).toBeGreaterThan(500);
    expect(await server.client.xlen(ports.keys.service('small').log)).toBe(20);
    expect(await verified(['small', 'web'])).toBeGreaterThan(0);
  });
});

describe('proxies', () => {
  it('are cut by number and by age', async () => {
    await ports.proxies.announce({ id: 'edge', pool: 'edge', services: ['*'], version: null, at: Date.now() });
    const { log } = ports.keys.proxy('edge');
    for (let at = 0; at < 1_500; at += 100)
      await ports.proxies.record(
        'edge',
        Array.from({ length: 100 }, () => ({ type: 'synced', service: 'web', revision: 1 }) as const),
        new Map(),
      );
    await ports.retention.sweep(retain, Date.now());
    expect(await server.client.xlen(log)).toBe(1_000);
    const [last] = await server.client.xrevrange(log, '+', '-', 'COUNT', 1);
    await ports.retention.sweep(retain, eventTime(last?.[0] ?? '0-0') + 8 * DAY_MS);
    expect(await server.client.xlen(log)).toBe(0);
  });
});

describe('a reader', () => {
  it('of a log that is cut meanwhile is told so, and finds no gap', async () => {
    await tell(1_500);
    for (let turn = 0; turn < 2; turn += 1) await fold();
    const items = new LogSource(ports.redis, ports.keys).service('web');
    for (let at = 0; at < 500; at += 1) expect((await items.next()).done).toBe(false);
    for (let turn = 0; turn < 3; turn += 1) {
      await tell(2_000);
      for (let part = 0; part < 3; part += 1) await fold();
      await ports.retention.sweep(retain, Date.now());
    }
    const rest = async (): Promise<void> => {
      for await (const _ of items);
    };
    await expect(rest()).rejects.toMatchObject({ code: 'LOG_CUT' });
    await until('its copies are gone', async () => (await server.client.keys('*:copy:*')).length === 0);
  });

  it('is told of an event of a later version, and reads one of before sources were kept', async () => {
    const { log } = ports.keys.service('web');
    await ports.redis.sadd(ports.keys.services, 'web');
    await server.client.xadd(log, '5-0', 'v', '1', 'type', 'complete', 'data', '{}');
    expect(await ports.log.read('web', '0-0', 10)).toEqual([
      { id: '5-0', time: 5, event: { type: 'complete' }, source: null, cause: null },
    ]);
    for (const fields of [
      ['v', '1', 'type', 'teleported', 'data', '{}'],
      ['v', '2', 'type', 'complete', 'data', '{}'],
      ['v', '1', 'type', 'timer', 'data', '{"token":"x"}'],
      ['v', '1', 'type', 'timer', 'data', 'no JSON'],
    ]) {
      const id = (await server.client.xadd(log, '*', ...fields)) ?? '';
      await expect(fold(), fields.join(' ')).rejects.toMatchObject({ code: 'LOG_EVENT_UNKNOWN' });
      await server.client.xdel(log, id);
    }
    expect((await fold()).events).toBe(1);
  });
});

describe('a sweep', () => {
  it('is one process at a time, and takes a checkpoint only where something was folded', async () => {
    await tell(600);
    await fold();
    const now = Date.now();
    await server.client.set(ports.keys.retention, 'another', 'PX', 60_000);
    expect(await ports.retention.sweep(retain, now)).toBeNull();
    await server.client.del(ports.keys.retention);
    expect(await ports.retention.sweep(retain, now)).toEqual({ checkpoints: 1, cut: 0 });
    expect(await ports.retention.sweep(retain, now)).toEqual({ checkpoints: 0, cut: 0 });
  });

  it('is the transition role’s, beside its folds', async () => {
    const role = new Transition(ports, { ...retain, events: 100 });
    await role.start();
    try {
      for (let turn = 0; turn < 4; turn += 1) {
        await tell(100);
        const last = await ports.log.last('web');
        await ports.queues.wakeService('web', { why: 'test', time: Date.now() });
        await until('it is folded', async () => (await ports.store.head('web')).cursor === last);
      }
      await until('it is cut', async () => (await length()) <= 300);
    } finally {
      await role.stop();
    }
    expect(await verified()).toBeGreaterThan(0);
  });
});
