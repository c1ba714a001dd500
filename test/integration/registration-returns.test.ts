/**
 * Registrations that go and come back, as clients of the field make them, under steady traffic on new and on kept connections: no request is lost, and no
 * server is removed or made anew.
 */
import { describe, expect, it } from 'vitest';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { HttpService, startHttpServices } from '../support/http-service.ts';
import { plainClient } from '../support/plain-client.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import type { RegistrarSession } from '../support/registrar-session.ts';
import { sentCommands, withdrawals } from '../support/server-watch.ts';
import { SteadyTraffic, summary } from '../support/steady-traffic.ts';
import { pathOf, System } from '../support/system.ts';

const SERVICE = 'web';

const cleanups = cleanupsAfterEach();

interface Story {
  readonly system: System;
  readonly services: HttpService[];
  readonly names: readonly string[];
  readonly sessions: readonly RegistrarSession[];
  /** Ends the traffic and says what must hold in the end: all in rotation under their old ids, no request lost, nothing deleted. */
  intact(): Promise<void>;
}

async function start(count: number, more = ''): Promise<Story> {
  const listen = await freePort();
  const services = `  ${SERVICE}:
    path: ${pathOf(SERVICE)}
    listen: "127.0.0.1:${listen}"
    check: { http: GET /health, interval: 300ms, rise: 1, fall: 2 }
    allow: { loopback: true }${more}`;
  const haproxy = '  drainTimeout: 10s\n  reload: { minInterval: 300ms, jitter: 0 }';
  const [system, processes] = await Promise.all([System.start({ services, haproxy }), startHttpServices(count)]);
  cleanups.push(
    () => Promise.all(processes.map((process) => process.stop())),
    () => system.stop(),
  );
  const names = processes.map(({ port }) => `127.0.0.1:${port}`);
  const sessions = await Promise.all(names.map((name) => system.register(SERVICE, name)));
  await system.serving(SERVICE, names);
  await until('the checks to be told', async () => (await system.app.ports.log.verdicts(SERVICE, 'edge')).size === count);
  await system.inSync(SERVICE);
  const ids = async (): Promise<Map<string, number>> =>
    new Map([...(await system.servers(SERVICE)).values()].map(({ name, id }) => [name, id]));
  const before = await ids();
  const reloads = (await system.proxyEvents('reloading')).length;
  const traffics = [true, false].map((keepAlive) => new SteadyTraffic({ port: listen, rate: 50, keepAlive }));
  cleanups.push(() => Promise.all(traffics.map((traffic) => traffic.stop())));
  await until('some traffic', () => traffics.every((traffic) => traffic.done.length > 20));
  const intact = async (): Promise<void> => {
    await system.serving(SERVICE, names);
    await system.inSync(SERVICE);
    for (const traffic of traffics) {
      await traffic.stop();
      expect(summary(traffic.failed), `of ${traffic.done.length} requests`).toEqual({});
    }
    expect(await ids()).toEqual(before);
    expect((await sentCommands(system)).filter((command) => /^(del|shutdown)/.test(command))).toEqual([]);
    expect(await system.proxyEvents('reloading')).toHaveLength(reloads);
  };
  return { system, services: processes, names, sessions, intact };
}

/** How many znodes of the instance have been heard of, ever. */
async function registrations({ system }: Story, instance: string): Promise<number> {
  const events = await system.app.ports.log.read(SERVICE, '0-0', 10_000);
  return events.filter(({ event }) => event.type === 'registered' && event.instance === instance).length;
}

describe("Curator's delete and create on reconnect: the same name, another czxid", () => {
  it('of one instance, twice', async () => {
    const told = await start(3);
    const [name = ''] = told.names;
    const hand = await plainClient(told.system.zookeeper.connect);
    cleanups.push(() => hand.close());
    for (let turn = 2; turn <= 3; turn += 1) {
      await hand.remove(`${pathOf(SERVICE)}/${name}`);
      await hand.create(`${pathOf(SERVICE)}/${name}`, '', 'ephemeral');
      await until('it to be heard of again', async () => (await registrations(told, name)) === turn);
    }
    await told.intact();
  }, 60_000);

  it('of all instances of a service at once', async () => {
    const told = await start(5);
    const hand = await plainClient(told.system.zookeeper.connect);
    cleanups.push(() => hand.close());
    for (let turn = 2; turn <= 3; turn += 1) {
      await Promise.all(
        told.names.map(async (name) => {
          await hand.remove(`${pathOf(SERVICE)}/${name}`);
          await hand.create(`${pathOf(SERVICE)}/${name}`, '', 'ephemeral');
        }),
      );
      await until('all to be heard of again', async () => {
        const counts = await Promise.all(told.names.map((name) => registrations(told, name)));
        return counts.every((count) => count === turn);
      });
    }
    await told.intact();
  }, 60_000);
});

