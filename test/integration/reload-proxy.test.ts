/** Reloads that fail: what is on disk afterwards, who is blocked and for how long, and that nobody else waits for it. */
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readReport } from '../../cli/status/read-report.ts';
import { must } from '../../shared/errors.ts';
import { observeProxy } from '../../shared/haproxy/observe.ts';
import { structureOf } from '../../shared/haproxy/render-service.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { ProxyAgent } from '../../workers/reconciler/proxy-agent.ts';
import { reloadProxy } from '../../workers/reconciler/reload-proxy.ts';
import { noteRejections, RETRY_REJECTED_MS, rejectionOf, stampRejection } from '../../workers/reconciler/reload-request.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
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

function service(name: string, changes: Partial<ServiceConfig> = {}): ServiceConfig {
  return serviceConfig({ name, path: `/services/${name}/instances`, check: { type: 'none' }, ...changes });
}

async function structures(on: Pipeline): Promise<ReadonlyMap<string, string>> {
  return withRuntime(on.proxy.runtime, async (connection) => (await observeProxy(connection)).structures);
}

function loaded(on: Pipeline, config: ServiceConfig): Promise<boolean> {
  return structures(on).then((all) => all.get(config.name) === structureOf(config, on.proxy.defaults));
}

async function backend(on: Pipeline, name: string): Promise<{ state: string; context: { detail: string; nextTry: number | null } }> {
  return JSON.parse((await on.app.ports.proxies.backend('edge', name)) ?? 'null');
}

/** A listener beside HAProxy's own: widening that to every address fails at the bind, and the probe, which cannot try it, passes it. */
async function widened(on: Pipeline): Promise<{ narrow: ServiceConfig; wide: ServiceConfig }> {
  const port = await freePort();
  const other = createServer().listen({ host: '127.0.0.2', port, exclusive: true });
  await once(other, 'listening');
  cleanups.push(async () => void other.close());
  const narrow = service('web', { listen: `127.0.0.1:${port}` });
  await on.configure(narrow);
  await until('web is loaded', () => loaded(on, narrow));
  return { narrow, wide: { ...narrow, listen: `*:${port}` } };
}

/** A job of this test's own, with other managed defaults than those that run. */
function reloadWithNewDefaults(on: Pipeline) {
  const agent = new ProxyAgent(
    { ...on.proxy, reloadPolicy: { minInterval: 0, jitter: 0, hardStopAfter: 20_000, maxReloads: 50 } },
    on.app.ports,
  );
  return { agent, run: () => reloadProxy(agent, must(on.proxy.reload, 'a way to reload'), new AbortController().signal, 'test') };
}

describe('a bind that fails in HAProxy though the probe passed', () => {
  it('leaves files that a restart comes up from, blocks that service alone, and the others are loaded', async () => {
    const on = await pipeline();
    const { narrow, wide } = await widened(on);
    const api = service('api');
    const shop = service('shop');
    await Promise.all([on.configure(wide), on.configure(api), on.configure(shop)]);
    await until('the others are loaded', async () => (await loaded(on, api)) && (await loaded(on, shop)), { timeoutMs: 25_000 });
    await until(
      'web is blocked for a while',
      async () => {
        const rejected = await rejectionOf(new ProxyAgent(on.proxy, on.app.ports), 'web', structureOf(wide, on.proxy.defaults));
        return rejected !== null && rejected.nextTry > Date.now() + RETRY_REJECTED_MS / 2;
      },
      { timeoutMs: 15_000 },
    );
    await until('it says so', async () => (await backend(on, 'web')).state === 'blocked');
    expect((await backend(on, 'web')).context.detail).toContain('the reload failed');
    expect(await loaded(on, narrow)).toBe(true);
    await until('the last good file is back', async () =>
      (await readFile(join(on.managed, 'service-web.cfg'), 'utf8')).includes(`bind ${narrow.listen}\n`),
    );
    // A worker that answers may still have to stay for its reload to count.
    await until(
      'the reload is over',
      async () => (await on.backendState('api')) === 'in-sync' && (await on.backendState('shop')) === 'in-sync',
    );
    await on.haproxy.restart();
    expect([...(await structures(on)).keys()].sort()).toEqual(['api', 'shop', 'web']);
  }, 60_000);
});

describe('a service that cannot be rendered', () => {
  it('keeps what it runs with, and the others are loaded', async () => {
    const on = await pipeline();
    const web = service('web');
    await on.configure(web);
    await until('web is loaded', () => loaded(on, web));
    await on.configure({ ...web, balance: 'nonsense' });
    const api = service('api');
    await on.configure(api);
    await until('api is loaded', () => loaded(on, api));
    expect(await loaded(on, web)).toBe(true);
    await until('web is blocked', async () => (await backend(on, 'web')).state === 'blocked');
    expect((await backend(on, 'web')).context.detail).toContain('balance');
  });
});

