/** From a service's log to a real HAProxy: adds, drains, reloads, files, restarts, and the one claim per proxy. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { InstanceSnapshot } from '../../machines/instance.ts';
import { observeBackends, observeProxy } from '../../shared/haproxy/observe.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { ObservedServer } from '../../shared/model/observed.ts';
import { Claim } from '../../shared/redis/claim.ts';
import { LogTail } from '../../shared/redis/log-tail.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { startHttpServices } from '../support/http-service.ts';
import { Pipeline } from '../support/pipeline.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { serviceConfig } from '../support/service-events.ts';

const cleanups = cleanupsAfterEach();

async function pipeline(options?: Parameters<typeof Pipeline.start>[0]): Promise<Pipeline> {
  const started = await Pipeline.start(options);
  cleanups.push(() => started.stop());
  return started;
}

async function services(count: number) {
  const started = await startHttpServices(count);
  cleanups.push(async () => {
    await Promise.all(started.map((service) => service.stop()));
  });
  return started;
}

const quick = { type: 'http', method: 'GET', path: '/health', interval: 300, rise: 1, fall: 2 } as const;

async function webConfig(changes: Parameters<typeof serviceConfig>[0] = {}) {
  return serviceConfig({
    listen: `127.0.0.1:${await freePort()}`,
    check: quick,
    drainTimeout: 2_000,
    guard: { maxLoss: 1, window: 10_000, hold: 300_000 },
    ...changes,
  });
}

function servers(on: Pipeline, backend = 'web'): Promise<Map<string, ObservedServer>> {
  return withRuntime(on.proxy.runtime, async (connection) => new Map((await observeBackends(connection)).get(backend)?.servers ?? []));
}

async function workerPid(on: Pipeline): Promise<number> {
  return withRuntime(on.proxy.runtime, async (connection) => (await observeProxy(connection)).identity.pid);
}

function isUp(server: ObservedServer | undefined): boolean {
  return server !== undefined && server.admin === 'ready' && server.operation === 'running';
}

describe('a new service', () => {
  it('costs one reload, and its instances none', async () => {
    const on = await pipeline();
    const before = await workerPid(on);
    const [one, two] = await services(2);
    const config = await webConfig();
    await on.configure(config);
    const after = await until('the reload', async () => {
      const pid = await workerPid(on);
      return pid !== before && pid;
    });
    await on.tell('web', on.registered(one?.port ?? 0), on.registered(two?.port ?? 0));
    await until('both are up', async () => [...(await servers(on)).values()].filter(isUp).length === 2);
    const answer = await fetch(`http://${config.listen}/`);
    expect(answer.status).toBe(200);
    expect(await workerPid(on)).toBe(after);
    await until('in sync', async () => (await on.backendState('web')) === 'in-sync');
    // What was sent says who sent it, and which event of the service led to it.
    const { redis, keys, log } = on.app.ports;
    const told = (await new LogTail(redis, keys).before({ of: 'proxy', name: on.proxy.id }, null, 100)).filter(
      ({ type }) => type === 'patching',
    );
    const events = await log.read('web', '0-0', 1_000);
    const causes = told.map(({ cause }) => events.find(({ id }) => id === cause)?.event.type);
    expect(causes).toContain('registered');
    expect(causes).not.toContain(undefined);
    for (const { source } of told) expect(source).toMatch(/^reconciler:\S+:\d+$/);
  });
});

describe('an instance that leaves', () => {
  it('drains, and is deleted once its sessions have ended; coming back during the drain is one command', async () => {
    const on = await pipeline();
    const [one, two] = await services(2);
    const config = await webConfig({ drainTimeout: 20_000 });
    await on.configure(config);
    await on.tell('web', on.registered(one?.port ?? 0), on.registered(two?.port ?? 0));
    await until('both are up', async () => [...(await servers(on)).values()].filter(isUp).length === 2, { timeoutMs: 15_000 });
    const id = (await servers(on)).get(`127.0.0.1:${one?.port}`)?.id;
    await on.tell('web', on.deregistered(one?.port ?? 0));
    await until('it is deleted', async () => !(await servers(on)).has(`127.0.0.1:${one?.port}`), { timeoutMs: 15_000 });
    expect(isUp((await servers(on)).get(`127.0.0.1:${two?.port}`))).toBe(true);
    await on.tell('web', on.registered(one?.port ?? 0));
    await until('it is back', async () => isUp((await servers(on)).get(`127.0.0.1:${one?.port}`)));
    expect((await servers(on)).get(`127.0.0.1:${one?.port}`)?.id).toBe(id);
  });
});

describe('the files', () => {
  it('describe the runtime: a HAProxy restarted from them needs no add, no delete and no reload', async () => {
    const on = await pipeline();
    const [one, two] = await services(2);
    await on.configure(await webConfig());
    await on.tell('web', on.registered(one?.port ?? 0), on.registered(two?.port ?? 0), on.registered(1));
    await until('two are up', async () => [...(await servers(on)).values()].filter(isUp).length === 2);
    await until('the file says so', async () => {
      const text = await readFile(join(on.managed, 'service-web.cfg'), 'utf8');
      const lines = text.split('\n').filter((line) => /^ *server /.test(line));
      return lines.length === 3 && lines.filter((line) => line.includes(' disabled')).length === 1;
    });
    const before = await servers(on);
    await on.app.stop();
    await on.haproxy.restart();
    const seen = await servers(on);
    const expected = [`127.0.0.1:${one?.port} ready`, `127.0.0.1:${two?.port} ready`, '127.0.0.1:1 maint'];
    expect([...seen.values()].map((server) => `${server.name} ${server.admin}`).sort()).toEqual(expected.sort());
    expect([...seen.values()].map((server) => server.id)).toEqual([...seen.keys()].map((name) => before.get(name)?.id));
    on.app = on.newApp(['transition', 'reconciler', 'observer']);
    const pid = await workerPid(on);
    await on.app.start();
    await until('in sync again', async () => (await on.backendState('web')) === 'in-sync');
    expect(await workerPid(on)).toBe(pid);
  });

  it('have everything when pointsman has stopped, also what came right before', async () => {
    const on = await pipeline();
    await on.configure(await webConfig({ check: { type: 'none' } }));
    for (let port = 1; port <= 5; port += 1) {
      await on.tell('web', on.registered(port));
      await until('it is a server', async () => (await servers(on)).has(`127.0.0.1:${port}`), { everyMs: 5 });
    }
    await on.app.stop();
    const text = await readFile(join(on.managed, 'service-web.cfg'), 'utf8');
    const named = text.match(/^ *server \S+/gm)?.map((line) => line.trim());
    expect(named?.sort()).toEqual([1, 2, 3, 4, 5].map((port) => `server 127.0.0.1:${port}`));
  });
});

describe('a restart or a foreign reload', () => {
  it('gets its dynamic servers back within 5 s', async () => {
    const on = await pipeline();
    const [one] = await services(1);
    await on.configure(await webConfig());
    await on.tell('web', on.registered(one?.port ?? 0));
    const name = `127.0.0.1:${one?.port}`;
    await until('it is up', async () => isUp((await servers(on)).get(name)));
    const started = performance.now();
    await on.haproxy.restart();
    await until('it is up again', async () => isUp((await servers(on)).get(name)), { timeoutMs: 5_000 });
    expect(performance.now() - started).toBeLessThan(5_000);
    await on.haproxy.reload();
    await until('it is up again', async () => isUp((await servers(on)).get(name)), { timeoutMs: 5_000 });
  });
});

describe('a service that HAProxy refuses', () => {
  it('is blocked with the message, keeps its last good file, and no other suffers', async () => {
    const on = await pipeline();
    const [one] = await services(1);
    const good = await webConfig();
    await on.configure(good);
    await on.tell('web', on.registered(one?.port ?? 0));
    await until('it is up', async () => isUp((await servers(on)).get(`127.0.0.1:${one?.port}`)));
    // The port of the other service: HAProxy -c does not test binds, the probe does.
    const [taken] = await services(1);
    await on.configure({ ...good, listen: `127.0.0.1:${taken?.port}` });
    await on.configure({ ...(await webConfig()), name: 'api', path: '/services/api/instances' });
    await until('web is blocked', async () => (await on.backendState('web')) === 'blocked');
    await until('api is loaded', async () => (await on.backendState('api')) === 'in-sync');
    expect((await fetch(`http://${good.listen}/`)).status).toBe(200);
    const json = JSON.parse((await on.app.ports.proxies.backend('edge', 'web')) ?? '{}');
    expect(json.context.detail).toMatch(new RegExp(`127.0.0.1:${taken?.port}`));
    expect((await readdir(on.managed)).sort()).toContain('service-web.cfg.rejected');
    // Instances of the blocked service still come and go.
    const [two] = await services(1);
    await on.tell('web', on.registered(two?.port ?? 0));
    await until('the second is up', async () => isUp((await servers(on)).get(`127.0.0.1:${two?.port}`)));
  });
});

describe('a HAProxy without our folder', () => {
  it('is left alone and shown as blocked, with the line to add', async () => {
    const on = await pipeline({
      managed: false,
      sections: `defaults\n  mode http\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\nfrontend own\n  bind 127.0.0.1:${await freePort()}\n`,
    });
    await on.configure(await webConfig());
    await until('blocked', async () => (await on.backendState('web')) === 'blocked');
    const json = JSON.parse((await on.app.ports.proxies.backend('edge', 'web')) ?? '{}');
    expect(json.context.detail).toContain(`not started with -f ${on.managed}`);
    expect(json.context.detail).toContain(`EXTRAOPTS="-S /run/haproxy-master.sock -f ${on.managed}"`);
    const passes = async (): Promise<number> => (await on.app.ports.queues.queue('proxies.edge').getJobCounts('completed')).completed ?? 0;
    for (let pass = 0; pass < 3; pass += 1) {
      const before = await passes();
      await on.tell('web', on.registered(await freePort()));
      await until('another pass', async () => (await passes()) > before);
    }
    const lines = (await readFile(join(on.folder.path, 'pointsman.log'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.filter(({ msg }) => msg === 'haproxy runs without our folder')).toMatchObject([
      { level: 'error', code: 'HAPROXY_NOT_MANAGED' },
    ]);
    expect(lines.filter(({ msg }) => msg === 'blocked')).toMatchObject([{ proxy: 'edge', services: ['web'] }]);
  });
});

describe('the claim', () => {
  it('held by another keeps this process from writing; once it ends the work is done', async () => {
    const on = await pipeline();
    const [one] = await services(1);
    await on.configure(await webConfig());
    await until('in sync', async () => (await on.backendState('web')) === 'in-sync');
    const claim = await until('the claim', () => Claim.take(on.app.ports.redis, on.app.ports.keys, 'edge'), { everyMs: 5 });
    await on.tell('web', on.registered(one?.port ?? 0));
    await until('it is desired', async () => (await on.app.ports.desired.read('web')).backend?.servers.size === 1);
    await until('a job found the proxy taken', async () => {
      const jobs = await on.app.ports.queues.queue('proxies.edge').getJobs(['completed', 'delayed']);
      return jobs.some((job) => (job?.returnvalue as { outcome?: string } | null)?.outcome === 'taken');
    });
    expect((await servers(on)).size).toBe(0);
    await claim.release();
    await until('it is up', async () => isUp((await servers(on)).get(`127.0.0.1:${one?.port}`)));
  });
});

describe('idempotence', () => {
  it('a job run again sends no command', async () => {
    const on = await pipeline();
    const [one] = await services(1);
    await on.configure(await webConfig());
    await on.tell('web', on.registered(one?.port ?? 0));
    await until(
      'in sync',
      async () => (await on.backendState('web')) === 'in-sync' && isUp((await servers(on)).get(`127.0.0.1:${one?.port}`)),
    );
    const log = on.app.ports.keys.proxy('edge').log;
    const commandsSent = async (): Promise<number> =>
      (await on.redis.client.xrange(log, '-', '+')).filter(([, fields]) => fields[fields.indexOf('type') + 1] === 'commands').length;
    const before = await commandsSent();
    const queue = on.app.ports.queues.queue('proxies.edge');
    const done = async (): Promise<number> => (await queue.getJobCounts('completed')).completed ?? 0;
    const ran = await done();
    for (let round = 1; round <= 3; round += 1) {
      await on.app.ports.proxies.mark(['edge'], new Map([['web', 0]]));
      await on.app.ports.queues.wakeProxy('edge', 'edge', { why: 'again', time: Date.now() });
      await until('the job ran', async () => (await done()) >= ran + round && (await on.app.ports.proxies.dirty('edge')).size === 0);
    }
    expect(await commandsSent()).toBe(before);
  });
});

describe('a service that the proxy carries no longer', () => {
  it('is taken away by a reload, and forgotten', async () => {
    const on = await pipeline();
    const [one] = await services(1);
    const id = `127.0.0.1:${one?.port}`;
    await on.configure(await webConfig());
    await on.configure({ ...(await webConfig()), name: 'api', path: '/services/api/instances' });
    await on.tell('api', on.registered(one?.port ?? 0));
    const up = async (): Promise<number> => {
      const json = (await on.app.ports.store.instances('api', [id])).get(id) ?? '{}';
      return (JSON.parse(json) as Partial<InstanceSnapshot>).context?.health.up ?? 0;
    };
    await until(
      'both are loaded',
      async () => (await on.backendState('api')) === 'in-sync' && (await on.backendState('web')) === 'in-sync',
    );
    await until('its instance is up', async () => (await up()) === 1);
    await on.app.stop();
    on.proxy = { ...on.proxy, services: ['web'] };
    on.app = on.newApp(['transition', 'reconciler', 'observer']);
    await on.app.start();
    await until('api is gone from HAProxy', async () =>
      withRuntime(on.proxy.runtime, async (connection) => !(await observeProxy(connection)).backends.has('api')),
    );
    await until('api is forgotten', async () => (await on.backendState('api')) === null);
    expect(await on.app.ports.log.verdicts('api', 'edge')).toEqual(new Map());
    await until('its instance is up nowhere', async () => (await up()) === 0);
    await until('web is in sync', async () => (await on.backendState('web')) === 'in-sync');
  });
});
