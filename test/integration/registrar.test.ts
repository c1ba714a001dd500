/** The registrar on a real Zookeeper: the znode of an entry follows its checks, its config, its session and its operator, and there is never a second one. */
import { describe, expect, it } from 'vitest';
import { Maintenance } from '../../workers/registrar/maintenance.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { zookeeperOfFile } from '../support/file-zookeeper.ts';
import { HttpService } from '../support/http-service.ts';
import { plainClient } from '../support/plain-client.ts';
import { until } from '../support/poll.ts';
import { entryText, type HostOptions, RegistrarHost } from '../support/registrar-host.ts';
import { RegistrarSession } from '../support/registrar-session.ts';
import { startZookeeper } from '../support/zookeeper.ts';
import { OP, request } from '../support/zookeeper-frames.ts';

const cleanups = cleanupsAfterEach();
const zookeeper = zookeeperOfFile();

async function service(): Promise<HttpService> {
  const one = await HttpService.start();
  cleanups.push(() => one.stop());
  return one;
}

async function host(options: Partial<HostOptions> & Pick<HostOptions, 'register'>): Promise<RegistrarHost> {
  const one = await RegistrarHost.start({ connect: zookeeper.connect, ...options });
  cleanups.push(() => one.stop());
  return one;
}

/** The children of a service's path; none when it is not there. */
async function children(name: string): Promise<string[]> {
  return zookeeper.hand.children(`/services/${name}`).catch(() => []);
}

async function registered(name: string, nodes: readonly string[], timeoutMs = 10_000): Promise<void> {
  const wanted = [...nodes].sort().join(' ');
  await until(`${name} to have ${wanted || 'no znode'}`, async () => (await children(name)).sort().join(' ') === wanted, { timeoutMs });
}

async function holding(path: string, data: string): Promise<void> {
  await until(`${path} to hold ${data}`, async () => (await zookeeper.hand.data(path)) === data);
}

describe('an instance', () => {
  it('is there while its checks pass, gone when they fail, and back when they pass again', async () => {
    const web = await service();
    web.behaviour = 'fail';
    const on = await host({ register: entryText('follows', web.port, ', weight: 7, labels: { zone: oslo-1 }') });
    await until('two checks', () => web.healthChecks > 4);
    expect(await children('follows')).toEqual([]);
    web.behaviour = 'ok';
    await registered('follows', [`127.0.0.1:${web.port}`]);
    expect(await zookeeper.hand.data(`/services/follows/127.0.0.1:${web.port}`)).toBe('{"weight":7,"labels":{"zone":"oslo-1"}}');
    web.behaviour = 'hang';
    await registered('follows', []);
    web.behaviour = 'ok';
    await registered('follows', [`127.0.0.1:${web.port}`]);
    const failing = (await on.log()).filter(({ msg }) => msg === 'its checks fail');
    expect(failing.map(({ service: of, detail }) => [of, detail])).toEqual([
      ['follows', `GET http://127.0.0.1:${web.port}/health: status 503`],
      ['follows', `GET http://127.0.0.1:${web.port}/health: not done within 500 ms`],
    ]);
  });

  it('needs all of its checks', async () => {
    const [web, admin] = [await service(), await service()];
    const check = (port: number): string => `{ http: GET /health, port: ${port}, interval: 100ms, rise: 1, fall: 1 }`;
    const entry = `  - { service: both, path: /services/both, address: "127.0.0.1:${web.port}", check: [${check(web.port)}, ${check(admin.port)}] }`;
    await host({ register: entry });
    await registered('both', [`127.0.0.1:${web.port}`]);
    admin.behaviour = 'fail';
    await registered('both', []);
  });

  it('is put back when somebody takes its znode away, or writes it', async () => {
    const web = await service();
    await host({ register: entryText('meddled', web.port) });
    const path = `/services/meddled/127.0.0.1:${web.port}`;
    await registered('meddled', [`127.0.0.1:${web.port}`]);
    await zookeeper.hand.remove(path);
    await registered('meddled', [`127.0.0.1:${web.port}`]);
    await zookeeper.hand.set(path, '{"weight":0}');
    await holding(path, '');
  });

  it('that warms up gets its weight in steps', async () => {
    const web = await service();
    await host({ register: entryText('warm', web.port, ', weight: 20, warmUp: 1s') });
    await registered('warm', [`127.0.0.1:${web.port}`]);
    const seen: number[] = [];
    await until('its weight', async () => {
      const { weight } = JSON.parse(await zookeeper.hand.data(`/services/warm/127.0.0.1:${web.port}`)) as { weight: number };
      if (seen.at(-1) !== weight) seen.push(weight);
      return weight === 20;
    });
    expect(seen.length).toBeGreaterThan(4);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  });

  it('that says no weight has none to warm up to; what it asks for of its server is there from the start', async () => {
    const web = await service();
    await host({ register: entryText('asks', web.port, ', format: nerve, id: i-1, warmUp: 1h, options: { backup: true, maxconn: 5 }') });
    const said = { host: '127.0.0.1', port: web.port, name: 'i-1', haproxy_server_options: 'backup maxconn 5' };
    await holding('/services/asks/i-1_', JSON.stringify(said));
  });

  it('may be written by nobody else, where its acl says so', async () => {
    const web = await service();
    await host({ register: entryText('guarded', web.port, ', acl: read'), credentials: 'a:b' });
    await registered('guarded', [`127.0.0.1:${web.port}`]);
    await expect(zookeeper.hand.set(`/services/guarded/127.0.0.1:${web.port}`, 'x')).rejects.toThrow(/NO_AUTH/);
    const owner = await plainClient(zookeeper.connect, 'a:b');
    cleanups.push(() => owner.close());
    await owner.set(`/services/guarded/127.0.0.1:${web.port}`, 'x');
  });
});

