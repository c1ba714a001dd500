/**
 * Mass losses on real parts. Instances that live stay in rotation whatever the registry says of them; those whose processes are gone go, on the evidence
 * of HAProxy's checks.
 */
import { describe, expect, it } from 'vitest';
import type { StatusReport } from '../../cli/status/report.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { configFile, pointsman } from '../support/command.ts';
import { HttpService, startHttpServices } from '../support/http-service.ts';
import { plainClient } from '../support/plain-client.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import type { RegistrarSession } from '../support/registrar-session.ts';
import { ServerWatch, sentCommands, withdrawals } from '../support/server-watch.ts';
import { SteadyTraffic, summary } from '../support/steady-traffic.ts';
import { pathOf, System } from '../support/system.ts';

const SERVICE = 'web';
/** Creates that are out at once. */
const AT_ONCE = 50;
const GONE_WITHIN_MS = 60_000;

const cleanups = cleanupsAfterEach();

function text(listen: number, check: string, more = ''): string {
  return `  ${SERVICE}:
    path: ${pathOf(SERVICE)}
    listen: "127.0.0.1:${listen}"
    check: ${check}
    allow: { loopback: true }${more}`;
}

async function start(check: string, more?: string): Promise<{ system: System; listen: number; services: string }> {
  const listen = await freePort();
  const services = text(listen, check, more);
  const system = await System.start({ services });
  cleanups.push(() => system.stop());
  return { system, listen, services };
}

async function registerAll(session: RegistrarSession, names: readonly string[]): Promise<void> {
  for (let at = 0; at < names.length; at += AT_ONCE) {
    await Promise.all(names.slice(at, at + AT_ONCE).map((name) => session.register(pathOf(SERVICE), name)));
  }
}

async function status(file: string): Promise<StatusReport['services'][number] | undefined> {
  const { code, out, err } = await pointsman('status', '--json', '--config', file);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return (JSON.parse(out) as StatusReport).services.find(({ service }) => service === SERVICE);
}

describe('one session that holds all instances of a service closes', () => {
  it.each([
    [1_000, 'none'],
    // More than what one call appends, and one fold reads.
    [2_500, 'none'],
    [100, '{ http: GET /health, interval: 1s, rise: 1, fall: 2 }'],
  ] as const)(
    '%i of them, check %s: all stay in rotation, and the hold ends when they are back',
    async (count, check) => {
      const { system, listen, services } = await start(check);
      const process = await HttpService.start(0, '0.0.0.0');
      cleanups.push(() => process.stop());
      const names = Array.from({ length: count }, (_, at) => `127.1.${Math.floor(at / 250)}.${(at % 250) + 1}:${process.port}`);
      const first = await system.session();
      await registerAll(first, names);
      await system.serving(SERVICE, names, 60_000);
      await system.inSync(SERVICE);
      const sent = (await sentCommands(system)).length;
      const reloads = (await system.proxyEvents('reloading')).length;
      const traffic = new SteadyTraffic({ port: listen, rate: 50 });
      cleanups.push(() => traffic.stop());
      const watch = new ServerWatch(system, SERVICE, names, 100);
      const file = await configFile(system.folder, system.text(services));

      await first.close();
      const held = await until(
        'all to be held',
        async () => {
          const seen = await status(file);
          return seen?.states['held'] === count ? seen : null;
        },
        { timeoutMs: 30_000, everyMs: 500 },
      );
      expect(held.guard).toMatchObject({ state: 'holding', held: count });
      expect((await pointsman('status', '--config', file)).out).toMatch(new RegExp(`held[^\\n]*${count}|${count}[^\\n]*held`));
      const second = await system.session();
      await registerAll(second, names);
      await until('the hold to end', async () => (await status(file))?.guard.state === 'open', { timeoutMs: 30_000, everyMs: 500 });
      await until('all to serve', async () => ((await status(file))?.states['held'] ?? 0) === 0, { everyMs: 500 });
      await system.inSync(SERVICE);
      const { looks, missed } = await watch.stop();
      await traffic.stop();
      expect(looks).toBeGreaterThan(10);
      expect(missed.slice(0, 5)).toEqual([]);
      expect(await withdrawals(system, sent)).toEqual([]);
      expect(await system.proxyEvents('reloading')).toHaveLength(reloads);
      expect(summary(traffic.failed), `of ${traffic.done.length} requests`).toEqual({});
    },
    120_000,
  );
});

