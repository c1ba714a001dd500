/** From a znode to what HAProxy does, on the whole real system: weights, drains, options, services that come and go. Under traffic, and no request fails. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type HttpService, startHttpServices } from '../support/http-service.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import type { RegistrarSession } from '../support/registrar-session.ts';
import { SteadyTraffic, summary } from '../support/steady-traffic.ts';
import { pathOf, System } from '../support/system.ts';

interface Texts {
  readonly queue?: string;
  readonly orders?: boolean;
}

let system: System;
let services: HttpService[];
let session: RegistrarSession;
let webPort: number;
let ordersPort: number;
let traffic: SteadyTraffic;
const named = (at: number): string => `127.0.0.1:${services[at]?.port}`;

const COMMON = `    check: { http: GET /health, interval: 300ms, rise: 1, fall: 2 }
    guard: { maxLoss: 1 }
    allow: { loopback: true }`;

function text({ queue, orders = true }: Texts = {}): string {
  const web = `  web:
    path: ${pathOf('web')}
    listen: "127.0.0.1:${webPort}"
${queue === undefined ? '' : `    timeouts: { queue: ${queue} }\n`}${COMMON}
`;
  const other = `  orders:
    path: ${pathOf('orders')}
    listen: "127.0.0.1:${ordersPort}"
${COMMON}
`;
  return orders ? web + other : web;
}

beforeAll(async () => {
  webPort = await freePort();
  ordersPort = await freePort();
  const haproxy = '  drainTimeout: 8s\n  reload: { minInterval: 300ms, jitter: 0 }';
  [system, services] = await Promise.all([System.start({ services: text(), haproxy }), startHttpServices(4)]);
  session = await system.session();
  for (const at of [0, 1]) await session.register(pathOf('web'), named(at));
  for (const at of [2, 3]) await session.register(pathOf('orders'), named(at));
  await system.serving('web', [named(0), named(1)]);
  await system.serving('orders', [named(2), named(3)]);
  await system.inSync('web');
  await system.inSync('orders');
}, 60_000);

afterAll(async () => {
  await system.stop();
  await Promise.all(services.map((service) => service.stop()));
});

beforeEach(() => {
  traffic = new SteadyTraffic({ port: webPort, rate: 100 });
});

afterEach(async () => {
  await traffic.stop();
  expect(summary(traffic.failed)).toEqual({});
});

/** The commands sent after this many batches, once they are on record. */
async function commandsAfter(batches: number, count: number): Promise<string[]> {
  return until('the commands to be on record', async () => {
    const sent = (await system.proxyEvents<{ results: { command: string }[] }>('commands')).slice(batches);
    const commands = sent.flatMap(({ results }) => results.map(({ command }) => command));
    return commands.length >= count && commands;
  });
}

/** What nothing listens on refuses; a connection from before a reload may still be answered once. */
async function isRefused(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const answer = await once(socket, 'connect').then(
    () => false,
    () => true,
  );
  socket.destroy();
  return answer;
}

async function batches(): Promise<number> {
  return (await system.proxyEvents('commands')).length;
}

it('each of two services is served by its own instances', async () => {
  const answeredBy = async (port: number): Promise<string[]> => {
    const ports = new Set<string>();
    for (let turn = 0; turn < 12; turn += 1) ports.add((await (await fetch(`http://127.0.0.1:${port}/`)).text()).trim());
    return [...ports].sort();
  };
  expect(await answeredBy(webPort)).toEqual([services[0]?.port, services[1]?.port].map(String).sort());
  expect(await answeredBy(ordersPort)).toEqual([services[2]?.port, services[3]?.port].map(String).sort());
});

it('a weight in the data of a znode counts at once, without a reload', async () => {
  const worker = await system.haproxy.workerPid();
  const before = await batches();
  await session.say(pathOf('web'), named(0), { weight: 5 });
  await until('the weight', async () => (await system.servers('web')).get(named(0))?.weight === 5, { timeoutMs: 2_000 });
  expect(await commandsAfter(before, 1)).toEqual([`set server web/${named(0)} weight 5`]);
  const from = performance.now();
  await until('enough answers', () => traffic.since(from).length >= 240);
  const answers = traffic.since(from).map(({ server }) => server);
  const share = answers.filter((port) => port === String(services[0]?.port)).length / answers.length;
  expect(share).toBeGreaterThan(0.8);
  expect(share).toBeLessThan(0.87);
  await session.say(pathOf('web'), named(0), '');
  await until('the weight', async () => (await system.servers('web')).get(named(0))?.weight === 1, { timeoutMs: 2_000 });
  expect(await system.haproxy.workerPid()).toBe(worker);
});

