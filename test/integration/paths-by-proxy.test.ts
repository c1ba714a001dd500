/**
 * Of paths in order each proxy goes by what serves there: two HAProxies that see one and the same path otherwise, and one that is reloaded, restarted and given
 * other options while only the later path is up there. All on the real parts.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { assert } from '../../shared/errors.ts';
import { observeBackends } from '../../shared/haproxy/observe.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { tempFolder } from '../support/folder.ts';
import { TestHaproxy } from '../support/haproxy.ts';
import { HttpService, startHttpServices } from '../support/http-service.ts';
import { Pipeline } from '../support/pipeline.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { serviceConfig } from '../support/samples.ts';
import { SteadyTraffic, summary } from '../support/steady-traffic.ts';
import { edgeProxy, System } from '../support/system.ts';

const [NEW, OLD] = ['/new/web', '/old/web'];
const BASE = 'defaults base\n  mode http\n  timeout connect 2s\n  timeout client 10s\n  timeout server 10s\n';

const cleanups = cleanupsAfterEach();

const section = (check: string): string => `  web:
    path: { first: [${NEW}, ${OLD}] }
    pathPrefix: /web
    check: { http: GET /health, interval: ${check}, rise: 1, fall: 3 }
    guard: { maxLoss: 1 }
    flap: { transitions: 31 }
    allow: { loopback: true }`;

interface Standing {
  readonly system: System;
  readonly bergen: TestHaproxy;
  readonly services: readonly HttpService[];
  readonly names: readonly string[];
  /** Where `edge` takes requests. */
  readonly port: number;
}

/** Two of each path, and the proxies `edge` and `bergen`. */
async function stand(): Promise<Standing> {
  const [folder, services, port, other] = await Promise.all([tempFolder(), startHttpServices(4), freePort(), freePort()]);
  const managed = join(folder.path, 'bergen.d');
  await mkdir(managed);
  const bergen = await TestHaproxy.prepare({ sections: BASE, argv: ['-f', managed] });
  const system = await System.start({
    services: section('200ms'),
    proxies: (places) => `${edgeProxy(places, `, http: { listen: "127.0.0.1:${port}" }`)}
  bergen: { runtime: "unix:${bergen.runtime.path}", master: "unix:${bergen.master.path}", base: ${bergen.configFile}, managed: ${managed}, http: { listen: "127.0.0.1:${other}" } }`,
  });
  cleanups.push(async () => {
    await system.stop();
    await bergen.stop();
    await Promise.all([...services.map((service) => service.stop()), folder.remove()]);
  });
  await until('the managed files of bergen', async () => (await readFile(join(managed, '00-pointsman.cfg'), 'utf8')).length > 0);
  await bergen.run();
  const names = services.map((service) => `127.0.0.1:${service.port}`);
  for (const [index, name] of names.entries()) await (await system.session()).register(index < 2 ? NEW : OLD, name);
  const standing = { system, bergen, services, names, port };
  for (const haproxy of [system.haproxy, bergen]) await takenBy(standing, haproxy, 0, 1);
  return standing;
}

/** By that HAProxy's own word. */
async function taking({ names }: Standing, haproxy: TestHaproxy): Promise<string> {
  const servers = (await withRuntime(haproxy.runtime, observeBackends)).get('web')?.servers ?? new Map<string, never>();
  const own = names.map((name) => [...servers.values()].find((server) => server.name === name));
  return own
    .flatMap((server, index) => (server?.admin === 'ready' && server.operation !== 'stopped' && server.weight > 0 ? [index] : []))
    .join();
}

function takenBy(standing: Standing, haproxy: TestHaproxy, ...expected: number[]): Promise<unknown> {
  return until(`requests to be taken by ${expected.join(' and ')}`, async () => (await taking(standing, haproxy)) === expected.join(), {
    timeoutMs: 20_000,
  });
}

/** The first path is dead; one of it answers the checks of `bergen` all the same, as if it were reached from there alone. */
async function divide(standing: Standing): Promise<void> {
  const { services, names, bergen } = standing;
  const healthy = await HttpService.start();
  cleanups.push(() => healthy.stop());
  await bergen.cli(`set server web/${names[0]} check-port ${healthy.port}`);
  await Promise.all(services.slice(0, 2).map((service) => service.stop()));
}

it('the later path takes requests on the proxy where the first is down, and only there', async () => {
  const standing = await stand();
  const { system, bergen } = standing;
  await divide(standing);
  await takenBy(standing, bergen, 0);
  await takenBy(standing, system.haproxy, 2, 3);
  const found = await system.instance('web', standing.names[2] ?? '');
  expect(found?.snapshot.context.behind, 'the first path is the active one').toBe(true);
  const traffic = new SteadyTraffic({ port: standing.port, rate: 100, path: '/web' });
  await until('requests', () => traffic.done.length > 100);
  for (const proxy of ['edge', 'bergen']) await system.inSync('web', proxy);
  expect([await taking(standing, system.haproxy), await taking(standing, bergen)]).toEqual(['2,3', '0']);
  await traffic.stop();
  expect(summary(traffic.failed)).toEqual({});
});

