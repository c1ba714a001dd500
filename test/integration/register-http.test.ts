/** Services that register themselves by HTTP, on a real Zookeeper: there while they renew, gone when they do not, and never twice. */
import { describe, expect, it } from 'vitest';
import { Maintenance } from '../../workers/registrar/maintenance.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { zookeeperOfFile } from '../support/file-zookeeper.ts';
import { HttpService } from '../support/http-service.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { type Asked, type AskOptions, askRegistrar } from '../support/register-request.ts';
import { type HostOptions, RegistrarHost } from '../support/registrar-host.ts';
import { RegistrarSession } from '../support/registrar-session.ts';

const cleanups = cleanupsAfterEach();
const zookeeper = zookeeperOfFile();

interface Running {
  readonly host: RegistrarHost;
  readonly port: number;
  readonly ask: (path: string, options?: AskOptions) => Promise<Asked>;
}

async function running(register: string, options: Partial<HostOptions> = {}): Promise<Running> {
  const port = await freePort();
  const host = await RegistrarHost.start({ connect: zookeeper.connect, register, http: { port }, ...options });
  cleanups.push(() => host.stop());
  return { host, port, ask: (path, how) => askRegistrar(port, path, how) };
}

/** An entry that its service registers itself, at 10.0.0.5:8080. */
function open(name: string, rest = ''): string {
  return `  - { service: ${name}, path: /services/${name}, address: "10.0.0.5:8080", by: service, drain: 0ms${rest} }`;
}

function children(name: string): Promise<string[]> {
  return zookeeper.hand.children(`/services/${name}`).catch(() => []);
}

async function registered(name: string, nodes: readonly string[], timeoutMs = 10_000): Promise<void> {
  const wanted = [...nodes].sort().join(' ');
  await until(`${name} to have ${wanted || 'no znode'}`, async () => (await children(name)).sort().join(' ') === wanted, { timeoutMs });
}

/** Renews ten times a second until it is told to end. */
function renewing(one: Running, path: string): () => void {
  const timer = setInterval(() => void one.ask(path).catch(() => undefined), 100);
  const end = (): void => clearInterval(timer);
  cleanups.push(async () => end());
  return end;
}