describe("Nerve's double registration: two znodes for one host and port", () => {
  it('overlapping, the old one going later: the instance is never out', async () => {
    // By the name of the host in two spellings: two znodes, one instance.
    const told = await start(2);
    const { system } = told;
    const [process] = await startHttpServices(1);
    cleanups.push(async () => process?.stop());
    const instance = `localhost:${process?.port}`;
    const [old, fresh] = [await system.session(), await system.session()];
    await old.register(pathOf(SERVICE), instance);
    await system.serving(SERVICE, [...told.names, instance]);
    const sent = (await sentCommands(system)).length;
    await fresh.register(pathOf(SERVICE), `LOCALHOST:${process?.port}`);
    await until(
      'two znodes to back it',
      async () => Object.keys((await system.instance(SERVICE, instance))?.snapshot.context.znodes ?? {}).length === 2,
    );
    await old.close();
    await until(
      'one to be left',
      async () => Object.keys((await system.instance(SERVICE, instance))?.snapshot.context.znodes ?? {}).length === 1,
    );
    expect((await system.instance(SERVICE, instance))?.state).toBe('serving');
    await system.inSync(SERVICE);
    expect(await withdrawals(system, sent)).toEqual([]);
    await system.serving(SERVICE, [...told.names, instance]);
    // It ends with the last of them.
    await fresh.close();
    await until('it to drain', async () => (await system.servers(SERVICE)).get(instance)?.admin === 'drain');
  }, 60_000);

  it('that say different things: what counts is what those say that are there, whatever came and went', async () => {
    const told = await start(2);
    const { system } = told;
    const [process] = await startHttpServices(1);
    cleanups.push(async () => process?.stop());
    const instance = `localhost:${process?.port}`;
    const other = `LOCALHOST:${process?.port}`;
    const [first, second] = [await system.session(), await system.session()];
    const weighs = (weight: number): Promise<unknown> =>
      until(`a weight of ${weight}`, async () => (await system.servers(SERVICE)).get(instance)?.weight === weight);
    const stands = (state: string): Promise<unknown> =>
      until(`it to be ${state}`, async () => (await system.instance(SERVICE, instance))?.state === state);
    const znodes = (count: number): Promise<unknown> =>
      until(`${count} znodes to back it`, async () => {
        return Object.keys((await system.instance(SERVICE, instance))?.snapshot.context.znodes ?? {}).length === count;
      });
    await first.register(pathOf(SERVICE), instance, { weight: 5 });
    await weighs(5);
    await stands('serving');
    const sent = (await sentCommands(system)).length;
    // Bad data beside good data, for a while.
    await second.register(pathOf(SERVICE), other, { weight: 'heavy' });
    await znodes(2);
    await stands('serving');
    await second.deregister(pathOf(SERVICE), other);
    await znodes(1);
    await stands('serving');
    // Another weight, for a while.
    await second.register(pathOf(SERVICE), other, { weight: 100 });
    await weighs(100);
    await second.deregister(pathOf(SERVICE), other);
    await weighs(5);
    // Only bad data is left.
    await second.register(pathOf(SERVICE), other, { weight: 'heavy' });
    await znodes(2);
    await first.close();
    await stands('rejected');
    await second.say(pathOf(SERVICE), other, { weight: 7 });
    await weighs(7);
    await stands('serving');
    expect(await withdrawals(system, sent)).toEqual([]);
  }, 60_000);
});

describe('a restart on the same address, with another session', () => {
  it('undoes the drain quietly: one drain, one ready, nothing else', async () => {
    const told = await start(3);
    const { system, services, names, sessions } = told;
    const [name = ''] = names;
    const [process] = services;
    const port = process?.port ?? 0;
    const sent = (await sentCommands(system)).length;
    // As a well-behaved service does it: it deregisters, ends what it has in hand, then restarts.
    await sessions[0]?.close();
    await until('it to drain', async () => (await system.servers(SERVICE)).get(name)?.admin === 'drain');
    await until('nothing to be in hand', () => process?.inFlight === 0);
    const quiet = process?.requests;
    await process?.stop();
    services[0] = await HttpService.start(port);
    await system.register(SERVICE, name);
    await told.intact();
    expect(process?.requests, 'requests of the old process after its drain').toBe(quiet);
    expect((await sentCommands(system)).slice(sent)).toEqual([
      `set server ${SERVICE}/${name} state drain`,
      expect.stringMatching(/state ready$|^admit /),
    ]);
    await until('it to serve', async () => (await system.instance(SERVICE, name))?.state === 'serving');
  }, 60_000);

  it('of all instances one after the other, as a deployment does it', async () => {
    const told = await start(4);
    const { system, services, names, sessions } = told;
    for (const [at, name] of names.entries()) {
      const port = services[at]?.port ?? 0;
      await sessions[at]?.close();
      await until('it to drain', async () => (await system.servers(SERVICE)).get(name)?.admin === 'drain');
      await until('nothing to be in hand', () => services[at]?.inFlight === 0);
      await services[at]?.stop();
      services[at] = await HttpService.start(port);
      await system.register(SERVICE, name);
      await system.serving(SERVICE, names);
      await until('it to be seen up', async () => (await system.instance(SERVICE, name))?.state === 'serving');
    }
    await told.intact();
  }, 60_000);
});
