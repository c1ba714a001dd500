/** The watcher on several paths of one service, on real Zookeeper: each is read, missed and believed for itself. */
import { describe, expect, test } from 'vitest';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import type { ServicePath } from '../../shared/model/service-path.ts';
import { serviceConfig } from '../support/memory-log.ts';
import { plainClient } from '../support/plain-client.ts';
import { until } from '../support/poll.ts';
import {
  freshly,
  log,
  path,
  plain,
  type Running,
  root,
  SESSION_MS,
  start,
  story,
  tells,
  useWatching,
  zookeeper,
} from '../support/watching.ts';

useWatching();

const other = (name: string): string => `${path}-${name}`;

function web(of: ServicePath): readonly ServiceConfig[] {
  return [{ ...serviceConfig('web', path), path: of }];
}

const names = (): string[] => [...(log.states.get('web')?.children.keys() ?? [])].sort();
const problem = (run: Running): string | null => run.watcher.status.services[0]?.problem?.message ?? null;
const missing = (run: Running): number => run.watcher.status.services[0]?.missing ?? 0;

/** Each look that is to confirm another one writes there first. */
const looks = (count: number): Promise<boolean> =>
  until('the second look', async () => ((await plain.sets(`${root}/barrier`)) ?? 0) >= count, { timeoutMs: 4 * SESSION_MS });

