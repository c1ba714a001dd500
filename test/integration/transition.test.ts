/** The transition worker on a real Redis: folds, commits by compare-and-set, marks and wakes, rings deadlines. */
import { describe, expect, it, vi } from 'vitest';
import type { InstanceSnapshot } from '../../machines/instance.ts';
import { readInstance } from '../../machines/migrate.ts';
import type { ServiceEvent } from '../../shared/model/event.ts';
import { planBackend } from '../../shared/plan/plan-backend.ts';
import type { Ports } from '../../workers/app.ts';
import { foldService } from '../../workers/transition/fold-service.ts';
import { Transition } from '../../workers/transition/transition.ts';
import { until } from '../support/poll.ts';
import { redisPorts } from '../support/redis-ports.ts';
import { HAPROXY_2_6, observedBackend, observedServer } from '../support/samples.ts';
import { registration, serviceConfig } from '../support/service-events.ts';

let ports: Ports;
const config = serviceConfig({ guard: { maxLoss: 1, window: 10_000, hold: 300_000 } });

redisPorts((is) => {
  ports = is.ports;
});

async function append(events: readonly ServiceEvent[]): Promise<void> {
  const { revision } = await ports.log.readView('web');
  await ports.log.append('web', { epoch: 1, viewRevision: revision, set: new Map(), remove: [], events });
}

function registered(port: number, zxid = port): ServiceEvent {
  const znode = { name: `10.0.0.1:${port}`, czxid: String(zxid), mzxid: String(zxid), version: 0 };
  return { type: 'registered', instance: `10.0.0.1:${port}`, znode, said: { registration: registration(port) } };
}

function deregistered(port: number, zxid = port): ServiceEvent {
  const znode = { name: `10.0.0.1:${port}`, czxid: String(zxid), mzxid: String(zxid), version: 0 };
  return { type: 'deregistered', instance: `10.0.0.1:${port}`, znode };
}

async function snapshot(port: number): Promise<InstanceSnapshot | null> {
  const json = (await ports.store.instances('web', [`10.0.0.1:${port}`])).get(`10.0.0.1:${port}`);
  return json === undefined ? null : readInstance(json);
}

describe('a fold', () => {
  it('commits snapshots, desired servers and the cursor, and does nothing the second time', async () => {
    await append([{ type: 'configured', config }, registered(80), registered(81)]);
    const first = await foldService(ports, 'web', Date.now());
    expect(first).toMatchObject({ revision: 1, events: 3, desiredChanged: true });
    const { backend } = await ports.desired.read('web');
    expect([...(backend?.servers.keys() ?? [])].sort()).toEqual(['10.0.0.1:80', '10.0.0.1:81']);
    expect(backend?.config).toEqual(config);
    expect(await foldService(ports, 'web', Date.now())).toMatchObject({ revision: 1, events: 0 });
  });

  it('by two workers at once lands once: the loser is told', async () => {
    await append([{ type: 'configured', config }, ...Array.from({ length: 50 }, (_, index) => registered(100 + index))]);
    const results = await Promise.allSettled([foldService(ports, 'web', Date.now()), foldService(ports, 'web', Date.now())]);
    const lost = results.filter((result) => result.status === 'rejected');
    const events = results.map((result) => (result.status === 'fulfilled' ? result.value.events : 0));
    for (const result of lost) expect(result.reason).toMatchObject({ code: 'LOG_CAS_LOST' });
    expect(Math.max(...events)).toBe(51);
    expect((await ports.store.head('web')).revision).toBe(1);
    expect((await ports.desired.read('web')).backend?.servers.size).toBe(50);
  });

  it('reads only what changed of the desired state once it has it', async () => {
    await append([{ type: 'configured', config }, registered(80), registered(81)]);
    await foldService(ports, 'web', Date.now());
    await ports.desired.read('web');
    await append([deregistered(80), registered(82)]);
    await foldService(ports, 'web', Date.now());
    await ports.redis.hset(ports.keys.service('web').desired, '10.0.0.1:81', 'poison: must not be read');
    const { backend, revision } = await ports.desired.read('web');
    expect(revision).toBe(2);
    expect([...(backend?.servers ?? [])].map(([name, { admin }]) => `${name} ${admin}`).sort()).toEqual([
      '10.0.0.1:80 drain',
      '10.0.0.1:81 ready',
      '10.0.0.1:82 ready',
    ]);
  });

  it('turns a due deadline into an event, once', async () => {
    await append([{ type: 'configured', config: { ...config, drainTimeout: 50 } }, registered(80), deregistered(80)]);
    await foldService(ports, 'web', Date.now());
    expect((await snapshot(80))?.state).toBe('draining');
    const at = await ports.store.earliestDeadline('web');
    await foldService(ports, 'web', (at ?? 0) + 1);
    expect((await snapshot(80))?.state).toBe('gone');
    expect(await ports.store.earliestDeadline('web')).toBeNull();
    expect((await ports.desired.read('web')).backend?.servers.size).toBe(0);
  });
});