describe('a service that registers itself', () => {
  it('is there when it is answered, stays while it renews, and is gone soon after it stopped', async () => {
    const one = await running(open('renews', ', ttl: 1s, labels: { zone: oslo-1 }'));
    const first = await one.ask('/v1/register?service=renews');
    expect(first).toMatchObject({ status: 200, body: { service: 'renews', instance: '10.0.0.5:8080', ttl: 1_000, registered: true } });
    expect(await zookeeper.hand.data('/services/renews/10.0.0.5:8080')).toBe('{"labels":{"zone":"oslo-1"}}');
    const end = renewing(one, '/v1/register?service=renews');
    const seen: boolean[] = [];
    const watch = setInterval(() => void children('renews').then(({ length }) => seen.push(length === 1)), 20);
    cleanups.push(async () => clearInterval(watch));
    await until('three TTLs', () => seen.length > 150, { timeoutMs: 20_000 });
    expect(seen.filter((there) => !there)).toEqual([]);
    end();
    const stopped = performance.now();
    await registered('renews', []);
    expect(performance.now() - stopped).toBeGreaterThan(700);
    expect(performance.now() - stopped).toBeLessThan(3_000);
    expect((await one.host.log()).filter(({ msg }) => msg === 'not renewed in time')).toHaveLength(1);
  });

  it('writes nothing to Zookeeper when it renews in the same words', async () => {
    const one = await running(open('quiet', ', allow: { weight: 9 }'));
    await one.ask('/v1/register?service=quiet&weight=5');
    const path = '/services/quiet/10.0.0.5:8080';
    const before = await zookeeper.hand.written(path);
    for (let count = 0; count < 20; count++) expect((await one.ask('/v1/register?service=quiet&weight=5')).status).toBe(200);
    expect(await zookeeper.hand.written(path)).toBe(before);
    await one.ask('/v1/register?service=quiet&weight=6');
    expect(await zookeeper.hand.data(path)).toBe('{"weight":6}');
  });

  it.each(['POST', 'PUT'])('says it in JSON by %s, and as much as the config allows', async (method) => {
    const name = `json-${method.toLowerCase()}`;
    const one = await running(
      open(name, ', allow: { ttl: 30s, ports: 9000-9009, labels: [version], weight: 20 }, labels: { region: "no" }'),
    );
    const body = { service: name, address: '10.0.0.5:9001', ttl: '30s', weight: 20, labels: { version: '7' } };
    expect(await one.ask('/v1/register', { method, body })).toMatchObject({
      status: 200,
      body: { instance: '10.0.0.5:9001', ttl: 30_000, registered: true },
    });
    expect(await zookeeper.hand.data(`/services/${name}/10.0.0.5:9001`)).toBe('{"weight":20,"labels":{"region":"no","version":"7"}}');
    await one.ask(`/v1/register?service=${name}&port=9002&label=version=a=b`);
    expect(await zookeeper.hand.data(`/services/${name}/10.0.0.5:9002`)).toBe('{"labels":{"region":"no","version":"a=b"}}');
    await registered(name, ['10.0.0.5:9001', '10.0.0.5:9002']);
  });

  it('has a check besides, at its own port, when its entry says so', async () => {
    const web = await HttpService.start();
    cleanups.push(() => web.stop());
    web.behaviour = 'fail';
    const check = 'check: { http: GET /health, interval: 100ms, rise: 1, fall: 1 }';
    const entry = `  - { service: checked, path: /services/checked, address: "127.0.0.1:1", by: service, allow: { ports: ${web.port} }, ${check} }`;
    const one = await running(entry);
    const path = `/v1/register?service=checked&port=${web.port}`;
    expect(await one.ask(path)).toMatchObject({ status: 202, body: { registered: false } });
    renewing(one, path);
    await until('the check to be told', async () => (await one.ask(path)).body.entries?.[0]?.state === 'failing');
    expect((await one.ask(path)).body.entries?.[0]?.detail).toBe(`GET http://127.0.0.1:${web.port}/health: status 503`);
    web.behaviour = 'ok';
    await registered('checked', [`127.0.0.1:${web.port}`]);
    web.behaviour = 'fail';
    await registered('checked', []);
  });

  it('may be one of Node, with its own fetch', async () => {
    const one = await running(open('fetches'));
    const answer = await fetch(`http://127.0.0.1:${one.port}/v1/register?service=fetches`);
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(await answer.json()).toMatchObject({ registered: true });
  });

  it('counts for every entry that it fits: two paths in two formats', async () => {
    const both = `${open('both')}\n${open('both', ', format: nerve').replace('/services/both', '/nerve/both')}`;
    const one = await running(both);
    expect((await one.ask('/v1/register?service=both')).body.entries).toHaveLength(2);
    expect(await zookeeper.hand.children('/nerve/both')).toEqual(['10.0.0.5:8080_']);
    await registered('both', ['10.0.0.5:8080']);
    await one.ask('/v1/deregister?service=both');
    await registered('both', []);
    expect(await zookeeper.hand.children('/nerve/both')).toEqual([]);
  });
});

describe('deregistering', () => {
  it.each([
    ['GET', '/v1/deregister'],
    ['DELETE', '/v1/register'],
  ])('by %s %s withdraws first, waits for the drain, and answers when it is gone', async (method, at) => {
    const name = `leaves-${method.toLowerCase()}`;
    const one = await running(open(name).replace('drain: 0ms', 'drain: 2s'));
    await one.ask(`/v1/register?service=${name}`);
    const begun = performance.now();
    const gone = one.ask(`${at}?service=${name}`, { method });
    await until('the withdrawal', async () => (await zookeeper.hand.data(`/services/${name}/10.0.0.5:8080`)) === '{"weight":0}');
    expect(await gone).toMatchObject({ status: 200, body: { registered: false, entries: [] } });
    expect(performance.now() - begun).toBeGreaterThan(1_990);
    expect(await children(name)).toEqual([]);
    expect((await one.ask(`${at}?service=${name}`, { method })).status).toBe(200);
  });

  it.each(['path=/services/words', 'format=address', 'address=10.0.0.5:8080', 'port=8080&path=/services/words'])(
    'with %s ends what was registered in fewer words',
    async (words) => {
      const one = await running(open('words'));
      await one.ask('/v1/register?service=words');
      expect(await one.ask(`/v1/deregister?service=words&${words}`)).toMatchObject({
        status: 200,
        body: { registered: false, entries: [] },
      });
      expect(await children('words')).toEqual([]);
    },
  );

  it('ends all that is asked for of its znode, in whichever words', async () => {
    const one = await running(open('doubled'));
    await one.ask('/v1/register?service=doubled');
    await one.ask('/v1/register?service=doubled&path=/services/doubled');
    expect((await one.ask('/v1/deregister?service=doubled&path=/services/doubled')).status).toBe(200);
    expect(await children('doubled')).toEqual([]);
  });

  it('of one path leaves what the same request registered below the other, until it is asked for again', async () => {
    const one = await running(`${open('split')}\n${open('split', ', format: nerve').replace('/services/split', '/nerve/split')}`);
    await one.ask('/v1/register?service=split');
    expect(await one.ask('/v1/deregister?service=split&path=/nerve/split')).toMatchObject({ status: 200, body: { entries: [] } });
    expect([await children('split'), await zookeeper.hand.children('/nerve/split')]).toEqual([['10.0.0.5:8080'], []]);
    expect((await one.ask('/v1/register?service=split')).body.entries).toHaveLength(2);
    expect(await zookeeper.hand.children('/nerve/split')).toEqual(['10.0.0.5:8080_']);
  });

  it('of what this host came to register by itself says that it is there', async () => {
    const entry = open('stays', ', allow: { ports: 9000-9009 }');
    const one = await running(entry);
    await one.ask('/v1/register?service=stays&port=9001');
    one.host.reconfigure(`${entry}\n  - { service: stays, path: /services/stays, address: "10.0.0.5:9001", check: none, drain: 0ms }`);
    await until('the entry of the host', async () => JSON.stringify(await one.ask('/v1/registrations')).includes('"host"'));
    const told = { registered: false, entries: [{ znode: '/services/stays/10.0.0.5:9001', state: 'registered' }] };
    expect(await one.ask('/v1/deregister?service=stays&port=9001')).toMatchObject({ status: 202, body: told });
    expect(await children('stays')).toEqual(['10.0.0.5:9001']);
  });

  it('after the entry got another address ends the request of before, renewed or not', async () => {
    const one = await running(open('moves'));
    await one.ask('/v1/register?service=moves');
    one.host.reconfigure(open('moves').replace('10.0.0.5', '10.0.0.6'));
    await registered('moves', ['10.0.0.6:8080']);
    expect(await one.ask('/v1/register?service=moves')).toMatchObject({ status: 200, body: { instance: '10.0.0.6:8080' } });
    expect((await one.ask('/v1/deregister?service=moves')).status).toBe(200);
    expect(await children('moves')).toEqual([]);
  });
});

