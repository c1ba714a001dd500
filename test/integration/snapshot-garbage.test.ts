/**
 * What Redis has stored of a service is garbage all of a sudden: the service is built anew from Zookeeper and from what HAProxy has, under traffic. No
 * request fails, nothing is removed or made anew, the log has an alarm, and a replay over it leads to what is stored (looked at when a story ends).
 */
import { describe, expect, it } from 'vitest';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { configFile, pointsman } from '../support/command.ts';
import { type HttpService, startHttpServices } from '../support/http-service.ts';
import { plainClient } from '../support/plain-client.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { ServerWatch, sentCommands, withdrawals } from '../support/server-watch.ts';
import { SteadyTraffic, summary } from '../support/steady-traffic.ts';
import { pathOf, System } from '../support/system.ts';

const SERVICE = 'web';
const REBUILT_WITHIN_MS = 35_000;

const cleanups = cleanupsAfterEach();

interface Story {
  readonly system: System;
  readonly names: readonly string[];
  readonly services: readonly HttpService[];
  readonly traffic: SteadyTraffic;
  readonly text: string;
  /** name -> id, as HAProxy has it. */
  ids(): Promise<Map<string, number>>;
}

async function story(count: number): Promise<Story> {
  const listen = await freePort();
  const text = `  ${SERVICE}:
    path: ${pathOf(SERVICE)}
    listen: "127.0.0.1:${listen}"
    check: { http: GET /health, interval: 300ms, rise: 1, fall: 2 }
    allow: { loopback: true }`;
  const [system, services] = await Promise.all([System.start({ services: text }), startHttpServices(count)]);
  cleanups.push(
    () => Promise.all(services.map((service) => service.stop())),
    () => system.stop(),
  );
  const names = services.map(({ port }) => `127.0.0.1:${port}`);
  for (const name of names) await system.register(SERVICE, name);
  await system.serving(SERVICE, names);
  await until('the checks to be told', async () => (await system.app.ports.log.verdicts(SERVICE, 'edge')).size === count);
  await system.inSync(SERVICE);
  const traffic = new SteadyTraffic({ port: listen, rate: 80 });
  cleanups.push(() => traffic.stop());
  const ids = async (): Promise<Map<string, number>> =>
    new Map([...(await system.servers(SERVICE)).values()].map(({ name, id }) => [name, id]));
  return { system, names, services, traffic, text, ids };
}

/** How often the service was built anew, by its log. */
async function alarms({ system }: Story): Promise<string[]> {
  const events = await system.app.ports.log.read(SERVICE, '0-0', 10_000);
  return events.flatMap(({ event }) => (event.type === 'rebuilt' ? [event.detail] : []));
}

/** Everything is told again: every instance serves and is seen up, and the service is complete. */
async function built({ system, names }: Story): Promise<void> {
  await until(
    'the service to be built anew',
    async () => {
      const standing = await Promise.all(names.map((name) => system.instance(SERVICE, name).catch(() => null)));
      const { backend } = await system.app.ports.desired.read(SERVICE);
      return backend?.complete === true && standing.every((one) => one?.state === 'serving' && one.snapshot.context.health.up === 1);
    },
    { timeoutMs: REBUILT_WITHIN_MS },
  );
  await system.inSync(SERVICE);
}

/** Poked into Redis as a broken disk or a hand would. */
async function poke({ system }: Story, what: { service: string } | { instance: string; json: string }): Promise<void> {
  const { redis, keys } = system.app.ports;
  const { meta, instances } = keys.service(SERVICE);
  if ('service' in what) await redis.hset(meta, 'service', what.service);
  else await redis.hset(instances, what.instance, what.json);
}

async function untouched(told: Story, before: ReadonlyMap<string, number>, reloads: number): Promise<void> {
  const count = told.traffic.done.length;
  await until('more traffic', () => told.traffic.done.length > count + 50);
  await told.traffic.stop();
  expect(summary(told.traffic.failed), `of ${told.traffic.done.length} requests`).toEqual({});
  expect(await told.ids()).toEqual(before);
  expect(await withdrawals(told.system)).toEqual([]);
  expect(await told.system.proxyEvents('reloading')).toHaveLength(reloads);
}

describe('what is no snapshot, and cannot be read', () => {
  it.each(['desired', 'view'] as const)(
    '%s: whoever reads it says so, proxies keep what they have, the service is built anew',
    async (what) => {
      const told = await story(3);
      const { system, names } = told;
      const before = await told.ids();
      const reloads = (await system.proxyEvents('reloading')).length;
      const { redis, keys, desired, log, queues } = system.app.ports;
      const [first = ''] = names;
      const { meta, changed, ...hashes } = keys.service(SERVICE);
      await redis.hset(hashes[what], first, '{"instance":7}');
      await redis.zadd(changed, Number(await redis.hget(meta, 'revision')) + 1, first);
      if (what === 'desired') expect((await desired.read(SERVICE)).known).toBe(false);
      else await expect(log.readView(SERVICE)).rejects.toMatchObject({ code: 'LOG_VIEW_UNREADABLE' });
      await queues.wakeService(SERVICE, { why: 'a test', time: Date.now() });
      await until('the alarm', async () => (await alarms(told)).length === 1, { timeoutMs: REBUILT_WITHIN_MS });
      await built(told);
      expect(await alarms(told)).toEqual([`the ${what === 'view' ? 'view' : 'desired server'} of ${first} cannot be read`]);
      await untouched(told, before, reloads);
    },
    90_000,
  );
});