describe('a left-over znode', () => {
  it.each(['ephemeral', 'persistent'] as const)('that is %s is replaced, and never missing meanwhile', async (mode) => {
    const web = await service();
    const name = `left-${mode}`;
    const path = `/services/${name}/127.0.0.1:${web.port}`;
    const dead = await RegistrarSession.open(zookeeper.server, { sessionTimeout: 4_000 });
    await dead.register(`/services/${name}`, 'parent');
    if (mode === 'ephemeral') await dead.register(`/services/${name}`, `127.0.0.1:${web.port}`, '{"weight":9}');
    else await zookeeper.hand.create(path, '{"weight":9}');
    const seen: boolean[] = [];
    const watch = setInterval(() => void zookeeper.hand.exists(path).then((there) => seen.push(there)), 5);
    cleanups.push(async () => clearInterval(watch));
    await dead.expire();
    await host({ register: entryText(name, web.port) });
    await holding(path, '');
    // The dead session ends, and takes the znodes with it that are still its own.
    await registered(name, [`127.0.0.1:${web.port}`], 15_000);
    expect(seen.filter((there) => !there)).toEqual([]);
    expect(seen.length).toBeGreaterThan(20);
  });

  it('of an instance that fails is removed', async () => {
    const web = await service();
    web.behaviour = 'fail';
    const dead = await RegistrarSession.open(zookeeper.server);
    cleanups.push(() => dead.close());
    await dead.register('/services/left-failing', `127.0.0.1:${web.port}`);
    await host({ register: entryText('left-failing', web.port) });
    await registered('left-failing', []);
  });

  it('of another instance is not touched, and that is said', async () => {
    const web = await service();
    const theirs = '{"host":"10.0.0.9","port":80,"name":"web-1"}';
    await zookeeper.hand.ensure('/services/theirs');
    await zookeeper.hand.create('/services/theirs/web-1_', theirs);
    const on = await host({ register: entryText('theirs', web.port, ', format: nerve, id: web-1') });
    await until('the conflict to be said', async () => (await on.log()).some(({ code }) => code === 'REGISTRATION_CONFLICT'));
    expect(await zookeeper.hand.data('/services/theirs/web-1_')).toBe(theirs);
    await zookeeper.hand.remove('/services/theirs/web-1_');
    await holding('/services/theirs/web-1_', `{"host":"127.0.0.1","port":${web.port},"name":"web-1"}`);
  });

  it('of an earlier address under the same name is our own still', async () => {
    const [before, now] = [await service(), await service()];
    const entry = (port: number): string => entryText('moves', port, ', format: nerve, id: web-1');
    const wire = await FaultProxy.start(zookeeper.server.port);
    cleanups.push(() => wire.close());
    const on = await host({ register: entry(before.port), connect: wire.connect, sessionTimeout: '4s' });
    const data = (port: number): string => `{"host":"127.0.0.1","port":${port},"name":"web-1"}`;
    await holding('/services/moves/web-1_', data(before.port));
    on.reconfigure(entry(now.port));
    await holding('/services/moves/web-1_', data(now.port));
    wire.mode = 'reset';
    wire.dropAll();
    await registered('moves', [], 15_000);
    wire.mode = 'pass';
    await holding('/services/moves/web-1_', data(now.port));
    expect((await on.log()).filter(({ code }) => code === 'REGISTRATION_CONFLICT')).toEqual([]);
  });
});

