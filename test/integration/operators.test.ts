/** `cordon`, `uncordon`, `release` and `resync --trust` on real parts: what operators do is live on the proxies, and outlives what it must. */
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readService } from '../../machines/migrate.ts';
import { createLogger } from '../../shared/observability/logger.ts';
import { ZookeeperLink } from '../../shared/zookeeper/link.ts';
import { readFleet } from '../../workers/dashboard/fleet.ts';
import { metricsText } from '../../workers/dashboard/metrics.ts';
import { Overviews } from '../../workers/dashboard/overview.ts';
import { startPage } from '../../workers/dashboard/start-page.ts';
import { configFile, type Ended, pointsman } from '../support/command.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { isServing, System } from '../support/system.ts';

const WEB = '  web: { path: /services/web/instances, check: none, allow: { loopback: true }, guard: { maxLoss: 0.5, hold: 1h } }';

let system: System;
let file: string;
const names: string[] = [];
const run = (...args: string[]): Promise<Ended> => pointsman(...args, '--config', file);

beforeAll(async () => {
  system = await System.start({ services: WEB });
  file = await configFile(system.folder, system.text(WEB));
  for (let count = 0; count < 4; count += 1) {
    const name = `127.0.0.1:${await freePort()}`;
    names.push(name);
    await system.register('web', name);
  }
  await system.serving('web', names, 30_000);
}, 90_000);

afterAll(() => system.stop());

const admin = async (name: string): Promise<string> => (await system.servers('web')).get(name)?.admin ?? 'not there';
const stateOf = async (name: string): Promise<string> => (await system.instance('web', name))?.state ?? 'not known';

