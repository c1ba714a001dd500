/** What strangers put into Zookeeper: each bad registration is rejected alone, with its reason, while its siblings serve; once mended it joins. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StatusReport } from '../../cli/status/report.ts';
import { serverName } from '../../shared/znode/address.ts';
import { znodeInstance } from '../../shared/znode/znode-instance.ts';
import { configFile, pointsman } from '../support/command.ts';
import { type HttpService, startHttpServices } from '../support/http-service.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import type { RegistrarSession } from '../support/registrar-session.ts';
import { SteadyTraffic, summary } from '../support/steady-traffic.ts';
import { pathOf, System } from '../support/system.ts';

const SERVICE = 'web';
const PATH = pathOf(SERVICE);

let system: System;
let services: HttpService[];
let good: readonly string[];
let traffic: SteadyTraffic;
let strangers: RegistrarSession;
const port = (at: number): number => services[at]?.port ?? 0;
const named = (at: number): string => `127.0.0.1:${port(at)}`;

beforeAll(async () => {
  const listen = await freePort();
  [system, services] = await Promise.all([
    System.start({
      services: `  ${SERVICE}:
    path: ${PATH}
    listen: "127.0.0.1:${listen}"
    check: { http: GET /health, interval: 300ms, rise: 1, fall: 2 }
    guard: { maxLoss: 1 }
    allow: { loopback: true }`,
    }),
    startHttpServices(4),
  ]);
  good = [named(0), named(1)];
  for (const name of good) await system.register(SERVICE, name);
  await system.serving(SERVICE, good);
  strangers = await system.session();
  traffic = new SteadyTraffic({ port: listen, rate: 50 });
}, 60_000);

afterAll(async () => {
  await traffic.stop();
  await system.stop();
  await Promise.all(services.map((service) => service.stop()));
});

function rejected(id: string, code: string): Promise<true> {
  return until(`${JSON.stringify(id.slice(0, 80))} to be rejected as ${code}`, async () => {
    const standing = await system.instance(SERVICE, id);
    return standing?.state === 'rejected' && standing.rejection?.code === code;
  });
}

/** Its siblings, and nothing but them, are in HAProxy, and no request failed. */
async function siblingsServe(others: readonly string[] = []): Promise<void> {
  const sent = traffic.done.length;
  await until('more answers', () => traffic.done.length > sent + 20);
  expect(summary(traffic.failed)).toEqual({});
  expect([...(await system.servers(SERVICE)).keys()].sort()).toEqual([...good, ...others].sort());
}

describe('names that are no address', () => {
  const names: readonly (readonly [name: string, code: string])[] = [
    ['hello', 'not-an-address'],
    ['10.0.0.1', 'not-an-address'],
    ['127.0.0.1:0', 'bad-port'],
    ['127.0.0.1:70000', 'bad-port'],
    ['127.0.0.1:08080', 'bad-port'],
    ['127.0.0.1:80 disabled', 'bad-port'],
    ['127.0.0.1:80; shutdown sessions server web', 'bad-port'],
    ['127.0.0.1:80%0a  http-request deny', 'bad-port'],
    ['a b"c\':80', 'not-an-address'],
    [`$(reboot)"\${HOME}":80`, 'not-an-address'],
    ['unix@admin.sock:80', 'not-an-address'],
    ['127.1:80', 'not-an-address'],
    ['0x7f000001:80', 'not-an-address'],
    ['bücher.example:80', 'not-an-address'],
    ['\u202e127.0.0.1:80', 'not-an-address'],
    ['\u00a0:80', 'not-an-address'],
    ['__proto__', 'not-an-address'],
    ['constructor:80', 'unresolvable'],
    ['*:80', 'not-an-address'],
    ['0.0.0.0:80', 'address-not-allowed'],
    ['[::]:80', 'address-not-allowed'],
    ['169.254.169.254:80', 'address-not-allowed'],
    ['224.0.0.1:80', 'address-not-allowed'],
    ['no-such-host.invalid:80', 'unresolvable'],
    [`${'x'.repeat(5_000)}:80`, 'not-an-address'],
    [`${'\u65e5'.repeat(3_000)}`, 'not-an-address'],
  ];
  const id = (name: string, code: string): string => (['address-not-allowed', 'unresolvable'].includes(code) ? name : znodeInstance(name));

  it('are rejected one by one, whatever else they say', async () => {
    for (const [name] of names) await strangers.register(PATH, name);
    for (const [name, code] of names) await rejected(id(name, code), code);
    await siblingsServe();
    // What people are shown of them moves no cursor and ends no line.
    const { code, out } = await pointsman('status', '--config', await configFile(system.folder, system.text(system.options.services)));
    expect(code).toBe(0);
    for (const character of ['\u202e', '\u0000', '\u001b']) expect(out).not.toContain(character);
    const json = await pointsman('status', '--json', '--config', await configFile(system.folder, system.text(system.options.services)));
    const told = (JSON.parse(json.out) as StatusReport).instances.filter(({ state }) => state === 'rejected');
    expect(told.length).toBe(names.length);
    for (const instance of told) expect(instance.reason).toMatch(/^[a-z-]+: ./);
    for (const [name] of names) await strangers.deregister(PATH, name);
    await until('all are forgotten', async () => (await system.app.ports.store.instances(SERVICE, 'all')).size === good.length, {
      timeoutMs: 20_000,
    });
  }, 60_000);

  it('that Zookeeper itself refuses never come', async () => {
    for (const name of ['a\u0000b:80', 'a\u001bb:80', 'a\nb:80', '.', '..']) {
      await expect(strangers.register(PATH, name), JSON.stringify(name)).rejects.toThrow();
    }
  });
});