describe('two processes that register one instance', () => {
  it('do not fight: the younger has it, and when that ends the elder has it again', async () => {
    const web = await service();
    const elder = await host({ register: entryText('twice', web.port) });
    await registered('twice', [`127.0.0.1:${web.port}`]);
    const younger = await elder.again();
    await until('the elder to step back', async () => (await elder.log()).some(({ msg }) => msg.startsWith('another process registers')));
    expect((await elder.log()).filter(({ msg }) => msg === 'registered')).toHaveLength(2);
    await younger.registrar.stop();
    await registered('twice', [`127.0.0.1:${web.port}`]);
  });
});

describe('the session', () => {
  it('outlives a Zookeeper that was away, and nobody was told to go', async () => {
    const own = await startZookeeper();
    cleanups.push(() => own.stop());
    const web = await service();
    const on = await host({ register: entryText('away', web.port), connect: own.connect });
    const seen = (): Promise<string[]> =>
      plainClient(own.connect).then(async (client) => {
        const names = await client.children('/services/away').catch(() => []);
        await client.close();
        return names;
      });
    await until('the znode', async () => (await seen()).length === 1);
    await own.server.kill();
    const checks = web.healthChecks;
    await until('checks meanwhile', () => web.healthChecks > checks + 10);
    await own.server.start();
    await own.server.ready();
    const back = performance.now();
    await until('the znode', async () => (await seen()).length === 1);
    expect(performance.now() - back).toBeLessThan(2_000);
    expect((await on.log()).filter(({ msg }) => msg === 'deregistered')).toEqual([]);
  });

  it('ends and a new one registers again, while the checks went on', async () => {
    const web = await service();
    const wire = await FaultProxy.start(zookeeper.server.port);
    cleanups.push(() => wire.close());
    await host({ register: entryText('expires', web.port), connect: wire.connect, sessionTimeout: '2s' });
    await registered('expires', [`127.0.0.1:${web.port}`]);
    wire.mode = 'reset';
    wire.dropAll();
    await registered('expires', []);
    const checks = web.healthChecks;
    await until('checks meanwhile', () => web.healthChecks > checks + 3);
    wire.mode = 'pass';
    const back = performance.now();
    await registered('expires', [`127.0.0.1:${web.port}`]);
    expect(performance.now() - back).toBeLessThan(2_000);
  });

  it('is over a short cut the same: the znode stays, and a failure meanwhile is told after it', async () => {
    const web = await service();
    const wire = await FaultProxy.start(zookeeper.server.port);
    cleanups.push(() => wire.close());
    const on = await host({ register: entryText('cut', web.port), connect: wire.connect });
    await registered('cut', [`127.0.0.1:${web.port}`]);
    wire.mode = 'reset';
    wire.dropAll();
    web.behaviour = 'fail';
    await until('the failure to be seen', async () => (await on.log()).some(({ msg }) => msg === 'its checks fail'));
    expect(await children('cut')).toEqual([`127.0.0.1:${web.port}`]);
    wire.mode = 'pass';
    await registered('cut', []);
  });
});

describe('a changed config', () => {
  it('moves what changed and nothing else: no znode is made anew', async () => {
    const [one, two, three] = [await service(), await service(), await service()];
    const on = await host({ register: [entryText('moved', one.port), entryText('moved', two.port)].join('\n') });
    await registered(
      'moved',
      [one, two].map(({ port }) => `127.0.0.1:${port}`),
    );
    const before = (await on.log()).length;
    on.reconfigure([entryText('moved', one.port, ', weight: 5'), entryText('moved', three.port)].join('\n'));
    await registered(
      'moved',
      [one, three].map(({ port }) => `127.0.0.1:${port}`),
    );
    await holding(`/services/moved/127.0.0.1:${one.port}`, '{"weight":5}');
    const told = (await on.log()).slice(before).filter(({ znode }) => znode !== undefined);
    expect(told.map(({ msg, znode }) => `${msg} ${String(znode).split(':')[1]}`).sort()).toEqual(
      [`deregistered ${two.port}`, `registered ${three.port}`, `registration changed ${one.port}`].sort(),
    );
  });
});