describe('a cordon', () => {
  it('is live within a second, with who and why, and ends at once', async () => {
    const [first = ''] = names;
    const { code, out } = await run('cordon', 'web', first, '--for', '30m', '--reason', 'a disk is dying', '--json');
    expect(code).toBe(0);
    const told = JSON.parse(out) as { live: string[]; ms: number; by: string };
    expect(told).toMatchObject({ instance: first, decided: true, live: ['edge'], pending: [] });
    expect(told.ms).toBeLessThan(1_000);
    expect(await admin(first)).toBe('drain');
    const status = await run('status');
    expect(status.out).toMatch(new RegExp(`${first} +cordoned .*by ${told.by}: a disk is dying; ends in 30m`));
    expect((await run('uncordon', 'web', first)).out).toMatch(/is no longer cordoned: live on edge/);
    expect(await admin(first)).toBe('ready');
  });

  it('of all instances is an outage, which is said at once and first', async () => {
    const told: Ended[] = [];
    for (const name of names) told.push(await run('cordon', 'web', name));
    expect(told.map(({ code, err }) => ({ code, err }))).toEqual([
      ...names.slice(1).map(() => ({ code: 0, err: '' })),
      { code: 0, err: 'WARNING: web has no server in rotation: 4 cordoned\n' },
    ]);
    expect(told.map(({ out }) => /; (\d) left in rotation$/m.exec(out)?.[1])).toEqual(['3', '2', '1', '0']);
    expect((await run('status')).out).toMatch(/^web has no server in rotation: 4 cordoned · /);
    const [one] = await new Overviews(system.app.ports).read();
    expect(one).toMatchObject({ service: 'web', outage: '4 cordoned', states: { cordoned: 4 } });
    expect(startPage([one as never], Date.now())).toContain('role="alert">web has no server in rotation: 4 cordoned<');
    // A watcher says only every few seconds that it leads.
    const metrics = await until('metrics of the leader', async () => {
      const { text } = await metricsText([one as never], await readFleet(system.app.ports, ['services'], Date.now()));
      return text.includes('state="leading"} 1') && text;
    });
    for (const line of [
      'pointsman_service_without_server{service="web"} 1',
      'pointsman_instances{service="web",state="cordoned"} 4',
      'pointsman_watchers{state="leading"} 1',
      'pointsman_proxy_backends{proxy="edge",state="in-sync"} 1',
      'pointsman_proxy_unreachable{proxy="edge"} 0',
      'pointsman_proxy_last_reload_failed{proxy="edge"} 0',
      'pointsman_queue_jobs{queue="services",state="failed"} 0',
    ])
      expect(metrics).toContain(`\n${line}\n`);
    for (const name of names) await run('uncordon', 'web', name);
    await system.serving('web', names);
    expect((await run('status')).out).toMatch(/^1 service · /);
  }, 60_000);

  it('outlives Redis, a restart and a new registration', async () => {
    const [first = ''] = names;
    await run('cordon', 'web', first, '--reason', 'mine');
    await system.killRedis();
    await system.app.stop();
    await system.startRedis();
    system.app = system.newApp();
    system.startApp();
    await until('it is cordoned again', async () => (await stateOf(first)) === 'cordoned', { timeoutMs: 20_000 });
    await system.inSync('web');
    expect(await admin(first)).toBe('drain');
    const sent = await system.proxyEvents<{ results: { command: string }[] }>('commands');
    expect(sent.flatMap(({ results }) => results.map(({ command }) => command)).filter((command) => command.includes(first))).toEqual([]);
    expect((await system.instance('web', first))?.snapshot.context.cordon?.reason).toBe('mine');
    await run('uncordon', 'web', first);
    await system.serving('web', names);
  }, 60_000);

  it('is told again when Redis has lost everything, and the instance is never let in meanwhile', async () => {
    const [first = ''] = names;
    await run('cordon', 'web', first);
    await system.killRedis();
    await system.startRedis();
    await until('it is cordoned again', async () => (await stateOf(first)) === 'cordoned', { timeoutMs: 20_000 });
    await system.inSync('web');
    expect(await admin(first)).toBe('drain');
    const sent = await system.proxyEvents<{ results: { command: string }[] }>('commands');
    expect(sent.flatMap(({ results }) => results.map(({ command }) => command)).filter((command) => command.includes(first))).toEqual([]);
    await run('uncordon', 'web', first);
    await system.serving('web', names);
  }, 60_000);

  it('ends by itself, and its znode goes', async () => {
    const [first = ''] = names;
    await run('cordon', 'web', first, '--for', '4s');
    expect(await admin(first)).toBe('drain');
    await system.serving('web', names);
    const session = await system.session();
    await until('the znode is gone', async () => (await session.children('/pointsman/cordons/web')).length === 0, { timeoutMs: 40_000 });
    // What the watcher has to say of that stands before a later cordon.
    await run('cordon', 'web', names[1] ?? '');
    await run('uncordon', 'web', names[1] ?? '');
    const events = (await system.app.ports.log.read('web', '0-0', 10_000)).map(({ event }) => event);
    const ours = events.flatMap((event) => ('instance' in event && event.instance === first ? [event.type] : []));
    expect(ours.slice(ours.lastIndexOf('cordoned'))).toEqual(['cordoned', 'timer']);
  }, 60_000);

  it('says what it replaces, and whether anybody took it', async () => {
    const [first = ''] = names;
    await run('cordon', 'web', first, '--for', '2h', '--reason', 'a disk');
    const again = await run('cordon', 'web', first, '--reason', 'a network');
    expect(again.code).toBe(0);
    expect(again.out).toMatch(/\nit replaces the cordon by \S+ \(a disk\) until \d{4}-/);
    expect((await system.instance('web', first))?.snapshot.context.cordon?.reason).toBe('a network');
    await system.app.stop();
    const { code, out } = await run('uncordon', 'web', first);
    expect(code).toBe(1);
    expect(out).toMatch(/^the end of the cordon of \S+ of web is recorded, NOT LIVE yet: /);
    const late = await run('cordon', 'web', first, '--reason', 'a rack');
    expect(late.code).toBe(1);
    expect(late.out).toMatch(/^the cordon of \S+ of web is recorded, NOT LIVE yet: /);
    await run('uncordon', 'web', first);
    system.app = system.newApp();
    system.startApp();
    await system.serving('web', names, 30_000);
    await system.inSync('web');
  }, 90_000);

  it('waits for an instance that is not there', async () => {
    const later = `127.0.0.1:${await freePort()}`;
    const { code, err } = await run('cordon', 'web', later);
    expect(code).toBe(0);
    expect(err).toContain('is not registered; it will be out when it comes');
    const session = await system.register('web', later);
    await until('it has come', async () => (await stateOf(later)) === 'cordoned');
    await until('the proxy has looked', async () => (await system.app.ports.proxies.dirty('edge')).size === 0);
    expect(await admin(later)).not.toBe('ready');
    await run('uncordon', 'web', later);
    await until('it is in', async () => (await admin(later)) === 'ready');
    await session.close();
    await until('it leaves', async () => !isServing((await system.servers('web')).get(later) ?? ({ admin: 'maint' } as never)));
  }, 30_000);

  it.each([
    [['cordon', 'wev', '10.0.0.1:80'], 'nobody knows a service "wev"'],
    [['cordon', 'web', 'a b'], 'neither an instance nor a znode'],
    [['cordon', 'web', '10.0.0.1:80', '--for', 'soon'], 'is no duration'],
    [['cordon', 'web', '10.0.0.1:80', '--for', '0s'], 'is no time at all'],
    [['cordon', 'web', '10.0.0.1:80', '--for', '1.5h'], 'is no whole number'],
    [['cordon', 'web', '10.0.0.1:80', '--for', '9999999d'], 'is longer than 365 days'],
    [['uncordon', 'web', '../x'], 'neither an instance nor a znode'],
    [['release', 'wev'], 'nobody knows a service "wev"'],
  ])('%j is refused', async (args, why) => {
    const { code, err } = await run(...args);
    expect(code).toBe(2);
    expect(err).toContain(why);
  });
});

