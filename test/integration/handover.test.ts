/** Within one process a change is acted on while its commit is on its way. What must hold when that commit does not land, or nothing comes. */
import { describe, expect, it } from 'vitest';
import { observeBackends } from '../../shared/haproxy/observe.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { ServiceEvent } from '../../shared/model/event.ts';
import type { News } from '../../shared/runtime/handover.ts';
import { foldService } from '../../workers/transition/fold-service.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { Pipeline } from '../support/pipeline.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { serviceConfig } from '../support/service-events.ts';

const cleanups = cleanupsAfterEach();

/** A service in sync with one server, in a process that has every role right of the watcher. */
async function inSync(): Promise<Pipeline> {
  const on = await Pipeline.start({ roles: ['transition', 'reconciler'] });
  cleanups.push(() => on.stop());
  const config = serviceConfig({
    listen: `127.0.0.1:${await freePort()}`,
    check: { type: 'none' },
    drainTimeout: 20_000,
    guard: { maxLoss: 1, window: 10_000, hold: 300_000 },
  });
  await on.configure(config);
  await on.tell('web', on.registered(1001));
  await until('in sync', async () => (await on.backendState('web')) === 'in-sync' && (await servers(on)).length === 1, {
    timeoutMs: 15_000,
  });
  return on;
}

async function servers(on: Pipeline): Promise<string[]> {
  const backends = await withRuntime(on.proxy.runtime, observeBackends);
  return [...(backends.get('web')?.servers.values() ?? [])].map(({ name, admin }) => `${name} ${admin}`).sort();
}

/** As a watcher in this process does: the append is on its way when the transition role hears of it. */
async function tellAsWatcher(on: Pipeline, ...events: ServiceEvent[]): Promise<void> {
  const { log, handover } = on.app.ports;
  const { revision } = await log.readView('web');
  handover.noticed?.('web');
  const appended = log.append('web', { epoch: 1, viewRevision: revision, set: new Map(), remove: [], events });
  handover.service?.('web', events);
  await appended;
}

describe('what is handed over', () => {
  it('reaches HAProxy without any job, and the wakes follow', async () => {
    const on = await inSync();
    const { queues, store, proxies } = on.app.ports;
    const jobs = async (): Promise<number> => (await queues.queue('services').getJobCounts('completed')).completed ?? 0;
    const before = await jobs();
    await tellAsWatcher(on, on.registered(1002));
    await until('both are there', async () => (await servers(on)).length === 2, { everyMs: 1 });
    expect(await jobs(), 'nobody woke the service').toBe(before);
    await until('the publication is noted', async () => {
      const head = await store.head('web');
      return head.published === head.revision;
    });
    await until('nothing is left to look at', async () => (await proxies.dirty('edge')).size === 0);
    await until('in sync', async () => (await on.backendState('web')) === 'in-sync');
  });

  it('takes no mark away when its commit did not land, and what landed instead is applied', async () => {
    const on = await inSync();
    const { store, proxies, log } = on.app.ports;
    const commit = store.commit.bind(store);
    // Another worker is first, with one event more: its revision is the number that ours would have had.
    store.commit = async (service, mine) => {
      store.commit = commit;
      const { revision } = await log.readView('web');
      await log.append('web', { epoch: 1, viewRevision: revision, set: new Map(), remove: [], events: [on.registered(1003)] });
      const rival = await foldService({ log, store }, 'web', Date.now());
      expect(rival).toMatchObject({ revision: mine.readRevision + 1, events: 2 });
      await proxies.mark(['edge'], new Map([['web', rival.revision]]));
      return commit(service, mine);
    };
    await tellAsWatcher(on, on.registered(1002));
    await until(
      'all of them are there',
      async () => (await servers(on)).join() === [1001, 1002, 1003].map((port) => `127.0.0.1:${port} ready`).join(),
      {
        timeoutMs: 5_000,
      },
    );
    const { backend } = await on.app.ports.desired.read('web');
    expect(backend?.servers.size).toBe(3);
  });

  it('leaves the mark of a revision that is not its own', async () => {
    const on = await inSync();
    const { desired, proxies, handover, keys } = on.app.ports;
    const known = await desired.read('web');
    const readied = await until('the proxy is free', () => handover.ready?.('web') ?? null);
    await proxies.mark(['edge'], new Map([['web', known.revision + 1]]));
    const committed = Promise.reject(new Error('another worker was first'));
    committed.catch(() => undefined);
    readied.tell({ desired: Promise.resolve({ ...known, revision: known.revision + 1 }), committed });
    await until('the pass is over', async () => (await on.redis.client.exists(keys.proxy('edge').claim)) === 0);
    expect(await proxies.dirty('edge')).toEqual(new Map([['web', known.revision + 1]]));
  });

  it('is kept in memory only as Redis has it', async () => {
    const on = await inSync();
    const { desired, store } = on.app.ports;
    const { revision } = await desired.read('web');
    const head = await store.head('web');
    const commit = {
      readRevision: revision,
      cursor: head.cursor,
      service: head.service ?? '',
      released: null,
      instances: new Map(),
      desired: new Map([['127.0.0.1:1001', null]]),
      addresses: new Map(),
      deadlines: new Map(),
    };
    const { promise, reject } = Promise.withResolvers<never>();
    expect(desired.advance('web', commit, promise)?.servers.size).toBe(0);
    const reading = desired.read('web');
    expect(desired.advance('web', commit, promise), 'one at a time').toBeNull();
    reject(new Error('lost'));
    const { backend, revision: after } = await reading;
    expect(after).toBe(revision);
    expect(backend?.servers.size).toBe(1);
  });

  it('holds no claim for a change that does not come', async () => {
    const on = await inSync();
    const { keys, handover } = on.app.ports;
    const isClaimed = async (): Promise<boolean> => (await on.redis.client.exists(keys.proxy('edge').claim)) === 1;
    const readied = async (): Promise<boolean> => {
      handover.noticed?.('web');
      return isClaimed();
    };
    await until('nobody is at it', async () => !(await isClaimed()));
    await until('it is readied', readied, { everyMs: 100 });
    await until('it is let go', async () => !(await isClaimed()), { timeoutMs: 1_000, everyMs: 5 });
    await until('it is readied again', readied, { everyMs: 5 });
    await on.app.stop();
    expect(await isClaimed(), 'the end of the process lets it go too').toBe(false);
  });

  it('of a proxy that is busy, or is to be looked at as a whole, goes the ordinary way', async () => {
    const on = await inSync();
    const { handover } = on.app.ports;
    await until('nothing goes on', () => {
      const readied = handover.ready?.('web') ?? null;
      if (readied === null) return false;
      expect([...readied.proxies]).toEqual(['edge']);
      expect(handover.ready?.('web'), 'it is busy now').toBeNull();
      expect(handover.ready?.('another'), 'with whatever service').toBeNull();
      readied.tell(null as News | null);
      return true;
    });
  });
});