describe('an entry whose checks changed', () => {
  it('goes on from how it stood, until the new checks say otherwise', async () => {
    const web = await service();
    const entry = entryText('anew', web.port);
    const on = await host({ register: entry });
    await registered('anew', [`127.0.0.1:${web.port}`]);
    on.reconfigure(entry.replace('GET /health', 'GET /health?again'));
    const checks = web.healthChecks;
    await until('the new checks', () => web.healthChecks > checks + 3);
    web.behaviour = 'fail';
    await registered('anew', []);
    const moves = (await on.log()).filter(({ znode }) => znode !== undefined).map(({ msg }) => msg);
    expect(moves).toEqual(['registered', 'deregistered']);
  });
});

describe('an entry that is taken out of the config and put back', () => {
  it('is drained also when it goes before we have heard that its znode was made', async () => {
    const [one, two] = [await service(), await service()];
    const [first, second] = [entryText('young', one.port).replace('drain: 0ms', 'drain: 30s'), entryText('young', two.port)];
    const path = `/services/young/127.0.0.1:${one.port}`;
    const wire = await FaultProxy.start(zookeeper.server.port);
    cleanups.push(() => wire.close());
    wire.onRequest = (packet) => {
      const asked = request(packet);
      if (asked?.op === OP.create && asked.path === path) wire.hold();
      return packet;
    };
    one.behaviour = 'fail';
    const on = await host({ register: `${first}\n${second}`, connect: wire.connect });
    await registered('young', [`127.0.0.1:${two.port}`]);
    one.behaviour = 'ok';
    await holding(path, '');
    on.reconfigure(second);
    wire.release();
    await holding(path, '{"weight":0}');
    on.reconfigure(`${second}\n${first.replace('drain: 30s', 'drain: 0ms')}`);
    await holding(path, '');
    expect((await on.log()).filter(({ msg }) => msg === 'deregistered')).toEqual([]);
  });

  it('is offered again, and its znode was never gone', async () => {
    const [one, two] = [await service(), await service()];
    const [first, second] = [entryText('back', one.port).replace('drain: 0ms', 'drain: 30s'), entryText('back', two.port)];
    const on = await host({ register: `${first}\n${second}` });
    const path = `/services/back/127.0.0.1:${one.port}`;
    await registered(
      'back',
      [one, two].map(({ port }) => `127.0.0.1:${port}`),
    );
    on.reconfigure(second);
    await holding(path, '{"weight":0}');
    on.reconfigure(`${second}\n${first.replace('drain: 30s', 'drain: 0ms')}`);
    await holding(path, '');
    expect((await on.log()).filter(({ msg }) => msg === 'deregistered')).toEqual([]);
  });
});

describe('a service that is down for maintenance', () => {
  it('is drained and gone, stays so over a restart, and is back when that ends', async () => {
    const web = await service();
    const entry = entryText('down', web.port).replace('drain: 0ms', 'drain: 1s');
    const on = await host({ register: entry });
    const path = `/services/down/127.0.0.1:${web.port}`;
    await registered('down', [`127.0.0.1:${web.port}`]);
    const maintenance = new Maintenance(on.folder.path);
    await maintenance.write('down', { by: 'a', reason: 'b', until: null });
    await holding(path, '{"weight":0}');
    await registered('down', []);
    await on.registrar.stop();
    const next = await on.again();
    cleanups.push(() => next.registrar.stop());
    const checks = web.healthChecks;
    await until('checks that pass', () => web.healthChecks > checks + 5);
    expect(await children('down')).toEqual([]);
    expect(await maintenance.remove('down')).toBe(true);
    await registered('down', [`127.0.0.1:${web.port}`]);
    await maintenance.write('down', { by: 'a', reason: 'b', until: Date.now() + 3_000 });
    await registered('down', []);
    await registered('down', [`127.0.0.1:${web.port}`]);
  });
});

describe('the end of the registrar', () => {
  it('withdraws first, waits for the drain, and takes the znode away', async () => {
    const web = await service();
    const on = await host({ register: entryText('ends', web.port).replace('drain: 0ms', 'drain: 700ms') });
    const path = `/services/ends/127.0.0.1:${web.port}`;
    await registered('ends', [`127.0.0.1:${web.port}`]);
    const begun = performance.now();
    const stopped = on.registrar.stop();
    await holding(path, '{"weight":0}');
    await stopped;
    expect(await zookeeper.hand.exists(path)).toBe(false);
    expect(performance.now() - begun).toBeGreaterThan(690);
    expect(performance.now() - begun).toBeLessThan(3_000);
    const moves = (await on.log()).filter(({ znode }) => znode !== undefined).map(({ msg }) => msg);
    expect(moves).toEqual(['registered', 'registration changed', 'deregistered']);
  });
});
