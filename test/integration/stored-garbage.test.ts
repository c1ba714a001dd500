/** Garbage in Redis that is JSON all the same, on a real Redis: whoever comes upon it says so, the service is built anew, and not for ever. */
import { describe, expect, it } from 'vitest';
import { PointsmanError } from '../../shared/errors.ts';
import type { ServiceEvent } from '../../shared/model/event.ts';
import type { Ports } from '../../workers/app.ts';
import { foldService } from '../../workers/transition/fold-service.ts';
import { rebuild } from '../../workers/transition/rebuild.ts';
import { Unreadable } from '../../workers/transition/stored.ts';
import { redisPorts } from '../support/redis-ports.ts';
import { registration, serviceConfig } from '../support/service-events.ts';

let ports: Ports;

redisPorts((is) => {
  ports = is.ports;
});

const NAME = '10.0.0.1:80';
const ZNODE = { name: NAME, czxid: '1', mzxid: '1', version: 0 };
const registered: ServiceEvent = { type: 'registered', instance: NAME, znode: ZNODE, said: { registration: registration(80) } };
const configured: ServiceEvent = { type: 'configured', config: serviceConfig() };

async function append(...events: readonly ServiceEvent[]): Promise<void> {
  const { revision } = await ports.log.readView('web');
  const set = new Map([[NAME, { ...ZNODE, instance: NAME }]]);
  await ports.log.append('web', { epoch: 1, viewRevision: revision, set, remove: [], events });
}

const fold = (): Promise<unknown> => foldService(ports, 'web', Date.now());

/** One instance, seen up, cordoned and draining for a moment, so that everything that a snapshot can have is there. */
async function begun(): Promise<void> {
  await append(configured, registered, { type: 'complete' }, { type: 'cordoned', instance: NAME, by: 'me', reason: '', until: 9e12 });
  await ports.log.tellHealth('web', 'edge', [{ instance: NAME, from: 'absent', to: 'up' }]);
  await fold();
}

/** A JSON value of a hash with something in it made garbage: `path` is where, with dots. */
async function spoil(key: string, field: string, path: string, value: unknown): Promise<void> {
  const stored = JSON.parse((await ports.redis.hget(key, field)) ?? 'null') as Record<string, unknown>;
  const names = path.split('.');
  let at = stored;
  for (const name of names.slice(0, -1)) at = at[name] as Record<string, unknown>;
  at[names.at(-1) as string] = value;
  await ports.redis.hset(key, field, JSON.stringify(stored));
}

async function expectBuiltAnew(): Promise<void> {
  const unreadable = await fold().catch((error: unknown) => error);
  expect(unreadable).toBeInstanceOf(Unreadable);
  await rebuild(ports, 'web', unreadable as Unreadable);
  await append(configured, registered, { type: 'complete' });
  await fold();
  const { known, backend } = await ports.desired.read('web');
  expect(known).toBe(true);
  expect([...(backend?.servers.keys() ?? [])]).toEqual([NAME]);
}

describe('a snapshot that is JSON and cannot be reckoned with', () => {
  it.each([
    ['config', {}],
    ['config.guard.window', 'soon'],
    ['guard.state', 'weird'],
    ['guard.context.losses', [null]],
    ['guard.context.peaks', [{ at: 1 }]],
    ['guard.context.timer', 'x'],
    ['guard.context.token', null],
    ['last', 'x'],
    ['up', 'x'],
    ['registered', -1],
    ['complete', 1],
    ['refused', [1]],
    ['tombstones', [{}]],
  ])('of the service, in %s', async (path, value) => {
    await begun();
    await spoil(ports.keys.service('web').meta, 'service', path, value);
    await append(registered);
    await expectBuiltAnew();
  });

  it.each([
    ['state', 'weird'],
    ['context.timers', { cordon: null }],
    ['context.timers', []],
    ['context.cordon', { by: 1 }],
    ['context.cordon', undefined],
    ['context.quarantine', 1],
    ['context.warm', {}],
    ['context.scale', 0],
    ['context.token', 'x'],
    ['context.serverId', null],
    ['context.registration', {}],
    ['context.registration', null],
    ['context.offered', { host: 'a' }],
    ['context.rejection', {}],
    ['context.znodes', { [NAME]: {} }],
    ['context.health.up', '1'],
    ['context.witnesses', [null]],
    ['context.flap.recent', [null]],
    ['context.since', 9e15],
  ])('of an instance, in %s (%j)', async (path, value) => {
    await begun();
    await spoil(ports.keys.service('web').instances, NAME, path, value);
    await append(registered);
    await expectBuiltAnew();
  });

  it('of an instance with a deadline that is due', async () => {
    await begun();
    const { instances, deadlines } = ports.keys.service('web');
    await spoil(instances, NAME, 'context.timers', { drain: null });
    await ports.redis.zadd(deadlines, 1, NAME);
    await expectBuiltAnew();
  });

  it('of a claim', async () => {
    await begun();
    const { addresses } = ports.keys.service('web');
    for (const key of await ports.redis.hkeys(addresses)) await spoil(addresses, key, 'waiting', [1]);
    await append(registered);
    await expectBuiltAnew();
  });
});