describe('data that cannot be read', () => {
  const data: readonly (readonly [what: string, data: string, code: string])[] = [
    ['bad JSON', '{"weight": 1', 'bad-data'],
    ['20 KB of garbage', '\u0001garbage'.repeat(2_500), 'too-large'],
    ['no object', '[1, 2]', 'bad-data'],
    ['a weight out of range', '{"weight": 300}', 'bad-weight'],
    ['a weight that is no number', '{"weight": "5; disable server web/x"}', 'bad-weight'],
    ['labels that are no text', '{"labels": {"zone": {"a": 1}}}', 'bad-data'],
  ];

  it('is rejected with its reason, and joins once it is mended', async () => {
    const name = named(2);
    const [, first = ''] = data[0] ?? [];
    await strangers.register(PATH, name, first);
    for (const [, said, code] of data) {
      await strangers.say(PATH, name, said);
      await rejected(name, code);
    }
    await siblingsServe();
    await strangers.say(PATH, name, { weight: 3 });
    await system.serving(SERVICE, [...good, name]);
    expect((await system.servers(SERVICE)).get(serverName(name))?.weight).toBe(3);
    expect((await system.instance(SERVICE, name))?.rejection).toBeNull();
  });

  it('of an instance that serves leaves it its last good form, and shows it as rejected', async () => {
    const name = named(2);
    await strangers.say(PATH, name, '{"weight": 1');
    await rejected(name, 'bad-data');
    const sent = traffic.done.length;
    await until('more answers', () => traffic.done.length > sent + 20);
    expect((await system.servers(SERVICE)).get(serverName(name))).toMatchObject({ admin: 'ready', weight: 3 });
    await strangers.say(PATH, name, { weight: 2 });
    await until('its new weight', async () => (await system.servers(SERVICE)).get(serverName(name))?.weight === 2);
    await strangers.deregister(PATH, name);
    await until('it is deleted', async () => !(await system.servers(SERVICE)).has(serverName(name)), { timeoutMs: 20_000 });
    await siblingsServe();
  });
});

describe('an address that is registered twice', () => {
  it('is used once; the other name takes it over when the first one goes', async () => {
    const [first, second] = [named(3), `localhost:${port(3)}`];
    const session = await system.register(SERVICE, first);
    await system.serving(SERVICE, [...good, first]);
    await strangers.register(PATH, second);
    await rejected(second, 'duplicate-address');
    expect((await system.instance(SERVICE, second))?.rejection?.detail).toContain(first);
    await siblingsServe([first]);
    await session.close();
    await system.serving(SERVICE, [...good, serverName(second)], 20_000);
    expect((await system.servers(SERVICE)).get(serverName(second))).toMatchObject({ address: '127.0.0.1', port: port(3) });
    expect((await system.instance(SERVICE, second))?.rejection).toBeNull();
    expect(summary(traffic.failed)).toEqual({});
  }, 40_000);
});
