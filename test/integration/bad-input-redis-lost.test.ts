/**
 * Everything in Redis is lost while pointsman runs: event logs, views, snapshots, desired state, queues, claims. Zookeeper and HAProxy still
 * have what there is to know, so it is built again from them: no registered server is taken out meanwhile, and no request fails, those to
 * instances that left during the outage included.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pause } from '../../shared/runtime/wait.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { configFile, pointsman } from '../support/command.ts';
import { type HttpService, startHttpServices } from '../support/http-service.ts';
import { plainClient } from '../support/plain-client.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { SteadyTraffic, summary } from '../support/steady-traffic.ts';
import { isServing, pathOf, System } from '../support/system.ts';

const SERVICE = 'web';
const CONVERGED_WITHIN_MS = 30_000;
/** Longer than a look at HAProxy, shorter than a drain. */
const SLOW_MS = 1_200;

const cleanups = cleanupsAfterEach();

/** What comes and goes through a slow outage is not flapping here: its quarantine has tests of its own. */
function text(listen: number, more = '', guard = '\n    guard: { maxLoss: 1 }'): string {
  return `  ${SERVICE}:
    path: ${pathOf(SERVICE)}
    listen: "127.0.0.1:${listen}"
    check: { http: GET /health, interval: 300ms, rise: 1, fall: 2 }
    flap: { transitions: 31, window: 10s }
    allow: { loopback: true }${guard}${more}`;
}

async function start(count: number, guard?: string): Promise<{ system: System; services: HttpService[]; listen: number }> {
  const listen = await freePort();
  const haproxy = '  drainTimeout: 5s\n  reload: { minInterval: 300ms, jitter: 0 }';
  const [system, services] = await Promise.all([System.start({ services: text(listen, '', guard), haproxy }), startHttpServices(count)]);
  cleanups.push(
    () => Promise.all(services.map((service) => service.stop())),
    () => system.stop(),
  );
  return { system, services, listen };
}

function nameOf(service: HttpService | undefined): string {
  return `127.0.0.1:${service?.port}`;
}

