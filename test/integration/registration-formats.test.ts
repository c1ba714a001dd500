/** One service whose instances register in every form at once, as during a migration; what they say changes by their data alone. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { StatusReport } from '../../cli/status/report.ts';
import { observeStatistics } from '../../shared/haproxy/observe.ts';
import { parseStatisticOptions } from '../../shared/haproxy/parse-sessions.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import { configFile, pointsman } from '../support/command.ts';
import { HttpService, startHttpServices } from '../support/http-service.ts';
import { type PlainClient, plainClient } from '../support/plain-client.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { CURATOR, SPRING } from '../support/registrations.ts';
import { pathOf, System } from '../support/system.ts';

const SERVICE = 'web';
const PATH = pathOf(SERVICE);

let system: System;
let tree: PlainClient;
let listen: number;
let services: readonly HttpService[];
let names: readonly string[];

const section = (port: number): string => `  ${SERVICE}:
    path: ${PATH}
    listen: "127.0.0.1:${port}"
    check: { http: GET /health, interval: 300ms, rise: 1, fall: 2 }
    allow: { loopback: true }
    guard: { maxLoss: 1 }
    server: { options: [maxconn, weight] }`;

beforeAll(async () => {
  listen = await freePort();
  [system, services] = await Promise.all([System.start({ services: section(listen) }), startHttpServices(5)]);
  tree = await plainClient(system.zookeeper.connect);
  names = services.map(({ port }) => `127.0.0.1:${port}`);
  return async () => {
    await tree.close();
    await Promise.all([system.stop(), ...services.map((service) => service.stop())]);
  };
});

const at = (index: number) => ({ host: '127.0.0.1', port: services[index]?.port ?? 0 });
const register = (name: string, said: unknown, mode: 'ephemeral' | 'sequential' = 'ephemeral') =>
  tree.create(`${PATH}/${name}`, typeof said === 'string' ? said : JSON.stringify(said), mode);
const member = (index: number, more: object = {}) => ({ serviceEndpoint: at(index), additionalEndpoints: {}, status: 'ALIVE', ...more });
const curator = (index: number, form: object = CURATOR) => ({ ...form, address: at(index).host, port: at(index).port });

async function weights(): Promise<unknown[]> {
  const servers = await system.servers(SERVICE);
  return names.map((name) => servers.get(name)?.weight);
}

/** Whose turn it is, of many requests. */
async function answering(): Promise<number[]> {
  const before = services.map(({ requests }) => requests);
  for (let sent = 0; sent < 40; sent += 1) expect((await fetch(`http://127.0.0.1:${listen}/`)).status).toBe(200);
  return services.flatMap(({ requests }, index) => (requests > (before[index] ?? 0) ? [index] : []));
}

/** Of znodes that are no instances. */
async function unnamed(): Promise<string[]> {
  const all = await system.app.ports.store.instances(SERVICE, 'all');
  return [...all].filter(([id, json]) => id.startsWith('znode:') && !json.includes('"state":"gone"')).map(([id]) => id);
}

