/** A service built anew on a real Redis: what is forgotten, what is known meanwhile, who may do it, and that a replay over it gives the same. */
import { describe, expect, it } from 'vitest';
import type { ServiceEvent } from '../../shared/model/event.ts';
import type { Ports } from '../../workers/app.ts';
import { foldService } from '../../workers/transition/fold-service.ts';
import { rebuild } from '../../workers/transition/rebuild.ts';
import { Unreadable } from '../../workers/transition/stored.ts';
import { redisPorts } from '../support/redis-ports.ts';
import { expectReplayed } from '../support/replayed.ts';
import { registration, serviceConfig } from '../support/service-events.ts';

let ports: Ports;
const config = serviceConfig({ guard: { maxLoss: 1, window: 10_000, hold: 300_000 } });
const NAME = '10.0.0.1:80';

redisPorts(
  (is) => {
    ports = is.ports;
  },
  ({ server }) => expectReplayed(server.url, 'test'),
);

async function append(...events: readonly ServiceEvent[]): Promise<void> {
  const { revision } = await ports.log.readView('web');
  const set = new Map(
    events.flatMap((event) =>
      event.type === 'registered' ? [[event.instance, { ...event.znode, instance: event.instance }] as const] : [],
    ),
  );
  await ports.log.append('web', { epoch: 1, viewRevision: revision, set, remove: [], events });
}

const fold = (): Promise<unknown> => foldService(ports, 'web', Date.now());
const registered: ServiceEvent = {
  type: 'registered',
  instance: NAME,
  znode: { name: NAME, czxid: '1', mzxid: '1', version: 0 },
  said: { registration: registration(80) },
};
const changed: ServiceEvent = { ...registered, type: 'changed', znode: { name: NAME, czxid: '1', mzxid: '2', version: 1 } };
const cordoned: ServiceEvent = { type: 'cordoned', instance: NAME, by: 'me', reason: '', until: null };

/** One instance, seen up, desired by a proxy that is announced; then what is stored of it is garbage. */
async function broken(): Promise<Unreadable> {
  await append({ type: 'configured', config }, registered, { type: 'complete' });
  await ports.proxies.announce({ id: 'edge', pool: 'edge', services: ['*'], version: null, at: Date.now() });
  await ports.log.tellHealth('web', 'edge', [{ instance: NAME, from: 'absent', to: 'up' }]);
  await fold();
  expect((await ports.desired.read('web')).backend?.servers.size).toBe(1);
  await ports.redis.hset(ports.keys.service('web').instances, NAME, 'garbage');
  await append(changed);
  const unreadable = await fold().catch((error: unknown) => error);
  expect(unreadable).toBeInstanceOf(Unreadable);
  return unreadable as Unreadable;
}

describe('a service that is built anew', () => {
  it('is not known until its config is told, not complete until it is said to be; its readers read all of it', async () => {
    await rebuild(ports, 'web', await broken());
    const keys = ports.keys.service('web');
    const { meta, view, instances } = keys;
    expect(await ports.redis.exists(view, instances, keys.verdicts('edge'))).toBe(0);
    expect(await ports.redis.hmget(meta, 'service', 'config', 'complete', 'epoch')).toEqual([null, null, null, '1']);
    expect(await ports.desired.read('web')).toMatchObject({ known: false, backend: null });
    await append(cordoned);
    await fold();
    // There is a snapshot now, without a config: that says nothing about what should be.
    expect(await ports.desired.read('web')).toMatchObject({ known: false, backend: null });
    await append({ type: 'configured', config });
    // Not folded yet.
    expect((await ports.desired.read('web')).known).toBe(false);
    await fold();
    const half = await ports.desired.read('web');
    expect(half).toMatchObject({ known: true, backend: { complete: false } });
    await append(registered, { type: 'complete' });
    await fold();
    const { backend } = await ports.desired.read('web');
    expect(backend?.complete).toBe(true);
    expect(backend?.servers.get(NAME)?.admin).toBe('out');
  });

  it('refuses a watcher that goes by the view of before', async () => {
    const unreadable = await broken();
    const { revision } = await ports.log.readView('web');
    await rebuild(ports, 'web', unreadable);
    const late = ports.log.append('web', { epoch: 1, viewRevision: revision, set: new Map(), remove: [], events: [{ type: 'complete' }] });
    await expect(late).rejects.toMatchObject({ code: 'LOG_STALE_REVISION' });
    expect(await ports.log.readView('web')).toMatchObject({ config: null, complete: false, children: new Map() });
  });

  it('once, by whoever is first; and not again at once', async () => {
    const unreadable = await broken();
    await Promise.all([rebuild(ports, 'web', unreadable), rebuild(ports, 'web', unreadable)]);
    await append({ type: 'configured', config }, registered);
    await fold();
    await ports.redis.hset(ports.keys.service('web').instances, NAME, 'garbage');
    await append(changed);
    const again = await fold().catch((error: unknown) => error);
    await expect(rebuild(ports, 'web', again as Unreadable)).rejects.toBe(again);
    const events = await ports.log.read('web', '0-0', 100);
    expect(events.filter(({ event }) => event.type === 'rebuilt')).toHaveLength(1);
    await ports.redis.hset(ports.keys.service('web').meta, 'rebuilt', '0');
    await rebuild(ports, 'web', again as Unreadable);
    await append({ type: 'configured', config });
    await fold();
  });

  it('stays known not to be configured any more', async () => {
    await append({ type: 'configured', config }, registered);
    await append({ type: 'unconfigured' });
    await fold();
    expect(await ports.desired.read('web')).toMatchObject({ known: true, backend: null });
    await ports.redis.hset(ports.keys.service('web').meta, 'service', '7');
    await rebuild(ports, 'web', (await fold().catch((error: unknown) => error)) as Unreadable);
    await ports.log.appendPlain('web', [{ type: 'uncordoned', instance: NAME }]);
    await fold();
    expect(await ports.desired.read('web')).toMatchObject({ known: true, backend: null });
  });

  it('is found by an address claim too', async () => {
    await append({ type: 'configured', config }, registered);
    await fold();
    const { addresses } = ports.keys.service('web');
    for (const key of await ports.redis.hkeys(addresses)) await ports.redis.hset(addresses, key, '{"owner":');
    await append(changed);
    const unreadable = await fold().catch((error: unknown) => error);
    expect(String(unreadable)).toMatch(/the claim on .* is no snapshot/);
    await rebuild(ports, 'web', unreadable as Unreadable);
  });
});