/** Events that change nothing, so that a log of them is quickly folded. */
function nothings(count: number): ServiceEvent[] {
  return Array.from({ length: count }, () => ({ type: 'health', proxy: 'edge', verdicts: [] }));
}

describe('a fold of much', () => {
  it('goes in steps, and cuts nothing from the log', async () => {
    await ports.log.appendPlain('web', nothings(2_500));
    const folds = [];
    for (let turn = 0; turn < 3; turn += 1) folds.push((await foldService(ports, 'web', Date.now())).events);
    expect(folds).toEqual([1_000, 1_000, 500]);
    expect(await ports.log.idsAfter('web', '0-0', 10_000)).toHaveLength(2_500);
  });

  it('holds those that went in an earlier fold too', async () => {
    const guarded = serviceConfig({ guard: { maxLoss: 0.5, window: 60_000, hold: 300_000 } });
    await append([{ type: 'configured', config: guarded }, ...[80, 81, 82, 83].map((port) => registered(port))]);
    await append([deregistered(80), deregistered(81)]);
    await foldService(ports, 'web', Date.now());
    expect((await snapshot(80))?.state).toBe('draining');
    await append([deregistered(82)]);
    await foldService(ports, 'web', Date.now());
    for (const port of [80, 81, 82]) expect((await snapshot(port))?.state).toBe('held');
  });
});

describe('what policy forbids', () => {
  it('leaves every proxy, although more than maxLoss serve', async () => {
    const guarded = serviceConfig({ guard: { maxLoss: 0.5, window: 60_000, hold: 300_000 } });
    const servers = [1, 2, 3, 4].map((last) => observedServer(last));
    const events = servers.map(({ name, address }, index): ServiceEvent => {
      const znode = { name, czxid: String(index), mzxid: String(index), version: 0 };
      return { type: 'registered', instance: name, znode, said: { registration: registration(80, { host: address, address }) } };
    });
    await append([{ type: 'configured', config: guarded }, ...events, { type: 'complete' }]);
    await foldService(ports, 'web', Date.now());
    await append([{ type: 'configured', config: { ...guarded, allow: { cidrs: ['10.0.0.4/32'], loopback: false, names: false } } }]);
    await foldService(ports, 'web', Date.now());
    const { backend } = await ports.desired.read('web');
    expect([...(backend?.servers.keys() ?? [])]).toEqual(['10.0.0.4:80']);
    const plan = planBackend({
      backend: 'web',
      desired: backend,
      structure: 's1',
      observed: observedBackend(servers),
      sessions: new Map(),
      capabilities: HAPROXY_2_6,
      runtimeOnly: false,
    });
    const out = plan.commands.filter(({ command }) => command.kind === 'drain').map(({ command }) => command.server);
    expect(out).toEqual(['10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80']);
  });
});