it('goes on doing so through a reload, a restart from the files, and while its servers are made anew', { timeout: 90_000 }, async () => {
  const standing = await stand();
  const { system, port, services, names } = standing;
  // A proxy that sees all of the first path up, whatever becomes of it.
  const { log } = system.app.ports;
  await log.tellHealth(
    'web',
    'narvik',
    names.slice(0, 2).map((instance) => ({ instance, from: 'absent', to: 'up' })),
  );
  await Promise.all(services.slice(0, 2).map((service) => service.stop()));
  await takenBy(standing, system.haproxy, 2, 3);
  for (const proxy of ['edge', 'bergen']) await system.inSync('web', proxy);
  // The files follow within a second.
  const file = join(system.places.managed, 'service-web.cfg');
  await until('the file', async () => /weight 1 /.test(lineOf(await readFile(file, 'utf8'), standing.names[2] ?? '')));
  const traffic = new SteadyTraffic({ port, rate: 100, path: '/web', keepAlive: false });
  await system.haproxy.reload();
  await until('requests after the reload', () => traffic.done.length > 100);
  await system.inSync('web');
  expect(await taking(standing, system.haproxy)).toBe('2,3');
  const before = traffic.done.length;
  await system.reconfigure(section('250ms'));
  await until('the options in the file', async () => /inter 250/.test(await readFile(file, 'utf8')), { timeoutMs: 60_000 });
  await until('requests meanwhile', () => traffic.done.length > before + 300);
  await traffic.stop();
  expect(summary(traffic.failed)).toEqual({});
  expect((await system.instance('web', names[2] ?? ''))?.snapshot.context.behind, 'the first path is the active one').toBe(true);
  await takenBy(standing, system.haproxy, 2, 3);
  await system.inSync('web');
  await system.app.stop();
  await system.haproxy.restart();
  // Nobody but HAProxy is at work.
  const after = new SteadyTraffic({ port, rate: 100, path: '/web' });
  await until('requests after the restart', () => after.done.length > 50);
  await after.stop();
  expect(summary(after.failed)).toEqual({});
  expect(await taking(standing, system.haproxy)).toBe('2,3');
});

function lineOf(text: string, server: string): string {
  return text.split('\n').find((line) => line.includes(`server ${server} `)) ?? '';
}

it('is noticed in the very look that finds the first path down, also with runtimeOnly', async () => {
  const sections = `${BASE}\nbackend web\n  balance roundrobin\n  option httpchk GET /health\n`;
  const [on, services] = await Promise.all([
    Pipeline.start({ managed: false, sections, proxy: { runtimeOnly: true, managed: null, base: null, reload: null } }),
    startHttpServices(2),
  ]);
  cleanups.push(() => Promise.all([on.stop(), ...services.map((service) => service.stop())]));
  await on.configure(
    serviceConfig({ path: { first: [NEW, OLD] }, check: { type: 'http', method: 'GET', path: '/health', interval: 50, rise: 1, fall: 1 } }),
  );
  const [first, second] = services.map(({ port }, index) => {
    const event = on.registered(port);
    assert(event.type === 'registered', 'as it was asked for');
    return { ...event, znode: { ...event.znode, name: `${[NEW, OLD][index]}/${event.instance}` } };
  });
  assert(first !== undefined && second !== undefined, 'two services');
  await on.tell('web', first, second);
  const weight = async (): Promise<number | undefined> =>
    (await withRuntime(on.proxy.runtime, observeBackends)).get('web')?.servers.get(second.instance)?.weight;
  const { log, redis, keys } = on.app.ports;
  const up = async (): Promise<boolean> => (await log.verdicts('web', 'edge')).get(first.instance) === 'up';
  await until('the second to stand by', async () => (await up()) && (await weight()) === 0, { timeoutMs: 15_000 });
  await log.tellHealth('web', 'narvik', [{ instance: first.instance, from: 'absent', to: 'up' }]);
  await until('rest', async () => (await on.backendState('web')) === 'in-sync');
  await services[0]?.stop();
  await until('the second to take requests', async () => (await weight()) === 1, { timeoutMs: 15_000 });
  const told = (await log.read('web', '0-0', 1_000)).findLast(({ event }) => event.type === 'health');
  const sent = await redis.xrevrange(keys.proxy('edge').log, '+', '-');
  const raised = sent.find(([, fields]) => fields.join(' ').includes(`set server web/${second.instance} weight 1`));
  const ms = Number(raised?.[0].split('-')[0]) - (told?.time ?? 0);
  expect(ms, 'ms from the word of the checks to the weight').toBeLessThan(1_000);
});