it('an instance that comes back while it drains is one command, and its requests in hand are answered', async () => {
  const slow = services[1] as HttpService;
  slow.delayMs = 2_000;
  await until('requests in hand', () => slow.inFlight >= 5);
  const before = await batches();
  await session.deregister(pathOf('web'), named(1));
  await until('it drains', async () => (await system.servers('web')).get(named(1))?.admin === 'drain');
  const drained = slow.requests;
  const from = performance.now();
  await until('requests meanwhile', () => traffic.since(from).length >= 30);
  expect(slow.requests - drained, 'requests sent to it while it drains').toBeLessThanOrEqual(1);
  expect((await system.instance('web', named(1)))?.state).toBe('draining');
  await session.register(pathOf('web'), named(1));
  await system.serving('web', [named(0), named(1)]);
  expect(await commandsAfter(before, 2)).toEqual([`set server web/${named(1)} state drain`, `set server web/${named(1)} state ready`]);
  slow.delayMs = 0;
  await until('it answers again', () => slow.inFlight === 0);
  await until('serving', async () => (await system.instance('web', named(1)))?.state === 'serving');
});

it('another option is one reload, with its reason on record', async () => {
  const worker = await system.haproxy.workerPid();
  const before = (await system.proxyEvents('reloading')).length;
  await system.reconfigure(text({ queue: '1s' }));
  await until('the new worker', async () => (await system.haproxy.workerPid()) !== worker);
  await until('it is on record', async () => (await system.proxyEvents('reloaded')).length > before);
  await system.inSync('web');
  await system.serving('web', [named(0), named(1)]);
  await system.serving('orders', [named(2), named(3)]);
  const reloads = (await system.proxyEvents<{ service: string; detail: string }>('reloading')).slice(before);
  expect(reloads).toEqual([{ service: 'web', detail: 'web: its options changed' }]);
  expect(await system.app.ports.proxies.state('edge')).toMatchObject({ lastReloadReason: 'web: its options changed' });
  const fresh = await system.haproxy.workerPid();
  await system.reconfigure(text({ queue: '1s' }));
  await session.say(pathOf('web'), named(0), { weight: 2 });
  await until('the weight', async () => (await system.servers('web')).get(named(0))?.weight === 2);
  expect(await system.haproxy.workerPid(), 'the same config again is no reload').toBe(fresh);
});

it('a service that is no longer configured goes by one reload, and comes back with its instances by another', async () => {
  const worker = await system.haproxy.workerPid();
  expect(await system.backends()).toContain('orders');
  await system.reconfigure(text({ queue: '1s', orders: false }));
  await until('its backend to go', async () => !(await system.backends()).includes('orders'));
  const after = await system.haproxy.workerPid();
  expect(after).not.toBe(worker);
  expect((await system.app.ports.proxies.state('edge')).lastReloadReason).toBe('orders: no longer configured');
  expect(await isRefused(ordersPort)).toBe(true);
  await until('nothing is shown of it', async () => (await system.backendState('orders')) === null);
  await session.say(pathOf('web'), named(0), { weight: 3 });
  await until('the weight', async () => (await system.servers('web')).get(named(0))?.weight === 3);
  expect(await system.haproxy.workerPid(), 'one reload, no more').toBe(after);

  await system.reconfigure(text({ queue: '1s' }));
  await system.serving('orders', [named(2), named(3)]);
  await system.inSync('orders');
  expect(await isRefused(ordersPort)).toBe(false);
  expect((await fetch(`http://127.0.0.1:${ordersPort}/`)).status).toBe(200);
}, 40_000);

it('a crash is noticed at the end of the session, and costs no other instance a request', async () => {
  const [extra] = (await startHttpServices(1)) as [HttpService];
  const name = `127.0.0.1:${extra.port}`;
  const crashing = await system.register('web', name, '', { sessionTimeout: 1_000 });
  await system.serving('web', [named(0), named(1), name]);
  await crashing.expire();
  await system.serving('web', [named(0), named(1)], 10_000);
  await until('it is deleted', async () => !(await system.servers('web')).has(name), { timeoutMs: 15_000 });
  await extra.stop();
}, 40_000);