describe('down', () => {
  it('counts for what registers itself', async () => {
    const one = await running(open('downs'));
    await one.ask('/v1/register?service=downs');
    const maintenance = new Maintenance(one.host.folder.path);
    await maintenance.write('downs', { by: 'a', reason: 'b', until: null });
    renewing(one, '/v1/register?service=downs');
    await registered('downs', []);
    expect(await one.ask('/v1/register?service=downs')).toMatchObject({ status: 202, body: { entries: [{ state: 'down' }] } });
    await maintenance.remove('downs');
    await registered('downs', ['10.0.0.5:8080']);
  });
});

describe('what is left over', () => {
  it('of a process that was killed is taken over by the next renewal, and never missing', async () => {
    const dead = await RegistrarSession.open(zookeeper.server, { sessionTimeout: 4_000 });
    await dead.register('/services/killed', 'parent');
    await dead.register('/services/killed', '10.0.0.5:8080');
    await dead.expire();
    const seen: number[] = [];
    const watch = setInterval(() => void children('killed').then((names) => seen.push(names.filter((one) => one !== 'parent').length)), 5);
    cleanups.push(async () => clearInterval(watch));
    const one = await running(open('killed'));
    renewing(one, '/v1/register?service=killed');
    await registered('killed', ['10.0.0.5:8080'], 15_000);
    expect(seen.length).toBeGreaterThan(20);
    expect(seen.filter((count) => count !== 1)).toEqual([]);
  });

  it('of a session that ended is made again without a request', async () => {
    const wire = await FaultProxy.start(zookeeper.server.port);
    cleanups.push(() => wire.close());
    const one = await running(open('expires', ', ttl: 1m'), { connect: wire.connect, sessionTimeout: '2s' });
    await one.ask('/v1/register?service=expires');
    wire.mode = 'reset';
    wire.dropAll();
    await registered('expires', []);
    expect(await one.ask('/v1/register?service=expires')).toMatchObject({ status: 202 });
    wire.mode = 'pass';
    await registered('expires', ['10.0.0.5:8080']);
  });
});

describe('a changed config', () => {
  it('withdraws what it does not allow any more', async () => {
    const one = await running(open('narrowed', ', allow: { ports: 9000-9009 }'));
    await one.ask('/v1/register?service=narrowed&port=9001');
    await one.ask('/v1/register?service=narrowed');
    await registered('narrowed', ['10.0.0.5:8080', '10.0.0.5:9001']);
    one.host.reconfigure(open('narrowed', ', weight: 3'));
    await registered('narrowed', ['10.0.0.5:8080']);
    await until('the new weight', async () => (await zookeeper.hand.data('/services/narrowed/10.0.0.5:8080')) === '{"weight":3}');
    expect((await one.ask('/v1/register?service=narrowed&port=9001')).status).toBe(403);
  });
});