describe('several paths', () => {
  test('are told under whole paths, together, and as read when all of them are', async () => {
    await plain.create(`${path}/10.0.0.1:80`);
    await plain.ensure(other('b'));
    await plain.create(`${other('b')}/10.0.0.1:80`);
    await plain.create(
      `${other('b')}/member_0000000001`,
      '{"serviceEndpoint":{"host":"10.0.0.2","port":80},"additionalEndpoints":{},"status":"ALIVE"}',
    );
    const run = await start(web({ union: [path, other('b')] }));
    await freshly(run);
    const all = [`${path}/10.0.0.1:80`, `${other('b')}/10.0.0.1:80`, `${other('b')}/member_0000000001`];
    expect(names()).toEqual(all.sort());
    expect(story().sort()).toEqual(['configured', 'registered 10.0.0.1:80', 'registered 10.0.0.1:80', 'registered 10.0.0.2:80'].sort());
    expect(log.completions('web')).toBe(1);
    await plain.set(`${path}/10.0.0.1:80`, '{"weight": 5}');
    await tells('changed 10.0.0.1:80');
    await plain.remove(`${path}/10.0.0.1:80`);
    // What the other znode says is told again.
    await tells('deregistered 10.0.0.1:80', 'changed 10.0.0.1:80');
    expect(log.events('web').at(-1)).toMatchObject({ znode: { name: `${other('b')}/10.0.0.1:80` }, said: { registration: { weight: 1 } } });
  });

  test('of which one may not be read and one is not there are read all the same, and nothing of those is taken for gone', async () => {
    const secret = other('secret');
    await plain.ensure(secret);
    await plain.create(`${path}/10.0.0.1:80`);
    await plain.create(`${secret}/10.0.0.2:80`);
    const of = { first: [secret, path, other('absent')] };
    const before = await start(web(of));
    await until('both to be known', () => names().length === 2);
    await before.watcher.stop();
    await plain.restrict(secret, 'somebody:else');
    const run = await start(web(of));
    await until('the trouble to be told', () => problem(run)?.includes(secret));
    await plain.create(`${path}/10.0.0.3:80`);
    await tells('registered 10.0.0.3:80');
    await plain.remove(`${path}/10.0.0.1:80`);
    await tells('deregistered 10.0.0.1:80');
    expect(run.watcher.status.services[0]).toMatchObject({ absent: other('absent'), fresh: false, missing: 0 });
    // It answers although one path cannot be read.
    await run.watcher.resync('web');
    const holder = await plainClient(zookeeper.connect, 'somebody:else');
    await holder.restrict(secret, null);
    await holder.close();
    await freshly(run);
    expect(names()).toEqual([`${secret}/10.0.0.2:80`, `${path}/10.0.0.3:80`].sort());
  });

  test('that are not there count as read when it is so again, as soon as one is there; one that may not be read never does', async () => {
    const secret = other('secret');
    await plain.ensure(secret);
    await plain.restrict(secret, 'somebody:else');
    const run = await start(web({ union: [secret, other('absent'), other('late')] }));
    const at = performance.now();
    await looks(2);
    expect(performance.now() - at).toBeGreaterThan(SESSION_MS);
    await plain.ensure(other('late'));
    await plain.create(`${other('late')}/10.0.0.1:80`);
    await tells('configured', 'registered 10.0.0.1:80');
    // There is one now; but there is also one of which nothing is known.
    expect(log.completions('web')).toBe(0);
    const holder = await plainClient(zookeeper.connect, 'somebody:else');
    await holder.restrict(secret, null);
    await holder.close();
    await until('it to be complete', () => log.completions('web') === 1);
    expect(run.watcher.status.services[0]).toMatchObject({ absent: other('absent'), problem: null });
  });

  test('one of two trees that is to be made yet keeps the service from being complete for a session timeout, and no longer', async () => {
    await plain.create(`${path}/10.0.0.1:80`);
    const none = { ...serviceConfig('none', ''), path: { union: [other('c'), other('d')] } };
    const run = await start([...web({ union: [path, other('new')] }), none]);
    const at = performance.now();
    await freshly(run);
    expect(log.completions('web')).toBe(0);
    await until('it to be complete', () => log.completions('web') === 1);
    expect(performance.now() - at).toBeGreaterThan(SESSION_MS / 2);
    await plain.ensure(other('new'));
    await plain.create(`${other('new')}/10.0.0.2:80`);
    await tells('registered 10.0.0.2:80');
    // Of one with none of its paths nothing is known.
    await looks(3);
    expect(log.completions('none')).toBe(0);
    await plain.ensure(other('c'));
    await until('the other one to be complete', () => log.completions('none') === 1);
  });

  test('are believed each for itself: what one misses at first is not gone, whatever the others show', async () => {
    await plain.ensure(other('b'));
    await plain.create(`${path}/10.0.0.1:80`);
    await plain.create(`${other('b')}/10.0.0.2:80`);
    const of = { union: [path, other('b')] };
    const before = await start(web(of));
    await freshly(before);
    await before.watcher.stop();
    await plain.remove(`${path}/10.0.0.1:80`);
    const run = await start(web(of));
    await until('one to be missing', () => missing(run) === 1);
    await plain.remove(`${other('b')}/10.0.0.2:80`);
    // That path was read completely in this session: who leaves it is gone at once.
    await tells('deregistered 10.0.0.2:80');
    const at = performance.now();
    await tells('deregistered 10.0.0.1:80');
    expect(performance.now() - at).toBeGreaterThan(SESSION_MS / 3);
  });
});

describe('an instance of two paths', () => {
  test('goes by the znode that is left, also where that was not read yet when the other one went', async () => {
    const slow = other('b');
    await plain.ensure(slow);
    await plain.create(`${slow}/10.0.0.1:80`, '{"weight": 5}');
    await plain.create(`${path}/10.0.0.1:80`, '{"weight": 9}');
    const of = { union: [path, slow] };
    const before = await start(web(of));
    await freshly(before);
    await before.watcher.stop();
    await plain.restrict(slow, 'somebody:else');
    const run = await start(web(of));
    await until('the trouble to be told', () => problem(run)?.includes(slow));
    await plain.create(`${path}/10.0.0.2:80`);
    await tells('registered 10.0.0.2:80');
    await plain.remove(`${path}/10.0.0.1:80`);
    await tells('deregistered 10.0.0.1:80');
    // Whoever leads next knows of it too.
    await run.watcher.stop();
    const holder = await plainClient(zookeeper.connect, 'somebody:else');
    await holder.restrict(slow, null);
    await holder.close();
    const next = await start(web(of));
    await freshly(next);
    await tells('deregistered 10.0.0.1:80', 'changed 10.0.0.1:80');
    expect(log.events('web').at(-1)).toMatchObject({ znode: { name: `${slow}/10.0.0.1:80` }, said: { registration: { weight: 5 } } });
    await next.watcher.resync('web');
    expect(story().at(-2)).toBe('deregistered 10.0.0.1:80');
  });

  test('goes by the one that is left where the config names the other path no longer', async () => {
    await plain.ensure(other('b'));
    await plain.create(`${path}/10.0.0.1:80`, '{"weight": 5}');
    await plain.create(`${other('b')}/10.0.0.1:80`, '{"weight": 9}');
    const run = await start(web({ union: [path, other('b')] }));
    await freshly(run);
    await run.watcher.reconfigure(web({ union: [path, other('c')] }));
    await plain.ensure(other('c'));
    await until('it to be gone', () => story().includes('deregistered 10.0.0.1:80'), { timeoutMs: 4 * SESSION_MS });
    await tells('deregistered 10.0.0.1:80', 'changed 10.0.0.1:80');
    expect(log.events('web').at(-1)).toMatchObject({ znode: { name: `${path}/10.0.0.1:80` }, said: { registration: { weight: 5 } } });
  });
});