describe('a true scale-down', () => {
  it('from 50 to 5, with the processes gone: held, seen down, gone; the living lose nothing', async ({ annotate }) => {
    const { system, listen } = await start('{ http: GET /health, interval: 1s, rise: 1, fall: 2 }');
    const services = await startHttpServices(50);
    cleanups.push(() => Promise.all(services.map((service) => service.stop())));
    const names = services.map(({ port }) => `127.0.0.1:${port}`);
    const [stay, leave] = [await system.session(), await system.session()];
    await registerAll(stay, names.slice(0, 5));
    await registerAll(leave, names.slice(5));
    await system.serving(SERVICE, names, 30_000);
    await until('the checks to be told', async () => (await system.app.ports.log.verdicts(SERVICE, 'edge')).size === 50);
    const living = names.slice(0, 5);
    const traffic = new SteadyTraffic({ port: listen, rate: 60 });
    cleanups.push(() => traffic.stop());
    await until('some traffic', () => traffic.done.length > 60);
    const watch = new ServerWatch(system, SERVICE, living);
    const began = performance.now();
    await Promise.all([leave.close(), ...services.slice(5).map((service) => service.stop())]);
    await until('them to be held', async () => (await system.app.ports.store.head(SERVICE)).service?.includes('"state":"holding"'));
    await until('HAProxy to see them down', async () => {
      const serving = [...(await system.servers(SERVICE)).values()].filter(({ operation }) => operation !== 'stopped');
      return serving.length === 5;
    });
    const down = performance.now();
    await until('them to be gone', async () => (await system.servers(SERVICE)).size === 5, { timeoutMs: GONE_WITHIN_MS });
    const took = Math.round(performance.now() - began);
    expect(took).toBeLessThan(GONE_WITHIN_MS);
    await system.inSync(SERVICE);
    expect((await system.app.ports.store.head(SERVICE)).service).toContain('"state":"open"');
    const { missed } = await watch.stop();
    await traffic.stop();
    expect(missed).toEqual([]);
    expect([...(await system.servers(SERVICE)).keys()].sort()).toEqual([...living].sort());
    // Whatever reached a living one was answered, and to the client.
    const answered = (port: number): number => traffic.done.filter((one) => one.status === 200 && one.server === String(port)).length;
    for (const { port, requests } of services.slice(0, 5)) expect(answered(port), `answers of ${port}`).toBe(requests);
    expect(summary(traffic.since(down).filter(({ status: code }) => code !== 200)), 'after they were seen down').toEqual({});
    await annotate(
      `gone after ${took} ms; until they were seen down: ${JSON.stringify(summary(traffic.done.filter((one) => one.startedAt < down)))}`,
    );
  }, 120_000);
});

describe('an empty or missing parent', () => {
  it.each(['empty', 'missing'] as const)(
    '%s: counts as the loss of all, which is held, and ends when they are back',
    async (kind) => {
      const { system, listen } = await start('{ http: GET /health, interval: 500ms, rise: 1, fall: 2 }', '\n    guard: { window: 30s }');
      const services = await startHttpServices(4);
      cleanups.push(() => Promise.all(services.map((service) => service.stop())));
      const names = services.map(({ port }) => `127.0.0.1:${port}`);
      const session = await system.session();
      await registerAll(session, names);
      await system.serving(SERVICE, names);
      const ids = new Map([...(await system.servers(SERVICE)).values()].map(({ name, id }) => [name, id]));
      const traffic = new SteadyTraffic({ port: listen, rate: 60 });
      cleanups.push(() => traffic.stop());
      const hand = await plainClient(system.zookeeper.connect);
      cleanups.push(() => hand.close());
      if (kind === 'missing') await hand.removeAll(`/services/${SERVICE}`);
      else for (const name of names) await hand.remove(`${pathOf(SERVICE)}/${name}`);
      await until('all to be held', async () => {
        const states = await Promise.all(names.map((name) => system.instance(SERVICE, name)));
        return states.every((one) => one?.state === 'held');
      });
      // One that went alone at first is back in rotation.
      await system.serving(SERVICE, names);
      await system.inSync(SERVICE);
      const watch = new ServerWatch(system, SERVICE, names);
      if (kind === 'missing') {
        // It is not only an absence that is being read: it is on record.
        await until('a reading of the absence', async () => (await system.app.ports.log.readView(SERVICE)).children.size === 0);
        expect(await hand.exists(pathOf(SERVICE))).toBe(false);
      }
      await registerAll(session, names);
      await until('the hold to end', async () => {
        const states = await Promise.all(names.map((name) => system.instance(SERVICE, name)));
        return states.every((one) => one?.state === 'serving');
      });
      await system.inSync(SERVICE);
      expect((await watch.stop()).missed).toEqual([]);
      await traffic.stop();
      expect(summary(traffic.failed), `of ${traffic.done.length} requests`).toEqual({});
      expect(new Map([...(await system.servers(SERVICE)).values()].map(({ name, id }) => [name, id]))).toEqual(ids);
      expect((await sentCommands(system)).filter((command) => command.startsWith('del'))).toEqual([]);
    },
    90_000,
  );
});
