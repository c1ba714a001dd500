/** `why` of a service whose log was cut, on a real Redis: it goes on from the checkpoint that stands in place of what is gone. */
import { beforeEach, describe, expect, it } from 'vitest';
import { readWhy } from '../../cli/why/read-why.ts';
import type { WhyReport } from '../../cli/why/report.ts';
import type { Config } from '../../shared/config/config.ts';
import { must } from '../../shared/errors.ts';
import type { ServiceEvent } from '../../shared/model/event.ts';
import { eventTime } from '../../shared/model/ids.ts';
import type { Ports } from '../../workers/app.ts';
import { foldService } from '../../workers/transition/fold-service.ts';
import { until } from '../support/poll.ts';
import { redisPorts } from '../support/redis-ports.ts';
import { registration, serviceConfig } from '../support/service-events.ts';

const retain = { age: 7 * 86_400_000, events: 1_000, bytes: 1024 ** 4 };
const NOTHINGS: readonly ServiceEvent[] = Array.from({ length: 200 }, () => ({ type: 'health', proxy: 'edge', verdicts: [] }));
const [STAYS, LEAVES] = ['10.0.0.1:80', '10.0.0.1:81'];

let ports: Ports;
/** ms, before the first event that is kept. */
let early = 0;

redisPorts((is) => {
  ports = is.ports;
});

function why(instance: string | null, at: number | null): Promise<WhyReport> {
  const config = { services: [], proxies: [] } as unknown as Config;
  return readWhy(config, ports, { service: 'web', instance, at, proxy: null, imported: false, now: Date.now() });
}

async function append(...events: readonly ServiceEvent[]): Promise<void> {
  const { revision } = await ports.log.readView('web');
  await ports.log.append('web', { epoch: 1, viewRevision: revision, set: new Map(), remove: [], events });
  while ((await foldService(ports, 'web', Date.now())).more);
}

function registered(port: number, name = `10.0.0.1:${port}`): ServiceEvent {
  const znode = { name, version: 0, czxid: String(port), mzxid: String(port) };
  return { type: 'registered', instance: `10.0.0.1:${port}`, znode, said: { registration: registration(port) } };
}

const older = (): Promise<string | null> => ports.redis.hget(ports.keys.service('web').older.head, 'cursor');

/** Two instances are known and up, the second one by a znode of another name; then so much happens that the log is cut behind it. */
beforeEach(async () => {
  await append({ type: 'configured', config: serviceConfig() }, registered(80), registered(81, 'member_1'), { type: 'complete' });
  for (const instance of [STAYS, LEAVES]) await ports.log.tellHealth('web', 'edge', [{ instance, from: 'absent', to: 'up' }]);
  early = Date.now();
  for (let turn = 0; turn < 12; turn += 1) {
    await ports.log.appendPlain('web', NOTHINGS);
    await append();
    await ports.retention.sweep(retain, Date.now());
  }
  const cut = eventTime((await older()) ?? '0-0');
  expect(cut).toBeGreaterThan(early);
});

/** A moment of its own: what is told next is later. */
async function moment(): Promise<number> {
  const at = Date.now();
  await until('the clock goes on', () => Date.now() > at);
  return at;
}

describe('why of a log that was cut', () => {
  it('tells how an instance stood at a moment that is kept, from the checkpoint', async () => {
    const at = await moment();
    await append({ type: 'deregistered', instance: LEAVES, znode: { name: 'member_1', version: 0, czxid: '81', mzxid: '81' } });
    const stays = await why(STAYS, at);
    expect(stays).toMatchObject({ state: 'serving', chain: [], notes: [expect.stringContaining('are not kept: the chain goes on')] });
    expect(stays.reasons.map(({ code }) => code)).not.toContain('unknown');
    for (const name of [LEAVES, 'member_1'])
      expect(await why(name, at), name).toMatchObject({ instance: LEAVES, state: 'serving', chain: [] });
    const now = await why(LEAVES, null);
    expect(now.chain.map(({ from, to }) => [from, to])).toEqual([['serving', 'draining']]);
    const service = await why(null, at);
    expect(service).toMatchObject({ state: 'configured', overview: { path: serviceConfig().path, states: { serving: 2 } } });
  });

  it('now leads to what is stored', async () => {
    const { state, notes } = await why(STAYS, null);
    expect(state).toBe('serving');
    expect(notes).toEqual([expect.stringContaining('are not kept: the chain goes on')]);
    await append(registered(82));
    expect(await why('10.0.0.1:82', null)).toMatchObject({ state: 'joining', notes: [], chain: [{ to: 'joining' }] });
  });

  it('says what was not registered at a moment that is kept, and knows nothing of one before', async () => {
    const at = await moment();
    await append(registered(82));
    expect(await why('10.0.0.1:82', at)).toMatchObject({ state: 'not-registered', notes: [] });
    for (const instance of [STAYS, '10.0.0.1:82']) {
      const { state, reasons, notes } = await why(instance, early);
      expect({ state, code: reasons[0]?.code, notes }).toEqual({
        state: 'unknown',
        code: 'unknown',
        notes: [expect.stringContaining('does not reach back')],
      });
    }
  });

  it('takes the last ms of the checkpoint to be known, and the one before it not', async () => {
    const cut = eventTime((await older()) ?? '0-0');
    expect(await why(STAYS, cut)).toMatchObject({ state: 'serving' });
    expect(await why(STAYS, cut - 1)).toMatchObject({ state: 'unknown' });
  });

  it('goes on without a checkpoint that cannot be read', async () => {
    await ports.redis.hset(ports.keys.service('web').older.instances, STAYS, '{}');
    expect(await why(STAYS, await moment())).toMatchObject({ state: 'unknown', notes: [expect.stringContaining('does not reach back')] });
    expect(await why(STAYS, null)).toMatchObject({ state: 'serving' });
  });

  it('that is cut while it is read is read again from where it begins then', async () => {
    const read = ports.log.read.bind(ports.log);
    let pages = 0;
    ports.log.read = async (...args) => {
      pages += 1;
      const before = must(await older(), 'a checkpoint');
      for (let turn = 0; pages === 1 && (await older()) === before; turn += 1) {
        await ports.log.appendPlain('web', NOTHINGS);
        await append();
        await ports.retention.sweep(retain, Date.now());
        expect(turn).toBeLessThan(10);
      }
      return read(...args);
    };
    expect(await why(STAYS, null)).toMatchObject({
      state: 'serving',
      chain: [],
      notes: [expect.stringContaining(must(await older(), 'it'))],
    });
  });
});