/** Looks at HAProxy all the while; what it missed of these servers at any look. */
function watch(system: System, names: readonly string[]): { stop(): Promise<{ looks: number; missed: string[] }> } {
  const stopping = new AbortController();
  const missed: string[] = [];
  let looks = 0;
  const running = (async () => {
    while (!stopping.signal.aborted) {
      const servers = await system.servers(SERVICE).catch(() => null);
      if (servers !== null) {
        looks += 1;
        for (const name of names) {
          const server = servers.get(name);
          if (server === undefined || !isServing(server)) missed.push(`${name}: ${server === undefined ? 'not there' : server.admin}`);
        }
      }
      await pause(20, stopping.signal);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await running;
      return { looks, missed };
    },
  };
}

describe('Redis killed and started empty', () => {
  it('under churn: all is built again, nothing registered is taken out, no request fails', async ({ annotate }) => {
    const { system, services, listen } = await start(7);
    const [leaver, come, go, ...stay] = services as [HttpService, HttpService, HttpService, ...HttpService[]];
    const stable = stay.map(nameOf);
    for (const name of stable) await system.register(SERVICE, name);
    const leaving = await system.register(SERVICE, nameOf(leaver));
    const churner = await system.session();
    await churner.register(pathOf(SERVICE), nameOf(go));
    await system.serving(SERVICE, [...stable, nameOf(leaver), nameOf(go)]);
    leaver.delayMs = SLOW_MS;
    const traffic = new SteadyTraffic({ port: listen, rate: 60 });
    cleanups.push(() => traffic.stop());
    const watching = watch(system, stable);

    // One comes and one goes, again and again, through the whole outage.
    const churning = new AbortController();
    let turns = 0;
    const churn = (async () => {
      for (; !churning.signal.aborted; turns += 1) {
        const [joins, leaves] = turns % 2 === 0 ? [come, go] : [go, come];
        await churner.register(pathOf(SERVICE), nameOf(joins));
        await pause(350);
        await churner.deregister(pathOf(SERVICE), nameOf(leaves));
        await pause(350);
      }
    })();
    await until('some churn', () => turns >= 2);
    const ids = new Map([...(await system.servers(SERVICE)).values()].map(({ name, id }) => [name, id]));

    await system.killRedis();
    await pause(1_000);
    // It has requests in hand now, and its end is known to nobody but Zookeeper.
    await until('requests in hand', () => leaver.inFlight > 0);
    await leaving.close();
    await pause(1_000);
    await system.startRedis();
    const back = performance.now();
    await until('the one that left to be gone', async () => !(await system.servers(SERVICE)).has(nameOf(leaver)), {
      timeoutMs: CONVERGED_WITHIN_MS,
    });
    const gone = performance.now() - back;
    churning.abort();
    await churn;
    const last = turns % 2 === 0 ? go : come;
    await system.serving(SERVICE, [...stable, nameOf(last)], CONVERGED_WITHIN_MS);
    await until('nothing else', async () => (await system.servers(SERVICE)).size === stable.length + 1, { timeoutMs: CONVERGED_WITHIN_MS });
    await system.inSync(SERVICE);
    expect(performance.now() - back).toBeLessThan(CONVERGED_WITHIN_MS);
    const { looks, missed } = await watching.stop();
    await traffic.stop();
    expect(looks).toBeGreaterThan(50);
    expect(missed, 'registered servers that were out at some look').toEqual([]);
    expect(summary(traffic.failed), `of ${traffic.done.length} requests`).toEqual({});
    const reloads = await system.proxyEvents('reloading');
    for (const [name, id] of ids) {
      const server = (await system.servers(SERVICE)).get(name);
      if (server !== undefined) expect(server.id, name).toBe(id);
    }
    await annotate(
      `converged ${Math.round(performance.now() - back)} ms after Redis came back (the one that left was gone after ${Math.round(gone)} ms), reloads: ${reloads.length}`,
    );
  }, 90_000);

  it('while nothing happens: it does not wait for a change to be noticed', async () => {
    const { system, services } = await start(2);
    const names = services.map(nameOf);
    for (const name of names) await system.register(SERVICE, name);
    await system.serving(SERVICE, names);
    await system.killRedis();
    await system.startRedis();
    const back = performance.now();
    const watching = watch(system, names);
    await until('both to be known again', async () => (await system.app.ports.store.instances(SERVICE, 'all')).size === 2, {
      timeoutMs: 10_000,
    });
    await until('the proxy to be known again', async () => (await system.app.ports.proxies.announced()).length === 1, {
      timeoutMs: 10_000,
    });
    await until('the backend to be known again', async () => (await system.backendState(SERVICE))?.state === 'in-sync', {
      timeoutMs: 10_000,
    });
    expect(performance.now() - back).toBeLessThan(10_000);
    expect((await watching.stop()).missed).toEqual([]);
  }, 60_000);

  it('with a mass loss that nobody recorded: the guard holds by what HAProxy sees, until they are back', async () => {
    const { system, services, listen } = await start(5, '');
    const names = services.map(nameOf);
    const [first = '', ...others] = names;
    await system.register(SERVICE, first);
    const lost = await system.session();
    for (const name of others) await lost.register(pathOf(SERVICE), name);
    await system.serving(SERVICE, names);
    const traffic = new SteadyTraffic({ port: listen, rate: 60 });
    cleanups.push(() => traffic.stop());
    const watching = watch(system, names);
    await system.killRedis();
    await lost.close();
    await system.startRedis();
    const file = await configFile(system.folder, system.text(text(listen, '', '')));
    await until(
      'the plan to say what it keeps, and why',
      async () => /more than maxLoss/.test((await pointsman('plan', '--config', file)).out),
      {
        timeoutMs: CONVERGED_WITHIN_MS,
        everyMs: 500,
      },
    );
    await until('all to be read', async () => (await system.app.ports.store.instances(SERVICE, 'all')).size === 1);
    const again = await system.session();
    for (const name of others) await again.register(pathOf(SERVICE), name);
    await system.inSync(SERVICE);
    await system.serving(SERVICE, names);
    // Also while some are back and the rest are few enough.
    expect((await watching.stop()).missed).toEqual([]);
    await traffic.stop();
    expect(summary(traffic.failed)).toEqual({});
  }, 60_000);

  it('and the service cannot be read again: a reload keeps the servers that nobody has heard of', async () => {
    const { system, services, listen } = await start(2);
    const names = services.map(nameOf);
    for (const name of names) await system.register(SERVICE, name);
    await system.serving(SERVICE, names);
    const traffic = new SteadyTraffic({ port: listen, rate: 60 });
    cleanups.push(() => traffic.stop());
    const operator = await plainClient(system.zookeeper.connect, 'operator:secret');
    cleanups.push(() => operator.close());
    await operator.restrict(pathOf(SERVICE), 'operator:secret');
    await system.killRedis();
    await system.startRedis();
    await until('the loss to be told', async () => (await system.log()).some(({ msg }) => /cannot read from zookeeper/.test(String(msg))), {
      timeoutMs: 20_000,
    });
    await system.reconfigure(text(listen, '\n    timeouts: { queue: 3s }'));
    await until('the new options to be loaded', async () => (await system.proxyEvents('reloaded')).length > 0, { timeoutMs: 20_000 });
    expect((await system.app.ports.store.instances(SERVICE, 'all')).size, 'instances that it has heard of').toBe(0);
    await system.serving(SERVICE, names, 0);
    // A HAProxy that somebody restarts has them too.
    await until('the file to have them', async () => {
      const file = await readFile(join(system.places.managed, `service-${SERVICE}.cfg`), 'utf8');
      return names.every((name) => new RegExp(`^ *server ${name} .* # instance ${name} ready$`, 'm').test(file));
    });
    await operator.restrict(pathOf(SERVICE), null);
    await until('both to be known', async () => (await system.app.ports.store.instances(SERVICE, 'all')).size === 2, { timeoutMs: 40_000 });
    await system.inSync(SERVICE);
    await system.serving(SERVICE, names, 0);
    expect(await system.proxyEvents('reloaded')).toHaveLength(1);
    await traffic.stop();
    expect(summary(traffic.failed), `of ${traffic.done.length} requests`).toEqual({});
  }, 90_000);
});
