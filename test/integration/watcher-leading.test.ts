/** The watcher when others fail or change: the log, the queue, a second watcher, its own config. */
import { describe, expect, test } from 'vitest';
import { serviceConfig } from '../support/memory-log.ts';
import { until } from '../support/poll.ts';
import { addresses, freshly, log, path, plain, start, story, tells, tests, useWatching, wake } from '../support/watching.ts';

useWatching();

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
  test('the one that took over knows who speaks for an instance of two znodes, also when the log was emptied', async () => {
    const [good, bad] = [`${path}/[2001:db8::1]:80`, `${path}/[2001:db8:0::1]:80`];
    const first = await start();
    await freshly(first);
    await plain.create(good, '{"weight":5}');
    await tells('registered [2001:db8::1]:80');
    await start(undefined, 500);
    await first.watcher.stop();
    await plain.create(bad, '{"weight":"heavy"}');
    const told = ['configured', 'registered [2001:db8::1]:80', 'registered [2001:db8::1]:80', 'changed [2001:db8::1]:80'];
    await until('the good one to be told again', () => story().length === 4);
    expect(story()).toEqual(told);
    const last = (): unknown => log.events('web').at(-1);
    expect(last()).toMatchObject({ znode: { name: '[2001:db8::1]:80' }, said: { registration: { weight: 5 } } });
    log.forget();
    await until('all of it to be told again', () => story().length >= 3);
    // By their names the bad one comes first, so nothing has to be told again.
    expect(story()).toEqual(['configured', 'registered [2001:db8::1]:80', 'registered [2001:db8::1]:80']);
    expect(last()).toMatchObject({ znode: { name: '[2001:db8::1]:80' }, said: { registration: { weight: 5 } } });
  });

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
