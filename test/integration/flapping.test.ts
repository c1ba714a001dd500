/** Quarantine for flapping and the warm-up of new instances, as they are on a real HAProxy. */
import { describe, expect, it } from 'vitest';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { type HttpService, startHttpServices } from '../support/http-service.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { ServerWatch } from '../support/server-watch.ts';
import { SteadyTraffic, summary } from '../support/steady-traffic.ts';
import { pathOf, System } from '../support/system.ts';

const SERVICE = 'web';
const QUARANTINE_MS = 1_500;
/** Of what the first look at HAProxy is late. */
const LATE_MS = 1_000;

const cleanups = cleanupsAfterEach();

interface Story {
  readonly system: System;
  readonly services: readonly HttpService[];
  readonly names: readonly string[];
  readonly traffic: SteadyTraffic;
}

async function start(count: number, registered: number, more: string): Promise<Story> {
  const listen = await freePort();
  const services = `  ${SERVICE}:
    path: ${pathOf(SERVICE)}
    listen: "127.0.0.1:${listen}"
    check: { http: GET /health, interval: 300ms, rise: 1, fall: 2 }
    allow: { loopback: true }
    ${more}`;
  const [system, processes] = await Promise.all([System.start({ services }), startHttpServices(count)]);
  cleanups.push(
    () => Promise.all(processes.map((process) => process.stop())),
    () => system.stop(),
  );
  const names = processes.map(({ port }) => `127.0.0.1:${port}`);
  for (const name of names.slice(0, registered)) await system.register(SERVICE, name);
  await system.serving(SERVICE, names.slice(0, registered));
  await until('them to serve', async () => {
    const known = await Promise.all(names.slice(0, registered).map((name) => system.instance(SERVICE, name)));
    return known.every((one) => one?.state === 'serving');
  });
  const traffic = new SteadyTraffic({ port: listen, rate: 80 });
  cleanups.push(() => traffic.stop());
  return { system, services: processes, names, traffic };
}

/** Its registration goes and comes back, each noticed before the next, until it is in quarantine or has done so `times` times. */
async function flap({ system }: Story, name: string, times: number): Promise<void> {
  const session = await system.session();
  const backed = async (is: boolean): Promise<void> => {
    await until(`it to be ${is ? 'back' : 'gone'}`, async () => {
      const znodes = (await system.instance(SERVICE, name))?.snapshot.context.znodes ?? {};
      return Object.keys(znodes).length > 0 === is;
    });
  };
  for (let turn = 0; turn < times; turn += 1) {
    await session.deregister(pathOf(SERVICE), name);
    await backed(false);
    await session.register(pathOf(SERVICE), name);
    await backed(true);
    if ((await stateOf(system, name)) === 'quarantined') return;
  }
}

async function stateOf(system: System, name: string): Promise<string | undefined> {
  return (await system.instance(SERVICE, name))?.state;
}

async function adminOf(system: System, name: string): Promise<string | undefined> {
  return (await system.servers(SERVICE)).get(name)?.admin;
}