describe('instances of every form', () => {
  it('serve side by side', async () => {
    await tree.ensure(PATH);
    await register(names[0] ?? '', '');
    await register('i-01234abc_', { ...at(1), name: 'i-01234abc', labels: { az: 'b' } }, 'sequential');
    await register('member_', member(2), 'sequential');
    await register('92cd5b3d', curator(3));
    const { host, port } = at(4);
    const encoded = Buffer.from(JSON.stringify({ host, port, name: 'i-2' })).toString('base64url');
    await register(`base64_${encoded.length}_${encoded}_`, '', 'sequential');
    await system.serving(SERVICE, names);
    expect(await answering()).toEqual([0, 1, 2, 3, 4]);
  });

  it('take no requests while their data says so, without a change of the list of children', async () => {
    await tree.set(
      `${PATH}/92cd5b3d`,
      JSON.stringify({ ...curator(3, SPRING), payload: { metadata: { instance_status: 'OUT_OF_SERVICE' } } }),
    );
    await until('it has no weight', async () => (await weights())[3] === 0);
    expect(await answering()).toEqual([0, 1, 2, 4]);
    const standing = await system.instance(SERVICE, names[3] ?? '');
    expect(standing?.snapshot.context.registration?.out).toBe('instance_status OUT_OF_SERVICE');
    await tree.set(
      `${PATH}/92cd5b3d`,
      JSON.stringify({ ...curator(3, SPRING), payload: { metadata: { instance_status: 'UP', weight: '7' } } }),
    );
    await until('it has its weight', async () => (await weights())[3] === 7);
  });

  it('are weighed by a vector that comes, changes and goes; it is no instance', async () => {
    const name = (await tree.children(PATH)).find((child) => child.startsWith('member_')) ?? '';
    const vector = (weight: number) => JSON.stringify({ vector: [{ select: `member=${name}`, weight }] });
    const path = await tree.create(`${PATH}/vector_`, vector(2), 'sequential');
    await until('it is weighed', async () => (await weights())[2] === 64);
    await tree.set(path, vector(-1));
    await until('it is left out', async () => (await weights())[2] === 0);
    expect(await unnamed()).toEqual([]);
    await tree.remove(path);
    await until('it is as before', async () => (await weights())[2] === 1);
  });

  it('of one shard: the one that came last takes the requests', async () => {
    const names = await tree.children(PATH);
    const first = names.find((child) => child.startsWith('member_')) ?? '';
    await tree.set(`${PATH}/${first}`, JSON.stringify(member(2, { shard: 7 })));
    const spare = await HttpService.start();
    try {
      const other = JSON.stringify({ serviceEndpoint: { host: '127.0.0.1', port: spare.port }, status: 'ALIVE', shard: 7 });
      const path = await tree.create(`${PATH}/member_`, other, 'sequential');
      await until('the older one has no weight', async () => (await weights())[2] === 0);
      await tree.remove(path);
      await until('it has it again', async () => (await weights())[2] === 1);
    } finally {
      await spare.stop();
    }
  });

  it('get what they ask for of their server as far as it is allowed, and what they ask for in vain is told once', async () => {
    const name = (await tree.children(PATH)).find((child) => child.startsWith('i-01234abc_')) ?? '';
    const say = (options: string): Promise<void> =>
      tree.set(`${PATH}/${name}`, JSON.stringify({ ...at(1), name: 'i-01234abc', haproxy_server_options: options }));
    const vain = 'cookie a b\n  http-request deny';
    await say(`weight 9 maxconn 12 backup ${vain}`);
    await until('its weight', async () => (await weights())[1] === 9);
    const told = await withRuntime(system.haproxy.runtime, (connection) => observeStatistics(connection, SERVICE, parseStatisticOptions));
    expect(names.map((one) => told?.get(one))).toEqual(names.map((_, index) => ({ maxConn: index === 1 ? 12 : 0, backup: false })));
    await say(`weight 8 maxconn 12 backup ${vain}`);
    await until('its other weight', async () => (await weights())[1] === 8);
    const lines = (await system.log()).filter(({ msg }) => msg === 'a registration asks for server options in vain');
    expect(lines.map(({ ignored }) => ignored)).toEqual(['backup, cookie a, b\\u{a}, http-request, deny']);
    const file = await configFile(system.folder, system.text(section(listen)));
    const status = JSON.parse((await pointsman('status', '--json', '--config', file)).out) as StatusReport;
    const ignored = (index: number): unknown => status.instances.find(({ instance }) => instance === names[index])?.ignored;
    expect([ignored(0), ignored(1)]).toEqual([[], ['backup', 'cookie a', 'b\\u{a}', 'http-request', 'deny']]);
    const why = await pointsman('why', SERVICE, names[1] ?? '', '--config', file);
    expect(why.out).toContain('its server options ask for it: at most 12 connections at once');
    expect(why.out).toContain('does not allow: backup, cookie a,');
  });

  it('one that is bad is refused alone, with its reason, and taken when it is mended', async () => {
    await register('i-9_', { host: '127.0.0.1', port: 70_000 }, 'sequential');
    const bad = await until('it is refused', async () => (await unnamed())[0]);
    expect(await system.instance(SERVICE, bad)).toMatchObject({ state: 'rejected', rejection: { code: 'bad-port' } });
    await system.serving(SERVICE, names);
    const path = `${PATH}/${bad.slice('znode:'.length)}`;
    await tree.set(path, JSON.stringify({ host: '127.0.0.1', port: services[0]?.port, weight: 5 }));
    await until('it speaks for its instance', async () => (await weights())[0] === 5);
    await tree.remove(path);
    await until('the other one does', async () => (await weights())[0] === 1);
  });

  it('come back below a parent that went with the last of them, as containers do', async () => {
    await tree.removeAll(PATH);
    await until('only the last one is left', async () => (await system.servers(SERVICE)).size === 1);
    await tree.ensure(PATH);
    await register('92cd5b3d', curator(3));
    await system.serving(SERVICE, [names[3] ?? '']);
    expect(await answering()).toEqual([3]);
  });
});