describe('a hold', () => {
  it('ends by release: what is held drains, and the log says who did it', async () => {
    const session = await system.session();
    const more: string[] = [];
    for (let count = 0; count < 12; count += 1) {
      const name = `127.0.0.1:${await freePort()}`;
      more.push(name);
      await session.register('/services/web/instances', name, '');
    }
    await system.serving('web', [...names, ...more]);
    await session.close();
    await until('they are held', async () => (await stateOf(more[0] ?? '')) === 'held');
    await system.serving('web', [...names, ...more]);
    const { code, out } = await run('release', 'web', '--reason', 'we mean it');
    expect(code).toBe(0);
    expect(out).toMatch(/^1[23] of web released: live on edge/);
    await system.serving('web', names);
    const events = await system.app.ports.log.read('web', '0-0', 10_000);
    expect(events.find(({ event }) => event.type === 'released')?.event).toMatchObject({ reason: 'we mean it' });
  }, 60_000);

  it('of a registry that went backwards lasts until somebody trusts it', async () => {
    const { server } = system.zookeeper;
    const path = '/services/old/instances';
    const link = async <T>(work: (link: ZookeeperLink) => Promise<T>): Promise<T> => {
      const own = new ZookeeperLink({
        connect: server.connect,
        sessionTimeout: 4_000,
        auth: null,
        logger: createLogger({ level: 'silent' }),
      });
      own.start();
      try {
        await until('a session', () => own.connected, { timeoutMs: 20_000 });
        return await work(own);
      } finally {
        await own.stop();
      }
    };
    const [kept, lost] = ['10.9.0.1:80', '10.9.0.2:80'];
    await system.reconfigure(`${WEB}\n  old: { path: ${path}, check: none, guard: { maxLoss: 1 } }`);
    await link(async (own) => {
      await own.ensure(path);
      await own.create(`${path}/${kept}`, '');
    });
    await server.kill();
    await cp(join(server.folder, 'data'), join(server.folder, 'backup'), { recursive: true });
    await server.restart();
    await link((own) => own.create(`${path}/${lost}`, ''));
    await system.serving('old', [kept, lost], 40_000);
    // The backup is restored: the second registration was never there.
    await server.kill();
    await rm(join(server.folder, 'data'), { recursive: true });
    await cp(join(server.folder, 'backup'), join(server.folder, 'data'), { recursive: true });
    await server.restart();
    const standing = async (): Promise<string> => (await system.instance('old', lost))?.state ?? 'not known';
    await until('it is held', async () => (await standing()) === 'held', { timeoutMs: 40_000 });
    expect(readService((await system.app.ports.store.head('old')).service).service.guard.state).toBe('frozen');
    expect((await run('status')).out).toMatch(/frozen/);
    await system.serving('old', [kept, lost]);
    expect((await run('resync', 'old', '--trust')).code).toBe(0);
    await until('it leaves', async () => (await standing()) !== 'held');
    await system.serving('old', [kept]);
  }, 150_000);
});