describe('the append', () => {
  it('is fenced: an older epoch writes nothing', async () => {
    const change = { viewRevision: 0, set: new Map(), remove: [], events: [registered(80)] };
    await ports.log.append('web', { ...change, epoch: 5 });
    await expect(ports.log.append('web', { ...change, viewRevision: 1, epoch: 4 })).rejects.toMatchObject({ code: 'LOG_FENCED' });
    expect(await ports.log.read('web', '0-0', 10)).toHaveLength(1);
  });

  it('is compared: a view that moved meanwhile refuses the difference', async () => {
    const entry = { czxid: '1', mzxid: '1', version: 0, instance: '10.0.0.1:80' };
    await ports.log.append('web', { epoch: 1, viewRevision: 0, set: new Map([['a', entry]]), remove: [], events: [registered(80)] });
    const stale = { epoch: 1, viewRevision: 0, set: new Map([['b', entry]]), remove: ['a'], events: [deregistered(80)] };
    await expect(ports.log.append('web', stale)).rejects.toMatchObject({ code: 'LOG_STALE_REVISION' });
    const view = await ports.log.readView('web');
    expect([...view.children.keys()]).toEqual(['a']);
    expect(await ports.log.read('web', '0-0', 10)).toHaveLength(1);
  });

  it('of more than one call holds keeps each entry with its own event', async () => {
    const names = Array.from({ length: 2_500 }, (_, index) => 10_000 + index);
    const set = new Map(
      names.map((port) => [`10.0.0.1:${port}`, { czxid: String(port), mzxid: String(port), version: 0, instance: `10.0.0.1:${port}` }]),
    );
    const answer = await ports.log.append('web', {
      epoch: 1,
      viewRevision: 0,
      set,
      remove: [],
      events: names.map((port) => registered(port)),
    });
    expect(answer.ids).toHaveLength(2_500);
    expect((await ports.log.readView('web')).children.size).toBe(2_500);
    expect((await ports.log.readView('web')).revision).toBe(answer.revision);
  });
});