describe('a snapshot that does not parse', () => {
  it.each([
    ['no JSON', '{"schema":2,"sta'],
    ['of a later schema', '{"schema":99,"state":"serving","context":{}}'],
    ['of no form', '[]'],
  ] as const)(
    'of an instance, %s: the next event finds it, the service is built anew, no request fails',
    async (_what, json) => {
      const told = await story(3);
      const { system, names } = told;
      const before = await told.ids();
      const reloads = (await system.proxyEvents('reloading')).length;
      const [first = ''] = names;
      await poke(told, { instance: first, json });
      // Anything that is said of it.
      await system.app.ports.log.appendPlain(SERVICE, [{ type: 'uncordoned', instance: first }]);
      await system.app.ports.queues.wakeService(SERVICE, { why: 'a test', time: Date.now() });
      await until('the alarm', async () => (await alarms(told)).length === 1, { timeoutMs: 5_000 });
      const at = performance.now();
      await built(told);
      expect(performance.now() - at, 'ms until it is built anew').toBeLessThan(10_000);
      expect(await alarms(told)).toEqual([`that of ${first} is no snapshot that this version knows`]);
      expect((await system.log()).some(({ level, msg }) => level === 'error' && /built anew/.test(String(msg)))).toBe(true);
      await untouched(told, before, reloads);
    },
    90_000,
  );

  it('of the service, while nothing happens: the sweep finds it; people are told', async () => {
    const told = await story(2);
    const { system } = told;
    const before = await told.ids();
    const reloads = (await system.proxyEvents('reloading')).length;
    await poke(told, { service: 'garbage' });
    expect((await system.app.ports.desired.read(SERVICE)).known).toBe(false);
    await until('the alarm', async () => (await alarms(told)).length === 1, { timeoutMs: REBUILT_WITHIN_MS });
    await built(told);
    await untouched(told, before, reloads);
    const file = await configFile(system.folder, system.text(told.text));
    expect((await pointsman('why', SERVICE, told.names[0] ?? '', '--config', file)).code).toBe(0);
    const { out } = await pointsman('log', 'tail', '--service', SERVICE, '--config', file);
    expect(out).toMatch(/rebuilt ALARM: what was stored could not be read: that of the service/);
    const replayed = await pointsman('replay', '--verify', '--config', file);
    expect(replayed.code, replayed.out + replayed.err).toBe(0);
  }, 90_000);

  it('of the service, when a watch fires: the watcher gets past it, and a cordon stays in force', async () => {
    const told = await story(3);
    const { system, names } = told;
    const reloads = (await system.proxyEvents('reloading')).length;
    const [first = '', ...others] = names;
    const file = await configFile(system.folder, system.text(told.text));
    expect((await pointsman('cordon', SERVICE, first, '--config', file)).code).toBe(0);
    await system.serving(SERVICE, others);
    const before = await told.ids();
    await poke(told, { service: '{"schema":' });
    const extra = await startHttpServices(1);
    cleanups.push(() => Promise.all(extra.map((service) => service.stop())));
    const name = `127.0.0.1:${extra[0]?.port}`;
    let back = false;
    const looking = new AbortController();
    const looks = (async () => {
      while (!looking.signal.aborted) back ||= (await system.servers(SERVICE)).get(first)?.admin === 'ready';
    })();
    await system.register(SERVICE, name);
    await until('the alarm', async () => (await alarms(told)).length === 1, { timeoutMs: 5_000 });
    await system.serving(SERVICE, [...others, name]);
    await until('the cordon to be told', async () => (await system.instance(SERVICE, first))?.state === 'cordoned');
    await system.inSync(SERVICE);
    looking.abort();
    await looks;
    expect(back, 'the cordoned server was in for a moment').toBe(false);
    await told.traffic.stop();
    expect(summary(told.traffic.failed)).toEqual({});
    for (const [one, id] of before) expect((await told.ids()).get(one), one).toBe(id);
    expect(await system.proxyEvents('reloading')).toHaveLength(reloads);
  }, 90_000);

  it('of the service, while a loss is held: those that are missing stay by what HAProxy sees, until they are back', async () => {
    const told = await story(4);
    const { system, names } = told;
    const before = await told.ids();
    const reloads = (await system.proxyEvents('reloading')).length;
    const hand = await plainClient(system.zookeeper.connect);
    cleanups.push(() => hand.close());
    const missing = names.slice(1);
    await Promise.all(missing.map((name) => hand.remove(`${pathOf(SERVICE)}/${name}`)));
    await until('them to be held', async () => {
      const standing = await Promise.all(missing.map((name) => system.instance(SERVICE, name)));
      return standing.every((one) => one?.state === 'held');
    });
    await system.serving(SERVICE, names);
    await system.inSync(SERVICE);
    const watch = new ServerWatch(system, SERVICE, names);
    const sent = (await sentCommands(system)).length;
    await poke(told, { service: 'garbage' });
    await system.app.ports.queues.wakeService(SERVICE, { why: 'a test', time: Date.now() });
    await until('the alarm', async () => (await alarms(told)).length === 1, { timeoutMs: REBUILT_WITHIN_MS });
    await until('the service to be complete', async () => (await system.app.ports.desired.read(SERVICE)).backend?.complete === true);
    const looked = (await system.app.ports.desired.read(SERVICE)).revision;
    await until('the proxy to have looked since, and to wait', async () => {
      const looks = await system.proxyEvents<{ revision: number }>('patching');
      return looks.some(({ revision }) => revision >= looked);
    });
    const session = await system.session();
    for (const name of missing) await session.register(pathOf(SERVICE), name);
    await built(told);
    expect((await watch.stop()).missed).toEqual([]);
    expect(await withdrawals(system, sent)).toEqual([]);
    expect(await told.ids()).toEqual(before);
    expect(await system.proxyEvents('reloading')).toHaveLength(reloads);
    await told.traffic.stop();
    expect(summary(told.traffic.failed)).toEqual({});
  }, 90_000);
});
