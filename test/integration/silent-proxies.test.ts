/** What proxies said that nobody hears of any more, on a real Redis. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Verdict } from '../../shared/model/event.ts';
import type { ProxyId, ServiceName } from '../../shared/model/ids.ts';
import type { Ports } from '../../workers/app.ts';
import { foldService } from '../../workers/transition/fold-service.ts';
import { FORGOTTEN_MS, SILENT_MS, SilentProxies } from '../../workers/transition/silent-proxies.ts';
import { redisPorts } from '../support/redis-ports.ts';
import { registration, serviceConfig } from '../support/service-events.ts';

let ports: Ports;

redisPorts((is) => {
  ports = is.ports;
});
afterEach(() => {
  vi.useRealTimers();
});

const ID = '10.0.0.1:80';
const LONG_MS = SILENT_MS + 1_000;

interface Seen {
  /** null: it says nothing. */
  readonly verdict: Verdict | null;
  /** ms since it was last looked at; null: it never was. */
  readonly silence: number | null;
  /** ms since its reconciler was heard of; as long as it has been silent, if that is not said. */
  readonly age?: number;
  readonly services?: readonly string[];
}

/** An instance of the service that each of these proxies sees so. */
async function seenBy(proxies: Readonly<Record<ProxyId, Seen>>, service: ServiceName = 'web'): Promise<void> {
  const { revision } = await ports.log.readView(service);
  const znode = { name: ID, version: 0, czxid: '1', mzxid: '1' };
  await ports.log.append(service, {
    epoch: 1,
    viewRevision: revision,
    set: new Map(),
    remove: [],
    events: [
      { type: 'configured', config: serviceConfig({ name: service }) },
      { type: 'registered', instance: ID, znode, said: { registration: registration(80) } },
    ],
  });
  const now = Date.now();
  for (const [proxy, { verdict, silence, age = silence ?? 0, services = ['*'] }] of Object.entries(proxies)) {
    await ports.proxies.announce({ id: proxy, pool: proxy, services, version: null, at: now - age });
    if (silence !== null) await lookedAt(proxy, silence);
    if (verdict !== null) await ports.log.tellHealth(service, proxy, [{ instance: ID, from: 'absent', to: verdict }]);
  }
  await foldService(ports, service, now);
}

async function lookedAt(proxy: ProxyId, silence: number): Promise<void> {
  await ports.proxies.setState(proxy, { lookedAt: String(Date.now() - silence) });
}

async function health(service: ServiceName = 'web'): Promise<unknown> {
  await foldService(ports, service, Date.now());
  const json = (await ports.store.instances(service, [ID])).get(ID);
  return (JSON.parse(json ?? 'null') as { context: { health: unknown } } | null)?.context.health;
}

async function announced(): Promise<ProxyId[]> {
  return (await ports.proxies.announced()).map(({ id }) => id);
}

const sweep = () => new SilentProxies(ports).sweep();

describe('what a proxy said that has been silent for long', () => {
  it('counts no more once another proxy of the service is heard of', async () => {
    await seenBy({ gone: { verdict: 'up', silence: LONG_MS }, here: { verdict: 'down', silence: 1_000 } });
    expect(await health()).toMatchObject({ up: 1, down: 1 });
    await sweep();
    expect(await ports.queues.queue('services').getWaitingCount(), 'the service is woken').toBe(1);
    expect(await health()).toMatchObject({ up: 0, down: 1 });
    expect(await ports.log.verdicts('web', 'gone')).toEqual(new Map());
    expect(await announced()).toEqual(['gone', 'here']);
  });

  it('counts as long as nobody else is heard of: then it is we who do not see', async () => {
    await seenBy({ a: { verdict: 'up', silence: FORGOTTEN_MS * 2 }, b: { verdict: 'up', silence: LONG_MS } });
    await sweep();
    expect(await health()).toMatchObject({ up: 2 });
    expect(await announced()).toEqual(['a', 'b']);
  });

  it.each<[string, Seen]>([
    ['was never looked at', { verdict: null, silence: null }],
    ['was never looked at, whatever it is said to have said', { verdict: 'up', silence: null }],
    ['says nothing of the service', { verdict: null, silence: 1_000 }],
    ['does not carry the service', { verdict: 'up', silence: 1_000, services: ['api'] }],
  ])('counts as long as all others are such as one that %s', async (_, other) => {
    await seenBy({ gone: { verdict: 'up', silence: FORGOTTEN_MS * 2 }, here: other });
    await sweep();
    expect(await ports.log.verdicts('web', 'gone')).toEqual(new Map([[ID, 'up']]));
    expect(await announced()).toEqual(['gone', 'here']);
  });

  it('counts within that time', async () => {
    await seenBy({ late: { verdict: 'up', silence: SILENT_MS - 30_000 }, here: { verdict: 'up', silence: 0 } });
    await sweep();
    expect(await health()).toMatchObject({ up: 2 });
  });

  it('is told anew when it comes back, and withdrawn again when it falls silent again', async () => {
    await seenBy({ gone: { verdict: 'up', silence: LONG_MS }, here: { verdict: 'up', silence: 0 } });
    const sweeper = new SilentProxies(ports);
    await sweeper.sweep();
    expect(await health()).toMatchObject({ up: 1 });
    await ports.proxies.looked('gone');
    await ports.log.tellHealth('web', 'gone', [{ instance: ID, from: 'absent', to: 'up' }]);
    await sweeper.sweep();
    expect(await health()).toMatchObject({ up: 2 });
    await lookedAt('gone', LONG_MS);
    await sweeper.sweep();
    expect(await health()).toMatchObject({ up: 1 });
  });

  it('is forgotten with the proxy after a week', async () => {
    await seenBy({ gone: { verdict: 'up', silence: FORGOTTEN_MS + 1_000 }, here: { verdict: 'up', silence: 0 } });
    await ports.proxies.mark(['gone'], new Map([['web', 3]]));
    await sweep();
    expect(await announced()).toEqual(['here']);
    expect(await ports.proxies.dirty('gone')).toEqual(new Map());
    expect(await ports.proxies.state('gone')).toEqual({});
    expect(await health()).toMatchObject({ up: 1 });
  });

  it('is forgotten without the proxy while its reconciler is heard of: only its HAProxy is away', async () => {
    await seenBy({ gone: { verdict: 'up', silence: FORGOTTEN_MS * 2, age: 5_000 }, here: { verdict: 'up', silence: 0 } });
    await sweep();
    expect(await health()).toMatchObject({ up: 1 });
    expect(await announced()).toEqual(['gone', 'here']);
  });
});