describe('a server made by hand with no address', () => {
  it('does not keep its service from being rendered', async () => {
    const on = await pipeline();
    const web = service('web');
    await on.configure(web);
    await until('web is loaded', () => loaded(on, web));
    await on.haproxy.cli('add server web/by-hand 0.0.0.0:80', 'set server web/by-hand state ready');
    const changed = { ...web, balance: 'leastconn' };
    await on.configure(changed);
    await until('the change is loaded', () => loaded(on, changed));
  });
});

describe('a base file that is refused', () => {
  it('blocks the changed services until a while has passed', async () => {
    const on = await pipeline();
    await writeFile(on.haproxy.configFile, `${await readFile(on.haproxy.configFile, 'utf8')}\nnonsense\n`);
    const api = service('api');
    await on.configure(api);
    const agent = new ProxyAgent(on.proxy, on.app.ports);
    const rejected = await until('it is remembered', () => rejectionOf(agent, 'api', structureOf(api, on.proxy.defaults)));
    expect(rejected.message).toContain('nonsense');
    expect(rejected.nextTry).toBeGreaterThan(Date.now());
    await until('api is blocked', async () => (await backend(on, 'api')).state === 'blocked');
  });

  it('is remembered also when only the defaults change, and not tried again before its time', async () => {
    const on = await pipeline();
    await on.app.stop();
    on.app = on.newApp([]);
    await on.app.start();
    const text = await readFile(on.haproxy.configFile, 'utf8');
    await writeFile(on.haproxy.configFile, `${text}\nnonsense\n`);
    const { agent, run } = reloadWithNewDefaults(on);
    expect((await run()).outcome).toBe('refused');
    expect((await stampRejection(agent))?.message).toContain('nonsense');
    await writeFile(on.haproxy.configFile, text);
    expect((await run()).outcome).toBe('refused');
    await on.app.ports.proxies.setState('edge', { rejectedStamp: JSON.stringify({ ...(await stampRejection(agent)), nextTry: 0 }) });
    expect((await run()).outcome).toBe('reloaded');
    expect(await stampRejection(agent)).toBeNull();
  });
});

describe('a reload that could not even be tried', () => {
  it('shows why at the services that wait for it', async () => {
    const on = await pipeline({ proxy: { binary: '/nowhere/haproxy' } });
    await on.configure(service('api'));
    await until('api is blocked', async () => (await backend(on, 'api')).state === 'blocked');
    expect((await backend(on, 'api')).context.detail).toContain('/nowhere/haproxy');
    expect((await backend(on, 'api')).context.nextTry).toBeGreaterThan(Date.now());
  });
});

describe('a master socket that is not there', () => {
  it('is shown as a reload that failed, with what to do about it', async () => {
    const on = await pipeline({ proxy: { reload: { kind: 'master', socket: { kind: 'unix', path: '/nowhere/master.sock' } } } });
    await on.configure(service('api'));
    await until('api is blocked', async () => (await backend(on, 'api')).state === 'blocked', { timeoutMs: 20_000 });
    expect((await backend(on, 'api')).context.detail).toMatch(/\/nowhere\/master\.sock.*-W and -S .*reloadCommand or pidFile/);
    const [proxy] = (await readReport(on.config(), on.app.ports, null, Date.now())).proxies;
    expect(proxy?.lastReload?.failed).toContain('/nowhere/master.sock');
    await until('a reload that works says so again', async () => {
      const agent = new ProxyAgent(on.proxy, on.app.ports);
      await noteRejections(agent, new Map([['api', null]]), null);
      await on.app.ports.proxies.setState('edge', { lastReload: '0' });
      const way = { kind: 'master', socket: on.haproxy.master } as const;
      return (await reloadProxy(agent, way, new AbortController().signal, 'test')).outcome === 'reloaded';
    });
    const [after] = (await readReport(on.config(), on.app.ports, null, Date.now())).proxies;
    expect(after?.lastReload?.failed).toBeNull();
  }, 40_000);
});

describe('the config that a backend runs with', () => {
  it('is kept also when others loaded it', async () => {
    const on = await pipeline();
    const web = service('web');
    await on.configure(web);
    await until('web is loaded', () => loaded(on, web));
    await until('in sync', async () => (await on.backendState('web')) === 'in-sync');
    await on.app.stop();
    on.app = on.newApp([]);
    await on.app.start();
    const { redis, keys, proxies } = on.app.ports;
    await redis.del(keys.proxy('edge').loaded);
    const agent = new ProxyAgent(on.proxy, on.app.ports);
    await proxies.setState('edge', { lastReload: '0' });
    const report = await reloadProxy(agent, must(on.proxy.reload, 'a way to reload'), new AbortController().signal, 'test');
    expect(report.outcome).toBe('not-needed');
    expect(await proxies.loaded('edge', 'web')).toEqual(web);
  });
});
