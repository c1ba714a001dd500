/** The watcher on real Zookeeper: what it says happened, and what it does not say too soon. */
import { describe, expect, test } from 'vitest';
import { createLogger } from '../../shared/observability/logger.ts';
import { NameResolver } from '../../workers/watcher/name-resolver.ts';
import { ServiceWatch } from '../../workers/watcher/service-watch.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { connectedLink } from '../support/link.ts';
import { serviceConfig } from '../support/memory-log.ts';
import { until } from '../support/poll.ts';
import {
  addresses,
  fresh,
  freshly,
  log,
  path,
  plain,
  root,
  SESSION_MS,
  start,
  story,
  tells,
  tests,
  useWatching,
  wake,
  zookeeper,
} from '../support/watching.ts';

useWatching();

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

  test('host names that no name server answers for keep no other service waiting', async () => {
    const other = `/services-${tests}/other`;
    const never = new Promise<string[]>(() => {});
    for (let index = 0; index < 50; index++) {
      addresses[`mute-${index}.internal`] = never;
      await plain.ensure(`${other}/mute-${index}.internal:80`);
    }
    const run = await start([serviceConfig('other', other), serviceConfig('web', path)]);
    await until('the others to be refused', () => story('other').length === 51);
    addresses['one.internal'] = ['10.1.0.5'];
    await plain.create(`${path}/one.internal:80`);
    await tells('registered one.internal:80');
    expect(log.events('web').at(-1)).toMatchObject({ said: { registration: { address: '10.1.0.5' } } });
    await freshly(run);
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
    const watch = new ServiceWatch(serviceConfig('web', path), { link, log, wake, resolver, tenure, root, logger });
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
    let tried = 0;
    log.fault = () => {
      if (!slow) return undefined;
      tried += 1;
      throw new Error('redis is away');
    };
    await plain.create(`${path}/10.0.0.7:80`);
    // What is read next is read when this is on record.
    await until('the log to be tried', () => tried > 0);
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