describe('an instance whose registration comes and goes', () => {
  it('is taken out on the proxy, comes back by itself, and stays out longer the next time', async () => {
    const told = await start(3, 3, `flap: { transitions: 3, window: 20s, quarantine: ${QUARANTINE_MS}ms }`);
    const { system, services, names, traffic } = told;
    const [name = '', ...others] = names;
    const watch = new ServerWatch(system, SERVICE, others);
    const outFor: number[] = [];
    for (const turn of [1, 2]) {
      await flap(told, name, 5);
      expect(await stateOf(system, name), `turn ${turn}`).toBe('quarantined');
      await until('HAProxy to have it out', async () => (await adminOf(system, name)) === 'drain');
      const out = performance.now();
      await until('nothing to be in hand', () => services[0]?.inFlight === 0);
      const requests = services[0]?.requests;
      const count = traffic.done.length;
      await until('more traffic', () => traffic.done.length > count + 20);
      expect(services[0]?.requests, 'requests that reach it in quarantine').toBe(requests);
      await until('HAProxy to have it in again', async () => (await adminOf(system, name)) === 'ready');
      outFor.push(performance.now() - out);
      await until('it to serve', async () => (await stateOf(system, name)) === 'serving');
      await until('requests to reach it again', () => (services[0]?.requests ?? 0) > (requests ?? 0));
    }
    for (const [turn, ms] of outFor.entries()) {
      expect(ms, `ms out in turn ${turn + 1}`).toBeGreaterThan(QUARANTINE_MS * 2 ** turn - LATE_MS);
    }
    expect(outFor[1]).toBeGreaterThan(outFor[0] ?? 0);
    expect((await watch.stop()).missed).toEqual([]);
    await traffic.stop();
    expect(summary(traffic.failed), `of ${traffic.done.length} requests`).toEqual({});
  }, 60_000);

  it('is never taken out while it is the last that is up', async () => {
    const told = await start(2, 2, 'flap: { transitions: 2, window: 60s, quarantine: 60s }');
    const { system, services, names, traffic } = told;
    const [name = '', other = ''] = names;
    const [, sick] = services as [HttpService, HttpService];
    sick.behaviour = 'fail';
    await until('the other to be down', async () => (await stateOf(system, other)) === 'failing');
    const began = performance.now();
    const watch = new ServerWatch(system, SERVICE, [name]);
    await flap(told, name, 6);
    expect(await stateOf(system, name)).toBe('serving');
    expect((await watch.stop()).missed).toEqual([]);
    await traffic.stop();
    expect(summary(traffic.since(began).filter(({ status }) => status !== 200))).toEqual({});
  }, 60_000);

  it('is let out of quarantine when nobody else is up any more', async () => {
    const told = await start(2, 2, 'flap: { transitions: 2, window: 60s, quarantine: 60s }');
    const { system, services, names } = told;
    const [name = ''] = names;
    await flap(told, name, 5);
    await until('HAProxy to have it out', async () => (await adminOf(system, name)) === 'drain');
    await services[1]?.stop();
    await until('HAProxy to have it in again', async () => (await adminOf(system, name)) === 'ready');
    await system.serving(SERVICE, [name]);
  }, 60_000);
});

describe('the warm-up of a new instance', () => {
  it('raises its weight in steps while the others keep theirs; requests reach it from the first step on', async () => {
    const told = await start(3, 2, 'warmUp: 4s');
    const { system, services, names, traffic } = told;
    const [first = '', second = '', fresh = ''] = names;
    const weightOf = async (name: string): Promise<number | undefined> => (await system.servers(SERVICE)).get(name)?.weight;
    await until('the first two to be warm', async () => (await weightOf(first)) === 10 && (await weightOf(second)) === 10);
    const process = services[2] as HttpService;
    await system.register(SERVICE, fresh);
    const weights: number[] = [];
    const others = new Set<number | undefined>();
    const reached: number[] = [];
    await until(
      'it to be warm',
      async () => {
        const servers = await system.servers(SERVICE);
        for (const name of [first, second]) others.add(servers.get(name)?.weight);
        const weight = servers.get(fresh)?.weight;
        if (weight === undefined) return false;
        if (weights.at(-1) !== weight) {
          weights.push(weight);
          reached.push(process.requests);
        }
        return weight === 10;
      },
      { timeoutMs: 15_000 },
    );
    // One that two steps fell together for is as good.
    expect([weights.at(0), weights.at(-1)]).toEqual([1, 10]);
    expect(weights).toEqual([...weights].sort((a, b) => a - b));
    expect(weights.length).toBeGreaterThan(6);
    expect([...others]).toEqual([10]);
    // By the time that the third step was taken, the first two had brought some.
    expect(reached[2], `requests at each step: ${reached.join(' ')}`).toBeGreaterThan(0);
    const half = Math.floor(reached.length / 2);
    expect((reached.at(-1) ?? 0) - (reached[half] ?? 0), `requests at each step: ${reached.join(' ')}`).toBeGreaterThan(
      reached[half - 1] ?? 0,
    );
    await traffic.stop();
    expect(summary(traffic.failed), `of ${traffic.done.length} requests`).toEqual({});
    await system.inSync(SERVICE);
  }, 60_000);
});
