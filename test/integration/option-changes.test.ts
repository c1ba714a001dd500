/**
 * A service's options change under load: what a command changes is changed, what none does is made anew server by server, new before old; neither needs a
 * reload nor loses a request.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { observeBackend } from '../../shared/haproxy/observe.ts';
import { parseTable } from '../../shared/haproxy/parse-table.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { type Certificate, CertificateAuthority } from '../support/certificates.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { tempFolder } from '../support/folder.ts';
import { HttpService } from '../support/http-service.ts';
import { Pipeline } from '../support/pipeline.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { serviceConfig } from '../support/service-events.ts';
import { SteadyTraffic } from '../support/steady-traffic.ts';

const cleanups = cleanupsAfterEach();
const CHECK = { type: 'http', method: 'GET', path: '/health', interval: 300, rise: 1, fall: 2 } as const;

async function services(count: number): Promise<HttpService[]> {
  const all = await Promise.all(Array.from({ length: count }, () => HttpService.start()));
  cleanups.push(() => Promise.all(all.map((one) => one.stop())));
  return all;
}

/** A pipeline that carries the service, with these instances in rotation. */
async function serving(config: ServiceConfig, instances: readonly HttpService[]): Promise<Pipeline> {
  const pipeline = await Pipeline.start();
  cleanups.push(() => pipeline.stop());
  await pipeline.tell('web', { type: 'configured', config }, ...instances.map(({ port }) => pipeline.registered(port)), {
    type: 'complete',
  });
  await until('all are up', async () => (await up(pipeline)).length === instances.length, { timeoutMs: 30_000 });
  return pipeline;
}

async function backend(pipeline: Pipeline) {
  return withRuntime(pipeline.proxy.runtime, (connection) => observeBackend(connection, 'web'));
}

async function up(pipeline: Pipeline): Promise<string[]> {
  const servers = [...((await backend(pipeline))?.servers.values() ?? [])];
  return servers.filter(({ admin, operation }) => admin === 'ready' && operation === 'running').map(({ name }) => name);
}

/** A column of `show stat` by server. */
async function column(pipeline: Pipeline, name: string): Promise<Map<string, string>> {
  const [text] = await withRuntime(pipeline.proxy.runtime, (connection) => connection.send(['show stat -1 4 -1']));
  return new Map(parseTable('show stat', text ?? '', ['pxname', 'svname', name], ',').map((row) => [row('svname'), row(name)]));
}

const pidOf = (pipeline: Pipeline): Promise<number> => pipeline.haproxy.workerPid();

function settled(pipeline: Pipeline): Promise<unknown> {
  return until('in sync', async () => (await pipeline.backendState('web')) === 'in-sync', { timeoutMs: 90_000 });
}

describe('options that no command changes', () => {
  it.each([
    ['the only server', 1],
    ['three servers', 3],
  ])(
    'make %s anew, new before old',
    async (_what, count) => {
      const listen = `127.0.0.1:${await freePort()}`;
      const config = serviceConfig({ listen, check: CHECK, drainTimeout: 2_000 });
      const pipeline = await serving(config, await services(count));
      const pid = await pidOf(pipeline);
      const before = [...((await backend(pipeline))?.servers.values() ?? [])].map(({ name, id }) => `${name} ${id}`).sort();
      const traffic = new SteadyTraffic({ port: Number(listen.split(':')[1]), rate: 100 });
      const changed: ServiceConfig = { ...config, server: { maxConn: null, maxQueue: 77 } };
      await pipeline.configure(changed);
      await until(
        'every server has the new option, under its own name',
        async () => {
          const limits = [...(await column(pipeline, 'qlimit'))];
          return limits.length === count && limits.every(([name, limit]) => !name.endsWith('-next') && limit === '77');
        },
        { timeoutMs: 90_000 },
      );
      const done = await traffic.stop();
      expect(done.filter(({ status }) => status !== 200)).toEqual([]);
      expect(done.length).toBeGreaterThan(50);
      expect(await pidOf(pipeline)).toBe(pid);
      const after = [...((await backend(pipeline))?.servers.values() ?? [])].map(({ name, id }) => `${name} ${id}`).sort();
      expect(after).toEqual(before);
      await settled(pipeline);
      if (count > 1) return;
      await pipeline.configure(config);
      await until('and back again', async () => [...(await column(pipeline, 'qlimit')).values()].every((limit) => limit === ''), {
        timeoutMs: 90_000,
      });
      expect(await pidOf(pipeline)).toBe(pid);
    },
    300_000,
  );

  it('leave the old server where the new one is never found good', async () => {
    const listen = `127.0.0.1:${await freePort()}`;
    const config = serviceConfig({ listen, check: CHECK });
    const pipeline = await serving(config, await services(1));
    const traffic = new SteadyTraffic({ port: Number(listen.split(':')[1]), rate: 50 });
    await pipeline.configure({ ...config, check: { ...CHECK, port: 1 } });
    await until('the stand-in was checked and failed', async () =>
      [...((await backend(pipeline))?.servers.values() ?? [])].some(({ name, check }) => name.endsWith('-next') && check === 'failed'),
    );
    expect(await up(pipeline)).toHaveLength(1);
    await pipeline.configure(config);
    await until('the stand-in is gone', async () => (await backend(pipeline))?.servers.size === 1, { timeoutMs: 20_000 });
    expect((await traffic.stop()).filter(({ status }) => status !== 200)).toEqual([]);
  }, 120_000);
});