describe('the role', () => {
  it('folds on a wake, marks and wakes the proxies that carry the service, and no other', async () => {
    await ports.proxies.announce({ id: 'edge', pool: 'edge', services: ['web*'], version: null, at: Date.now() });
    await ports.proxies.announce({ id: 'other', pool: 'other', services: ['db'], version: null, at: Date.now() });
    const role = new Transition(ports);
    await role.start();
    try {
      await append([{ type: 'configured', config }, registered(80)]);
      await ports.queues.wakeService('web', { why: 'test', path: '/x', time: Date.now() });
      await until('edge is marked', async () => (await ports.proxies.dirty('edge')).get('web') === 1);
      await until('edge is woken', async () => (await ports.queues.queue('proxies.edge').getWaitingCount()) === 1);
      expect(await ports.proxies.dirty('other')).toEqual(new Map());
      await until('the publication is noted', async () => (await ports.store.head('web')).published === 1);
    } finally {
      await role.stop();
    }
  });

  it('tells a proxy that announced itself just now, and one that changed what it carries', async () => {
    const edge = { id: 'edge', pool: 'edge', services: ['db'], version: null };
    await ports.proxies.announce({ ...edge, at: Date.now() });
    const role = new Transition(ports);
    await role.start();
    try {
      await append([{ type: 'configured', config }, registered(80)]);
      await ports.queues.wakeService('web', { why: 'test', time: Date.now() });
      await until('it is published', async () => (await ports.store.head('web')).published === 1);
      await ports.proxies.announce({ ...edge, services: ['web'], at: Date.now() });
      await ports.proxies.announce({ id: 'late', pool: 'edge', services: ['*'], version: null, at: Date.now() });
      await append([registered(81)]);
      await ports.queues.wakeService('web', { why: 'test', time: Date.now() });
      await until('it is published again', async () => (await ports.store.head('web')).published === 2);
      for (const id of ['edge', 'late']) expect(await ports.proxies.dirty(id), id).toEqual(new Map([['web', 2]]));
    } finally {
      await role.stop();
    }
  });

  it('tells nothing to a proxy that was forgotten, and leaves no mark of it', async () => {
    for (const id of ['edge', 'gone']) await ports.proxies.announce({ id, pool: id, services: ['*'], version: null, at: Date.now() });
    const role = new Transition(ports);
    await role.start();
    const woken = (pool: string): Promise<number> => ports.queues.queue(`proxies.${pool}`).getWaitingCount();
    try {
      await append([{ type: 'configured', config }, registered(80)]);
      await ports.queues.wakeService('web', { why: 'test', time: Date.now() });
      await until('it is published', async () => (await ports.store.head('web')).published === 1);
      expect(await woken('gone')).toBe(1);
      await ports.proxies.forget('gone');
      for (const pool of ['edge', 'gone']) await ports.queues.queue(`proxies.${pool}`).drain();
      await append([registered(81)]);
      await ports.queues.wakeService('web', { why: 'test', time: Date.now() });
      await until('it is published again', async () => (await ports.store.head('web')).published === 2);
      expect(await ports.proxies.dirty('edge')).toEqual(new Map([['web', 2]]));
      expect(await ports.redis.exists(ports.keys.proxy('gone').dirty)).toBe(0);
      expect([await woken('edge'), await woken('gone')]).toEqual([1, 0]);
    } finally {
      await role.stop();
    }
  });

  it('does not begin a sweep while the last one is at it, and takes it up again after that', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const role = new Transition(ports);
    const { proxies } = ports;
    const announced = proxies.announced.bind(proxies);
    const waiting: (() => void)[] = [];
    try {
      await role.start();
      proxies.announced = async () => {
        await new Promise<void>((resolve) => waiting.push(resolve));
        return announced();
      };
      const turn = async (): Promise<void> => {
        vi.advanceTimersByTime(30_000);
        await until('it is at it', () => waiting.length > 0);
      };
      await turn();
      // Should another one begin, it may: the turn in Redis is taken away from the first.
      await ports.redis.del(ports.keys.silence);
      vi.advanceTimersByTime(90_000);
      // What another one asks before that is answered before these.
      for (let trip = 0; trip < 5; trip += 1) await ports.redis.ping();
      expect(waiting).toHaveLength(1);
      waiting.pop()?.();
      await until('the next one begins', async () => {
        vi.advanceTimersByTime(30_000);
        return waiting.length === 1;
      });
      waiting.pop()?.();
    } finally {
      proxies.announced = announced;
      vi.useRealTimers();
      await role.stop();
    }
  });

  it('folds on by itself when there is more than one job folds', async () => {
    const role = new Transition(ports);
    await role.start();
    try {
      for (let part = 0; part < 10; part += 1) await ports.log.appendPlain('web', nothings(5_050));
      const last = await ports.log.last('web');
      await ports.queues.wakeService('web', { why: 'test', time: Date.now() });
      await until('all is folded', async () => (await ports.store.head('web')).cursor === last);
    } finally {
      await role.stop();
    }
  }, 30_000);

  it('rings the deadline of a drain by itself', async () => {
    const role = new Transition(ports);
    await role.start();
    try {
      await append([{ type: 'configured', config: { ...config, drainTimeout: 300 } }, registered(80), deregistered(80)]);
      await ports.queues.wakeService('web', { why: 'test', time: Date.now() });
      await until('it drains', async () => (await snapshot(80))?.state === 'draining');
      await until('it is gone', async () => (await snapshot(80))?.state === 'gone');
    } finally {
      await role.stop();
    }
  });

  it('makes good what a crash between commit and wake left undone', async () => {
    await ports.proxies.announce({ id: 'edge', pool: 'edge', services: ['*'], version: null, at: Date.now() });
    await append([{ type: 'configured', config }, registered(80)]);
    await foldService(ports, 'web', Date.now());
    expect(await ports.proxies.dirty('edge')).toEqual(new Map());
    const role = new Transition(ports);
    await role.start();
    try {
      await until('edge is marked', async () => (await ports.proxies.dirty('edge')).get('web') === 1);
    } finally {
      await role.stop();
    }
  });
});