describe('what a fold throws', () => {
  it.each([
    ['TypeError', new TypeError('x is undefined'), true],
    ['RangeError', new RangeError('too long'), true],
    ['an error of Redis', new Error('Connection is closed.'), false],
    ['an error with a code', new PointsmanError('LOG_EVENT_UNKNOWN', 'x', { hint: '', retry: 'after' }), false],
  ])('%s: is what is stored to blame?', async (_what, error, isUnreadable) => {
    await begun();
    await append(registered);
    const store = Object.create(ports.store) as Ports['store'];
    store.addresses = () => Promise.reject(error);
    store.fetch = ports.store.fetch.bind(ports.store);
    store.instances = ports.store.instances.bind(ports.store);
    const thrown = await foldService({ log: ports.log, store }, 'web', Date.now()).catch((thrown: unknown) => thrown);
    expect(thrown instanceof Unreadable).toBe(isUnreadable);
    if (!isUnreadable) expect(thrown).toBe(error);
  });
});

describe('a desired server that cannot be read', () => {
  it.each(['garbage', '{}', '7', `{"instance":"${NAME}","name":"a","id":"1"}`])(
    '%s: nothing is known, until it is built anew',
    async (json) => {
      await begun();
      expect((await ports.desired.read('web')).backend?.servers.size).toBe(1);
      const { desired, changed, meta } = ports.keys.service('web');
      await ports.redis.hset(desired, NAME, json);
      await ports.redis.zadd(changed, Number(await ports.redis.hget(meta, 'revision')) + 1, NAME);
      expect(await ports.desired.read('web')).toMatchObject({ known: false, backend: null });
      await expectBuiltAnew();
    },
  );
});

describe('a view that cannot be read', () => {
  it.each(['garbage', '{}', '7', `{"instance":"${NAME}","czxid":"x","mzxid":"1","version":0}`])(
    '%s: the watcher is told so, until it is built anew',
    async (json) => {
      await begun();
      await ports.redis.hset(ports.keys.service('web').view, NAME, json);
      await expect(ports.log.readView('web')).rejects.toMatchObject({ code: 'LOG_VIEW_UNREADABLE' });
      await expectBuiltAnew();
      expect((await ports.log.readView('web')).children.size).toBe(1);
    },
  );

  it('but a config that cannot be read is only published again', async () => {
    await begun();
    await ports.redis.hset(ports.keys.service('web').meta, 'config', '{"name":');
    expect(await ports.log.readView('web')).toMatchObject({ config: null });
    await fold();
  });
});

describe('a service that is garbage again and again', () => {
  it('is built anew at once, then ever more seldom, and at once again after a calm day', async () => {
    await begun();
    let now = 1_800_000_000_000;
    const again = async (): Promise<boolean> => ports.store.rebuild('web', (await ports.store.head('web')).revision, 'x', [], now);
    const waits: number[] = [];
    for (let turn = 0; turn < 14; turn += 1) {
      let wait = 0;
      while (!(await again())) {
        wait += 5_000;
        now += 5_000;
      }
      waits.push(wait / 1_000);
    }
    expect(waits).toEqual([0, 10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 5_120, 5_120, 5_120, 5_120]);
    now += 24 * 3_600_000;
    expect(await again()).toBe(true);
    now += 10_000;
    expect(await again()).toBe(true);
  });
});