describe('options that a command changes', () => {
  it('are changed in place: connections at once, where checks go', async () => {
    const [one, other] = await services(2);
    const config = serviceConfig({ check: { ...CHECK, port: other?.port ?? 0 }, server: { maxConn: 40 } });
    const pipeline = await serving(config, one === undefined ? [] : [one]);
    const pid = await pidOf(pipeline);
    const name = `127.0.0.1:${one?.port}`;
    expect((await column(pipeline, 'slim')).get(name)).toBe('40');
    await pipeline.configure({ ...config, server: { maxConn: 60 } });
    await until('maxconn', async () => (await column(pipeline, 'slim')).get(name) === '60');
    await pipeline.configure({ ...config, server: { maxConn: 60 }, check: { ...CHECK, port: one?.port ?? 0 } });
    await until('the port', async () => (await backend(pipeline))?.servers.get(name)?.checkPort === one?.port);
    expect(await pidOf(pipeline)).toBe(pid);
    expect((await backend(pipeline))?.servers.size).toBe(1);
  }, 120_000);
});

describe('an agent', () => {
  /** Who has asked, by what they said. */
  async function agent(): Promise<{ readonly port: number; readonly asked: Set<string> }> {
    const asked = new Set<string>();
    const server = createServer((socket) => {
      socket
        .on('error', () => undefined)
        .on('data', (data) => {
          asked.add(data.toString());
          socket.end('up\n');
        });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanups.push(async () => void server.close());
    return { port: (server.address() as AddressInfo).port, asked };
  }

  it('is asked elsewhere in place; what it is sent, which HAProxy does not show, makes its server anew', async () => {
    const [one] = await services(1);
    const [first, second] = [await agent(), await agent()];
    const listen = `127.0.0.1:${await freePort()}`;
    const asking = (port: number, send: string, address = '127.0.0.1'): ServiceConfig =>
      serviceConfig({ listen, check: CHECK, server: { maxConn: null, agent: { port, address, interval: 200, send } } });
    const pipeline = await serving(asking(first.port, 'one'), one === undefined ? [] : [one]);
    const pid = await pidOf(pipeline);
    const name = `127.0.0.1:${one?.port}`;
    const seenAgent = async () => (await backend(pipeline))?.servers.get(name)?.agent;
    await until('the first agent was asked', () => first.asked.has('one'));
    // A server that is made anew counts from nothing.
    const served = async () => (await column(pipeline, 'stot')).get(name);
    await fetch(`http://${listen}/`);
    expect(await served()).toBe('1');
    await pipeline.configure(asking(second.port, 'one'));
    await until('the second agent was asked', () => second.asked.has('one'));
    expect(await seenAgent()).toEqual({ address: '127.0.0.1', port: second.port });
    await pipeline.configure(asking(second.port, 'one', '127.0.0.9'));
    await until('the address', async () => (await seenAgent())?.address === '127.0.0.9');
    await pipeline.configure(asking(second.port, 'one'));
    await until('and back', async () => (await seenAgent())?.address === '127.0.0.1');
    await settled(pipeline);
    expect(await served()).toBe('1');
    await pipeline.configure(asking(second.port, 'two'));
    await until('it is sent the other word', () => second.asked.has('two'), { timeoutMs: 30_000 });
    await settled(pipeline);
    expect(await served()).toBe('0');
    expect(await pidOf(pipeline)).toBe(pid);
  }, 120_000);
});

/** A server's certificate for web.internal, and the file of who signed it. */
async function certificate(): Promise<{ readonly ca: string; readonly server: Certificate }> {
  const folder = await tempFolder();
  cleanups.push(() => folder.remove());
  const authority = await CertificateAuthority.make(folder.path, 'authority');
  return { ca: authority.cert, server: await authority.sign('web', 'DNS:web.internal') };
}

describe('TLS to the servers', () => {
  it('verifies them, also those that are added at runtime', async () => {
    const { ca, server } = await certificate();
    const [first, second] = [await HttpService.startTls(server), await HttpService.startTls(server)];
    cleanups.push(() => Promise.all([first.stop(), second.stop()]));
    const listen = `127.0.0.1:${await freePort()}`;
    const tls = { verify: 'required', ca, sni: 'web.internal' } as const;
    const pipeline = await serving(serviceConfig({ listen, check: CHECK, server: { maxConn: null, tls } }), [first]);
    const pid = await pidOf(pipeline);
    await pipeline.tell('web', pipeline.registered(second.port));
    await until('the second is up', async () => (await up(pipeline)).length === 2, { timeoutMs: 20_000 });
    const traffic = new SteadyTraffic({ port: Number(listen.split(':')[1]), rate: 50 });
    await until('both answer', () => new Set(traffic.done.map(({ server }) => server)).size === 2);
    expect((await traffic.stop()).filter(({ status }) => status !== 200)).toEqual([]);
    expect(await pidOf(pipeline)).toBe(pid);
  }, 120_000);

  it('takes nobody in whose certificate is for another name', async () => {
    const { ca, server } = await certificate();
    const service = await HttpService.startTls(server);
    cleanups.push(() => service.stop());
    const tls = { verify: 'required', ca, sni: 'other.internal' } as const;
    const pipeline = await Pipeline.start();
    cleanups.push(() => pipeline.stop());
    const config = serviceConfig({ listen: `127.0.0.1:${await freePort()}`, check: CHECK, server: { maxConn: null, tls } });
    await pipeline.tell('web', { type: 'configured', config }, pipeline.registered(service.port), { type: 'complete' });
    const seen = await until(
      'its check ends',
      async () => {
        const server = (await backend(pipeline))?.servers.get(`127.0.0.1:${service.port}`);
        return server?.check === 'failed' ? server : null;
      },
      { timeoutMs: 20_000 },
    );
    expect(seen.operation).toBe('stopped');
  }, 120_000);
});

it('a fallback serves while no registered server does, and is nobody to the plan', async () => {
  const [registered, standby] = await services(2);
  const listen = `127.0.0.1:${await freePort()}`;
  const config = serviceConfig({
    listen,
    check: CHECK,
    fallback: [`127.0.0.1:${standby?.port}`],
    drainTimeout: 0,
    guard: { maxLoss: 1, window: 1, hold: 1_000 },
  });
  const pipeline = await serving(config, registered === undefined ? [] : [registered]);
  const port = registered?.port ?? 0;
  const answers = async (): Promise<string | null> => (await fetch(`http://${listen}/`)).headers.get('x-port');
  expect(await answers()).toBe(String(port));
  await registered?.stop();
  await until('the standby answers', async () => (await answers()) === String(standby?.port), { timeoutMs: 20_000 });
  await pipeline.tell('web', pipeline.deregistered(port));
  await until('the registered one is gone', async () => (await backend(pipeline))?.servers.size === 0, { timeoutMs: 20_000 });
  expect(await answers()).toBe(String(standby?.port));
  await settled(pipeline);
}, 120_000);

it('a cookie keeps a client with its server, also with one that was added at runtime', async () => {
  const all = await services(3);
  const listen = `127.0.0.1:${await freePort()}`;
  const pipeline = await serving(serviceConfig({ listen, check: CHECK, cookie: { name: 'SRV' } }), all);
  const first = new Map<string, string>();
  await until('each server gave its cookie', async () => {
    const answer = await fetch(`http://${listen}/`);
    const cookie = /SRV=([^;]+)/.exec(answer.headers.get('set-cookie') ?? '')?.[1];
    if (cookie !== undefined) first.set(cookie, answer.headers.get('x-port') ?? '');
    return first.size === 3;
  });
  expect(new Set(first.values()).size).toBe(3);
  for (let round = 0; round < 5; round += 1) {
    for (const [cookie, port] of first) {
      const answer = await fetch(`http://${listen}/`, { headers: { cookie: `SRV=${cookie}` } });
      expect(answer.headers.get('x-port')).toBe(port);
    }
  }
  expect(await pipeline.backendState('web')).toBe('in-sync');
}, 120_000);