it('what a proxy said of a service that it carries no longer counts no more, whoever else is heard of', async () => {
  await seenBy({ edge: { verdict: 'up', silence: 0, services: ['api*'] } });
  await seenBy({ edge: { verdict: 'up', silence: 0, services: ['api*'] } }, 'api');
  await sweep();
  expect(await health()).toMatchObject({ up: 0 });
  expect(await ports.log.verdicts('web', 'edge')).toEqual(new Map());
  expect(await health('api')).toMatchObject({ up: 1 });
});

/** All clocks of hosts are wrong; that of Redis goes on as it is. */
describe.each([
  ['an hour behind', -3_600_000],
  ['an hour ahead', 3_600_000],
])('with the clock of a host %s', (_, wrong) => {
  it('a proxy that is looked at is heard of, and one that is not is silent', async () => {
    await seenBy({ gone: { verdict: 'up', silence: LONG_MS }, here: { verdict: 'up', silence: null } });
    const right = Date.now();
    vi.useFakeTimers({ toFake: ['Date'], now: right + wrong });
    await ports.proxies.looked('here');
    vi.setSystemTime(right);
    await sweep();
    expect(await health()).toMatchObject({ up: 1 });
    await seenBy({ gone: { verdict: 'up', silence: LONG_MS } });
    await seenBy({ late: { verdict: 'up', silence: SILENT_MS - 30_000 } });
    vi.setSystemTime(right + wrong);
    await sweep();
    vi.setSystemTime(right);
    expect(await health()).toMatchObject({ up: 2 });
    expect(await ports.log.verdicts('web', 'late')).toEqual(new Map([[ID, 'up']]));
  });
});

describe('a sweep', () => {
  it('is one process at a time, and lets nobody else’s turn go', async () => {
    await seenBy({ gone: { verdict: 'up', silence: LONG_MS }, here: { verdict: 'up', silence: 0 } });
    await ports.redis.set(ports.keys.silence, 'another', 'PX', 60_000);
    await sweep();
    expect(await health()).toMatchObject({ up: 2 });
    expect(await ports.redis.get(ports.keys.silence)).toBe('another');
    await ports.redis.del(ports.keys.silence);
    await sweep();
    expect(await health()).toMatchObject({ up: 1 });
    expect(await ports.redis.exists(ports.keys.silence)).toBe(0);
  });

  it('does a bounded part of many proxies', async () => {
    const gone = { verdict: 'up', silence: LONG_MS } as const;
    await seenBy({ first: gone, second: gone, third: gone, here: { verdict: 'up', silence: 0 } });
    const sweeper = new SilentProxies(ports, 1);
    for (const up of [3, 2, 1, 1]) {
      await sweeper.sweep();
      expect(await health()).toMatchObject({ up });
    }
  });

  it('does a bounded part, and the next one goes on from there, also past what stays, until all of it is done', async () => {
    const services = ['a', 'b', 'web'];
    const gone = { verdict: 'up', silence: FORGOTTEN_MS * 2 } as const;
    for (const service of services) {
      const here: Seen = { verdict: service === 'a' ? null : 'up', silence: 0 };
      await seenBy({ first: gone, second: gone, third: gone, here }, service);
    }
    const left = async (): Promise<string[]> => {
      const all = services.flatMap((service) => ['first', 'second', 'third'].map((proxy) => ({ service, proxy })));
      const verdicts = await Promise.all(all.map(({ service, proxy }) => ports.log.verdicts(service, proxy)));
      return all.filter((_, index) => verdicts[index]?.size !== 0).map(({ service, proxy }) => `${service} ${proxy}`);
    };
    const sweeper = new SilentProxies(ports, 1);
    const counts: number[] = [];
    for (let turn = 0; turn < 9; turn += 1) {
      const before = await left();
      await sweeper.sweep();
      counts.push(before.length - (await left()).length);
    }
    expect(Math.max(...counts)).toBe(1);
    expect(await left()).toEqual(['a first', 'a second', 'a third']);
    await ports.log.tellHealth('a', 'here', [{ instance: ID, from: 'absent', to: 'up' }]);
    for (let turn = 0; turn < 9; turn += 1) await sweeper.sweep();
    expect(await left()).toEqual([]);
    expect(await announced()).toEqual(['here']);
  });
});