describe('another config', () => {
  test('with one path more renames what is known in one step, and loses nobody', async () => {
    await plain.ensure(other('b'));
    await plain.create(`${path}/10.0.0.1:80`);
    await plain.create(`${other('b')}/10.0.0.2:80`);
    const run = await start();
    await freshly(run);
    await run.watcher.reconfigure(web({ first: [other('b'), path] }));
    await tells('configured', 'registered 10.0.0.2:80');
    await freshly(run);
    expect(names()).toEqual([`${path}/10.0.0.1:80`, `${other('b')}/10.0.0.2:80`].sort());
    await run.watcher.reconfigure(web({ first: [path, other('b')] }));
    await tells('configured');
    await freshly(run);
    expect(story().filter((line) => line.startsWith('deregistered'))).toEqual([]);
    expect(story().filter((line) => line.startsWith('registered'))).toHaveLength(2);
  });

  test('is put on record again, with its names, when the record is an older one', async () => {
    await plain.ensure(other('b'));
    await plain.create(`${path}/10.0.0.1:80`);
    const run = await start();
    await freshly(run);
    const before = log.states.get('web');
    const [children, config] = [new Map(before?.children), before?.config ?? null];
    await run.watcher.reconfigure(web({ union: [path, other('b')] }));
    await freshly(run);
    // As if Redis had been restored from a copy of before.
    const state = log.states.get('web');
    log.states.set('web', { epoch: 0, revision: (state?.revision ?? 0) + 5, children, config, events: [] });
    await run.watcher.resync('web');
    expect(story()).toEqual(['configured']);
    expect(names()).toEqual([`${path}/10.0.0.1:80`]);
    await plain.create(`${path}/10.0.0.2:80`);
    await tells('configured', 'registered 10.0.0.2:80');
  });

  test('without a path ends what was registered there, once the others were read twice', async () => {
    await plain.ensure(other('b'));
    await plain.ensure(other('c'));
    await plain.create(`${path}/10.0.0.1:80`);
    await plain.create(`${other('b')}/10.0.0.1:80`);
    await plain.create(`${other('b')}/10.0.0.2:80`);
    const run = await start(web({ union: [path, other('b')] }));
    await freshly(run);
    const at = performance.now();
    await run.watcher.reconfigure(web({ union: [path, other('c')] }));
    await until('they to be missed', () => missing(run) === 2);
    // Who leads next goes on with it.
    await run.watcher.stop();
    const next = await start(web({ union: [path, other('c')] }));
    await until('they to be gone', () => story().filter((line) => line.startsWith('deregistered')).length === 2);
    expect(performance.now() - at).toBeGreaterThan(SESSION_MS);
    expect(names()).toEqual([`${path}/10.0.0.1:80`]);
    await until('nothing to be missing', () => missing(next) === 0);
    await next.watcher.reconfigure([serviceConfig('web', path)]);
    await until('its own name', () => JSON.stringify(names()) === '["10.0.0.1:80"]');
    expect(story().at(-1)).toMatch(/^(deregistered|changed) 10.0.0.1:80$/);
  });
});
