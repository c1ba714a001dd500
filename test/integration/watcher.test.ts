/** The watcher on real Zookeeper, writing into a log in memory: what it says happened, and what it does not say too soon. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { createLogger } from '../../shared/observability/logger.ts';
import { NameResolver } from '../../workers/watcher/name-resolver.ts';
import { ServiceWatch } from '../../workers/watcher/service-watch.ts';
import { Watcher } from '../../workers/watcher/watcher.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { connectedLink, type TestLink } from '../support/link.ts';
import { MemoryLog, MemoryWake, serviceConfig } from '../support/memory-log.ts';
import { type PlainClient, plainClient } from '../support/plain-client.ts';
import { until } from '../support/poll.ts';
import { startZookeeper, type Zookeeper } from '../support/zookeeper.ts';

const SESSION_MS = 3_000;

interface Running {
  readonly proxy: FaultProxy;
  readonly opened: TestLink;
  readonly watcher: Watcher;
}

let zookeeper: Zookeeper;
let plain: PlainClient;
let root: string;
let path: string;
let tests = 0;
let log: MemoryLog;
let wake: MemoryWake;
let running: Running[];
let addresses: Record<string, string[]>;

beforeAll(async () => {
  zookeeper = await startZookeeper();
  plain = await plainClient(zookeeper.connect);
});
afterAll(async () => {
  await plain?.close();
  await zookeeper?.stop();
});
beforeEach(async () => {
  root = `/pointsman-${++tests}`;
  path = `/services-${tests}/web`;
  await plain.ensure(path);
  log = new MemoryLog();
  wake = new MemoryWake();
  running = [];
  addresses = {};
});
afterEach(async () => {
  for (const { watcher, opened, proxy } of running) {
    await watcher.stop();
    await opened.link.stop();
    await proxy.close();
  }
});

async function start(services: readonly ServiceConfig[] = [serviceConfig('web', path)], rereadMs = 60_000): Promise<Running> {
  const proxy = await FaultProxy.start(zookeeper.servers[0]?.port ?? 0);
  const opened = await connectedLink(proxy.connect, { sessionTimeout: SESSION_MS });
  const lookup = async (host: string): Promise<string[]> => {
    const found = addresses[host];
    if (found === undefined) throw new Error(`ENOTFOUND ${host}`);
    return found;
  };
  const logger = createLogger({ level: (process.env.TEST_LOG as 'silent' | undefined) ?? 'silent' });
  const watcher = new Watcher({ link: opened.link, root, id: 'test', services, log, wake, logger, rereadMs, lookup });
  await watcher.start();
  const run = { proxy, opened, watcher };
  running.push(run);
  return run;
}

const story = (service = 'web'): string[] => log.story(service);
const fresh = (run: Running, service = 'web'): boolean =>
  run.watcher.status.services.find((one) => one.service === service)?.fresh === true;
const freshly = (run: Running, service = 'web'): Promise<boolean> => until(`${service} to be fresh`, () => fresh(run, service));
const tells = (...lines: string[]): Promise<boolean> =>
  until(`the log to end with ${lines.join(', ')}`, () => JSON.stringify(story().slice(-lines.length)) === JSON.stringify(lines));

describe('while all is well', () => {
  test('it publishes the config, and tells what registers, changes and ends', async () => {
    await plain.create(`${path}/10.0.0.1:80`, '{"weight": 5, "labels": {"zone": "a"}}');
    await plain.create(`${path}/not an address`);
    const run = await start();
    await freshly(run);
    expect(story()).toEqual(['configured', 'registered 10.0.0.1:80', 'registered znode:not an address']);
    expect(log.events('web')[1]).toMatchObject({
      said: { registration: { host: '10.0.0.1', address: '10.0.0.1', port: 80, weight: 5, labels: { zone: 'a' } } },
      znode: { name: '10.0.0.1:80', version: 0 },
    });
    expect(log.events('web')[2]).toMatchObject({ said: { rejection: { code: 'not-an-address' } } });

    await plain.create(`${path}/10.0.0.2:80`);
    await tells('registered 10.0.0.2:80');
    await plain.set(`${path}/10.0.0.2:80`, '{"weight": 7}');
    await tells('changed 10.0.0.2:80');
    await plain.set(`${path}/10.0.0.2:80`, '{"weight": 700}');
    await tells('changed 10.0.0.2:80', 'changed 10.0.0.2:80');
    expect(log.events('web').at(-1)).toMatchObject({ said: { rejection: { code: 'bad-weight' } }, znode: { version: 2 } });
    await plain.remove(`${path}/10.0.0.1:80`);
    await tells('deregistered 10.0.0.1:80');
    expect([...(log.states.get('web')?.children.keys() ?? [])]).toEqual(['not an address', '10.0.0.2:80']);

    await until('every event to be named in a wake', () => {
      const named = new Set(wake.causes.flatMap(({ events }) => events));
      return log.states.get('web')?.events.every(({ id }) => named.has(id));
    });
    expect(wake.causes.at(-1)).toMatchObject({ service: 'web', path });
  });

  test('it tells of a znode that was made anew: the new one first, then the end of the old', async () => {
    const run = await start();
    await freshly(run);
    await plain.create(`${path}/10.0.0.1:80`);
    await tells('registered 10.0.0.1:80');
    // Both changes fall into one reading: the log is slow while they happen.
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const append = log.append.bind(log);
    let waiting = 0;
    log.append = async (service, change) => {
      waiting++;
      await held;
      return append(service, change);
    };
    await plain.create(`${path}/10.0.0.9:80`);
    await until('the log to be slow', () => waiting === 1);
    await plain.remove(`${path}/10.0.0.1:80`);
    await plain.create(`${path}/10.0.0.1:80`);
    release();
    await tells('registered 10.0.0.9:80', 'registered 10.0.0.1:80', 'deregistered 10.0.0.1:80');
    const [again, ended] = log.events('web').slice(-2);
    if (again?.type !== 'registered' || ended?.type !== 'deregistered') throw new Error('the story is another');
    expect(BigInt(again.znode.czxid)).toBeGreaterThan(BigInt(ended.znode.czxid));
  });

  test('it follows host names to their addresses, and resolves them again', async () => {
    addresses['one.internal'] = ['2001:db8::5', '10.1.0.9', '10.1.0.5'];
    await plain.create(`${path}/one.internal:80`);
    await plain.create(`${path}/two.internal:80`);
    const run = await start();
    await freshly(run);
    expect(log.events('web').slice(1)).toMatchObject([
      { type: 'registered', instance: 'one.internal:80', said: { registration: { host: 'one.internal', address: '10.1.0.5' } } },
      { type: 'registered', instance: 'two.internal:80', said: { rejection: { code: 'unresolvable' } } },
    ]);
    addresses['two.internal'] = ['10.1.0.6'];
    addresses['one.internal'] = ['10.1.0.9', '10.1.0.5'];
    // The resolver keeps answers for a while; a watcher that takes over asks anew.
    await run.watcher.stop();
    const next = await start();
    await freshly(next);
    expect(log.events('web').slice(3)).toMatchObject([
      { type: 'changed', instance: 'one.internal:80', said: { registration: { address: '10.1.0.5' } } },
      { type: 'changed', instance: 'two.internal:80', said: { registration: { address: '10.1.0.6' } } },
    ]);
    await next.watcher.resync();
    expect(log.events('web')).toHaveLength(5);
  });

  test('it leaves services alone that another one troubles', async () => {
    const other = `/services-${tests}/other`;
    await plain.ensure(other);
    await plain.restrict(other, 'somebody:else');
    const run = await start([serviceConfig('other', other), serviceConfig('web', path)]);
    log.fault = (call, service) => {
      if (call === 'append' && service === 'other') throw new Error('redis is away, for this service');
      return undefined;
    };
    await plain.create(`${path}/10.0.0.1:80`);
    await tells('registered 10.0.0.1:80');
    await until(
      'the trouble to show',
      () => run.watcher.status.services.find((one) => one.service === 'other')?.problem?.code === 'ZOOKEEPER_NO_AUTH',
    );
    expect(fresh(run)).toBe(true);
    expect(fresh(run, 'other')).toBe(false);
  });
});

describe('when it does not know', () => {
  test('a service whose path is missing at the start loses nothing before a second look', async () => {
    const run = await start();
    await plain.create(`${path}/10.0.0.1:80`);
    await tells('registered 10.0.0.1:80');
    await run.watcher.stop();
    await plain.removeAll(path);
    const began = performance.now();
    const next = await start();
    await until('the doubt', () => next.watcher.status.services[0]?.missing === 1);
    expect(story()).not.toContain('deregistered 10.0.0.1:80');
    await tells('deregistered 10.0.0.1:80');
    expect(performance.now() - began).toBeGreaterThanOrEqual(SESSION_MS);
    await freshly(next);
  });

  test('what a takeover misses is gone only after a second look; what it finds is told at once', async () => {
    const run = await start();
    for (const name of ['10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80']) await plain.create(`${path}/${name}`);
    await tells('registered 10.0.0.3:80');
    await run.watcher.stop();
    await plain.remove(`${path}/10.0.0.1:80`);
    await plain.remove(`${path}/10.0.0.2:80`);
    await plain.create(`${path}/10.0.0.4:80`);
    const next = await start();
    const began = performance.now();
    await tells('registered 10.0.0.4:80');
    expect(fresh(next)).toBe(false);
    // One comes back before the second look: it is told as the new registration that it is, and never as a loss alone.
    await plain.create(`${path}/10.0.0.2:80`);
    await tells('registered 10.0.0.4:80', 'registered 10.0.0.2:80', 'deregistered 10.0.0.2:80');
    // What leaves before our eyes is believed, doubt or not.
    await plain.remove(`${path}/10.0.0.3:80`);
    await tells('deregistered 10.0.0.3:80');
    expect(performance.now() - began).toBeLessThan(SESSION_MS);
    await tells('deregistered 10.0.0.3:80', 'deregistered 10.0.0.1:80');
    expect(performance.now() - began).toBeGreaterThanOrEqual(SESSION_MS);
    await freshly(next);
  });

  test('an expired session is a new start: all is read again, and absence is confirmed first', async () => {
    const run = await start();
    await plain.create(`${path}/10.0.0.1:80`);
    await plain.create(`${path}/10.0.0.2:80`);
    await tells('registered 10.0.0.2:80');
    const before = run.opened.link.sessionId;
    run.proxy.mode = 'reset';
    run.proxy.dropAll();
    await until('the session to end', async () => (await plain.children(`${root}/election/watcher`)).length === 0);
    await plain.remove(`${path}/10.0.0.1:80`);
    await plain.create(`${path}/10.0.0.3:80`);
    run.proxy.mode = 'pass';
    await tells('registered 10.0.0.3:80');
    expect(run.opened.link.sessionId).not.toBe(before);
    expect(run.watcher.status.services[0]?.missing).toBe(1);
    await tells('registered 10.0.0.3:80', 'deregistered 10.0.0.1:80');
    await freshly(run);
    expect(story().filter((line) => line === 'configured')).toHaveLength(1);
  });

  test('the watch of one service by itself holds to that, also where no election ends it', async () => {
    const proxy = await FaultProxy.start(zookeeper.servers[0]?.port ?? 0);
    await using opened = await connectedLink(proxy.connect, { sessionTimeout: SESSION_MS });
    const { link } = opened;
    const logger = createLogger({ level: 'silent' });
    const tenure = { epoch: 1, fenced: async (): Promise<boolean> => true };
    const resolver = new NameResolver(logger);
    const watch = new ServiceWatch(serviceConfig('web', path), { link, log, wake, resolver, tenure, barrier: `${root}/barrier`, logger });
    watch.start();
    await plain.create(`${path}/10.0.0.1:80`);
    await plain.create(`${path}/10.0.0.2:80`);
    await tells('registered 10.0.0.1:80', 'registered 10.0.0.2:80');
    const mine = await link.create(`${path}-session`, '', { ephemeral: true });
    proxy.mode = 'reset';
    proxy.dropAll();
    await until('the session to end', async () => !(await plain.exists(mine)));
    await plain.remove(`${path}/10.0.0.1:80`);
    proxy.mode = 'pass';
    await until('the doubt', () => watch.status.missing === 1);
    expect(story()).not.toContain('deregistered 10.0.0.1:80');
    await tells('deregistered 10.0.0.1:80');
    await watch.stop();
    await proxy.close();
  });

  test('after a short disconnect, with the session going on, differences are believed at once', async () => {
    const run = await start();
    await plain.create(`${path}/10.0.0.1:80`);
    await plain.create(`${path}/10.0.0.2:80`);
    await tells('registered 10.0.0.2:80');
    run.proxy.mode = 'reset';
    run.proxy.dropAll();
    await until('the link to be down', () => !run.opened.link.connected);
    expect(fresh(run)).toBe(false);
    await plain.remove(`${path}/10.0.0.1:80`);
    await plain.create(`${path}/10.0.0.3:80`);
    run.proxy.mode = 'pass';
    await until('the link to be back', () => run.opened.told.includes('up resumed'));
    const began = performance.now();
    await tells('deregistered 10.0.0.1:80', 'registered 10.0.0.3:80');
    expect(performance.now() - began).toBeLessThan(SESSION_MS / 2);
    await freshly(run);
  });

  test('a path that is deleted as a whole and made again in time loses nothing', async () => {
    const run = await start();
    await plain.create(`${path}/10.0.0.1:80`);
    await tells('registered 10.0.0.1:80');
    // In one reading: children and parent go while the log is slow.
    let slow = true;
    log.fault = () => {
      if (slow) throw new Error('redis is away');
      return undefined;
    };
    await plain.create(`${path}/10.0.0.7:80`);
    await plain.removeAll(path);
    slow = false;
    await until('the doubt', () => (run.watcher.status.services[0]?.missing ?? 0) > 0);
    await plain.ensure(path);
    await plain.create(`${path}/10.0.0.1:80`);
    await until('no doubt to be left', () => fresh(run), { timeoutMs: 3 * SESSION_MS });
    const about = story().filter((line) => line.endsWith('10.0.0.1:80'));
    expect(about).toEqual(['registered 10.0.0.1:80', 'registered 10.0.0.1:80', 'deregistered 10.0.0.1:80']);
  });
});

describe('when the log or the queue is away', () => {
  test('a reading waits, and is recorded once, also when only an answer was lost', async () => {
    const run = await start();
    await freshly(run);
    let refused = 0;
    log.fault = (call) => {
      if (call !== 'append' || refused >= 3) return undefined;
      refused++;
      throw new Error('redis is away');
    };
    await plain.create(`${path}/10.0.0.1:80`);
    await tells('registered 10.0.0.1:80');
    expect(refused).toBe(3);

    let lost = 0;
    log.fault = (call) => (call === 'append' && lost++ === 0 ? 'lose-answer' : undefined);
    const wakes = wake.causes.length;
    await plain.create(`${path}/10.0.0.2:80`);
    await until('the service to be woken all the same', () => wake.causes.length > wakes);
    await plain.create(`${path}/10.0.0.3:80`);
    await tells('registered 10.0.0.3:80');
    expect(story()).toEqual(['configured', 'registered 10.0.0.1:80', 'registered 10.0.0.2:80', 'registered 10.0.0.3:80']);
  });

  test('a wake that fails is sent again until it is taken', async () => {
    const run = await start();
    await freshly(run);
    wake.failing = true;
    await plain.create(`${path}/10.0.0.1:80`);
    await until('failures', () => wake.failures >= 3);
    await plain.create(`${path}/10.0.0.2:80`);
    await tells('registered 10.0.0.2:80');
    expect(run.watcher.status.services[0]?.wakeWaiting).toBe(true);
    wake.failing = false;
    const ids =
      log.states
        .get('web')
        ?.events.slice(-2)
        .map(({ id }) => id) ?? [];
    await until('both events to be named', () => ids.every((id) => wake.causes.some(({ events }) => events.includes(id))));
    await until('no wake to wait', () => !run.watcher.status.services[0]?.wakeWaiting);
  });

  test('a log that was emptied is filled again', async () => {
    const run = await start(undefined, 500);
    await plain.create(`${path}/10.0.0.1:80`);
    await plain.create(`${path}/10.0.0.2:80`);
    await tells('registered 10.0.0.2:80');
    log.forget();
    await until('all of it to be told again', () => story().length === 3);
    expect(story()).toEqual(['configured', 'registered 10.0.0.1:80', 'registered 10.0.0.2:80']);
    // And when the loss is noticed by a change, before the next full reading.
    log.forget();
    await plain.create(`${path}/10.0.0.3:80`);
    await until('all of it to be told again', () => story().length >= 4);
    expect(story().sort()).toEqual(['configured', 'registered 10.0.0.1:80', 'registered 10.0.0.2:80', 'registered 10.0.0.3:80']);
    await freshly(run);
  });
});

describe('two watchers', () => {
  test('one leads; the other takes over with a later epoch when it stops', async () => {
    const first = await start();
    await freshly(first);
    const second = await start();
    await plain.create(`${path}/10.0.0.1:80`);
    await tells('registered 10.0.0.1:80');
    expect([first.watcher.status.leader, second.watcher.status.leader]).toEqual([true, false]);
    expect(await second.watcher.resync()).toBe(false);
    await first.watcher.stop();
    await plain.create(`${path}/10.0.0.2:80`);
    await tells('registered 10.0.0.2:80');
    expect(second.watcher.status).toMatchObject({ leader: true, epoch: 2 });
    expect(story()).toEqual(['configured', 'registered 10.0.0.1:80', 'registered 10.0.0.2:80']);
  });

  test('an elder leader that was cut off and thinks that it leads writes nothing any more', async () => {
    const first = await start();
    await freshly(first);
    await start();
    // It holds a reading that it could not record, is cut off, and is heard again only after the other has written.
    let holds = 0;
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const append = log.append.bind(log);
    log.append = async (service, change) => {
      if (change.epoch === 1) {
        holds++;
        await held;
      }
      return append(service, change);
    };
    await plain.create(`${path}/10.0.0.1:80`);
    await until('the first to hold its reading', () => holds === 1);
    first.proxy.mode = 'blackhole';
    await until('the second to write', () => story().includes('registered 10.0.0.1:80'));
    release();
    await until('the first to have given up', () => !first.watcher.status.leader && first.watcher.status.epoch === null);
    expect(story()).toEqual(['configured', 'registered 10.0.0.1:80']);
    const events = log.states.get('web')?.events.filter(({ event }) => event.type !== 'complete');
    expect(events?.map(({ epoch }) => epoch)).toEqual([1, 2]);
    expect(log.completions('web')).toBe(1);
  });

  test('a leader that is fenced by mistake takes a new epoch, once it is sure that it leads', async () => {
    const run = await start();
    await freshly(run);
    const state = log.states.get('web');
    if (state === undefined) throw new Error('no log');
    state.epoch = await log.nextEpoch();
    await plain.create(`${path}/10.0.0.1:80`);
    await tells('registered 10.0.0.1:80');
    expect(run.watcher.status.epoch).toBe(3);
  });
});

describe('when its config changes', () => {
  test('it begins, ends and changes services while it runs', async () => {
    const other = `/services-${tests}/other`;
    await plain.ensure(other);
    await plain.create(`${other}/10.0.1.1:80`);
    await plain.create(`${path}/10.0.0.1:80`);
    await plain.create(`${path}/one.internal:80`);
    addresses['one.internal'] = ['10.1.0.5'];
    const web = serviceConfig('web', path, { allow: { cidrs: ['0.0.0.0/0'], loopback: false, names: false } });
    const run = await start([web]);
    await freshly(run);
    expect(log.events('web').at(-1)).toMatchObject({ instance: 'one.internal:80', said: { rejection: { code: 'address-not-allowed' } } });

    const changed = { ...web, balance: 'leastconn', allow: { ...web.allow, names: true } };
    await run.watcher.reconfigure([changed, serviceConfig('other', other)]);
    await freshly(run, 'other');
    expect(story('other')).toEqual(['configured', 'registered 10.0.1.1:80']);
    await tells('configured', 'changed one.internal:80');
    expect(log.states.get('web')?.config?.balance).toBe('leastconn');

    await run.watcher.reconfigure([changed]);
    await until('the other to be unconfigured', () => story('other').at(-1) === 'unconfigured');
    await plain.create(`${other}/10.0.1.2:80`);
    await plain.create(`${path}/10.0.0.2:80`);
    await tells('registered 10.0.0.2:80');
    expect(story('other')).toEqual(['configured', 'registered 10.0.1.1:80', 'unconfigured']);

    // It comes back, at another path too: what is new is told, what is missing is confirmed first.
    await run.watcher.reconfigure([changed, serviceConfig('other', other)]);
    await until('the other to be told', () => story('other').length === 5);
    expect(story('other').slice(3)).toEqual(['configured', 'registered 10.0.1.2:80']);
    const moved = `/services-${tests}/moved`;
    await plain.ensure(moved);
    await run.watcher.reconfigure([changed, serviceConfig('other', moved)]);
    await until('the doubt', () => run.watcher.status.services.find((one) => one.service === 'other')?.missing === 2);
    await until('the end of both', () => story('other').length === 8);
    expect(story('other').slice(5)).toEqual(['configured', 'deregistered 10.0.1.1:80', 'deregistered 10.0.1.2:80']);
  });

  test('a watcher that starts says of services that are not configured any more that they are not', async () => {
    const run = await start([serviceConfig('web', path), serviceConfig('old', `${path}-old`)]);
    await until('both to be configured', () => story('old').length === 1 && story().length === 1);
    await run.watcher.stop();
    const next = await start();
    await until('the old one to be unconfigured', () => story('old').at(-1) === 'unconfigured');
    await next.watcher.resync('web');
    expect(await next.watcher.resync('old')).toBe(false);
    await next.watcher.stop();
    await freshly(await start());
    expect(story('old')).toEqual(['configured', 'unconfigured']);
    expect(story()).toEqual(['configured']);
  });
});
