/** `pointsman plan`: what it says is what a pass would do, and saying it changes nothing. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ProxyPlan } from '../../cli/plan/proxy-plan.ts';
import { observeBackends } from '../../shared/haproxy/observe.ts';
import { proxyStamp } from '../../shared/haproxy/render-managed.ts';
import { formOf, structureOf } from '../../shared/haproxy/render-service.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { ServiceEvent } from '../../shared/model/event.ts';
import { RolloutStore } from '../../shared/redis/rollout-store.ts';
import type { App } from '../../workers/app.ts';
import { configFile, pointsman } from '../support/command.ts';
import { configOf } from '../support/config-text.ts';
import { type HttpService, startHttpServices } from '../support/http-service.ts';
import { Pipeline } from '../support/pipeline.ts';
import { until } from '../support/poll.ts';
import { serviceConfig } from '../support/samples.ts';

const CONFIG = serviceConfig({ check: { type: 'none' }, guard: { maxLoss: 1, window: 10_000, hold: 300_000 } });

let pipeline: Pipeline;
let services: HttpService[];
let file: string;
let folding: App;
const port = (at: number): number => services[at]?.port ?? 0;
const named = (at: number): string => `127.0.0.1:${port(at)}`;

/** In sync with two instances; from then on events are folded, and nobody works on the proxy. */
beforeAll(async () => {
  [pipeline, services] = await Promise.all([Pipeline.start(), startHttpServices(3)]);
  file = await configFile(pipeline.folder, pipeline.yaml());
  await pipeline.configure(CONFIG);
  await pipeline.tell('web', ...[0, 1].map((at) => pipeline.registered(port(at))));
  await until('the servers', async () => (await servers()).length === 2 && (await pipeline.backendState('web')) === 'in-sync', {
    timeoutMs: 20_000,
  });
  await pipeline.app.stop();
  pipeline.app = pipeline.newApp(['transition']);
  await pipeline.app.start();
  folding = pipeline.app;
}, 90_000);

afterAll(async () => {
  await pipeline.stop();
  await Promise.all(services.map((service) => service.stop()));
});

async function servers(): Promise<string[]> {
  const backends = await withRuntime(pipeline.haproxy.runtime, observeBackends);
  return [...(backends.get('web')?.servers.values() ?? [])].map(({ name, admin, weight }) => `${name} ${admin} ${weight}`).sort();
}

async function desired(what: string, holds: (states: readonly string[]) => boolean): Promise<void> {
  await until(what, async () => {
    const { backend } = await folding.ports.desired.read('web');
    return holds([...(backend?.servers.values() ?? [])].map(({ name, admin, weight }) => `${name} ${admin} ${weight}`).sort());
  });
}

function changed(event: ServiceEvent): ServiceEvent {
  if (event.type !== 'registered') throw new Error('only what is registered can change');
  return { ...event, type: 'changed' };
}

async function plan(...args: string[]): Promise<{ code: unknown; proxies: ProxyPlan[] }> {
  const { code, out } = await pointsman('plan', '--json', '--config', file, ...args);
  return { code, proxies: (JSON.parse(out) as { proxies: ProxyPlan[] }).proxies };
}

describe('a plan', () => {
  it('is empty, with exit code 0, when HAProxy has what is desired', async () => {
    const { code, proxies } = await plan();
    expect(proxies).toMatchObject([{ proxy: 'edge', reached: true, settled: 1, services: [] }]);
    expect(code).toBe(0);
    expect((await pointsman('plan', '--config', file)).out).toMatch(/^edge \(HAProxy \S+, pid \d+\): 1 service in sync\n$/);
  });

  it('does not count a service that was removed', async () => {
    await pipeline.tell('ghost', { type: 'configured', config: { ...CONFIG, name: 'ghost' } }, { type: 'unconfigured' });
    await until('it to be folded', async () => (await folding.ports.store.head('ghost')).revision > 0);
    expect((await plan()).proxies).toMatchObject([{ settled: 1, services: [] }]);
  });

  it('shows each command with its reason, ends with 3, and sends none of them', async () => {
    await pipeline.tell('web', pipeline.registered(port(2), { weight: 5 }), changed(pipeline.registered(port(0), { weight: 7 })));
    await desired('three servers', (states) => states.length === 3 && states.some((state) => state.endsWith(' 7')));
    const before = await servers();
    const { code, proxies } = await plan();
    expect(code).toBe(3);
    const [edge] = proxies;
    if (edge?.reached !== true) throw new Error('not reached');
    const commands = edge.services.flatMap((service) => service.commands);
    expect(commands.map(({ command }) => command)).toEqual([
      expect.stringMatching(`^add server web/${named(2)} 127\\.0\\.0\\.1 port ${port(2)} id \\d+ weight 5$`),
      `set server web/${named(0)} weight 7`,
    ]);
    for (const { reason } of commands) expect(reason).not.toBe('');
    expect(await servers()).toEqual(before);
    expect((await plan()).proxies).toEqual(proxies);
    const { code: textCode, out } = await pointsman('plan', '--config', file);
    expect(textCode).toBe(3);
    expect(out).toContain(`    set server web/${named(0)} weight 7  # `);
  });

  it('of a server that leaves is what is waited for, and that is not empty', async () => {
    await pipeline.tell('web', pipeline.deregistered(port(1)));
    await desired('the drain', (states) => states.some((state) => state.startsWith(`${named(1)} drain`)));
    await pipeline.haproxy.cli(`set server web/${named(1)} state maint`);
    const { code, proxies } = await plan();
    const [edge] = proxies;
    if (edge?.reached !== true) throw new Error('not reached');
    expect(edge.services[0]?.waiting.map(({ server }) => server)).toEqual([named(1)]);
    expect(code).toBe(3);
  });

  it('of a service whose rollout stopped elsewhere, or of managed defaults that were refused, is blocked as the pass is', async () => {
    const late = { ...CONFIG, name: 'late' };
    const { redis, keys, proxies } = folding.ports;
    await pipeline.configure(late);
    await until('it to be folded', async () => (await folding.ports.store.head('late')).revision > 0);
    const stops = new RolloutStore(redis, keys);
    const structure = structureOf(late, pipeline.proxy.defaults);
    await stops.stop('edge-7', new Map([['late', { structure, reason: 'no such file' }]]), Date.now());
    const blocked = async (): Promise<unknown[]> => {
      const [edge] = (await plan()).proxies;
      return edge?.reached === true ? edge.services.map((one) => [one.service, one.reload !== null, one.blocked]) : [];
    };
    expect(await blocked()).toContainEqual(['late', true, 'rollout stopped at edge-7: no such file']);
    await stops.clear(await stops.stops());
    expect(await blocked()).toContainEqual(['late', true, null]);
    // Options that servers are made anew for need no reload, and stop alike.
    const anew = { ...CONFIG, server: { ...CONFIG.server, maxQueue: 5 } };
    await stops.stop('edge-7', new Map([['web', { structure: `form ${formOf(anew)}`, reason: 'none came up' }]]), Date.now());
    await pipeline.configure(anew);
    await until('them', async () => (await folding.ports.desired.read('web')).backend?.config.server.maxQueue === 5);
    expect(await blocked()).toContainEqual(['web', false, 'rollout stopped at edge-7: none came up']);
    await stops.clear(await stops.stops());
    await pipeline.configure(CONFIG);
    await until('what was', async () => (await folding.ports.desired.read('web')).backend?.config.server.maxQueue === undefined);

    const text = pipeline.yaml().replace('client: 10s', 'client: 11s');
    file = await configFile(pipeline.folder, text);
    const stamp = proxyStamp('test', configOf(text).proxies[0] ?? expect.fail('a proxy'));
    const rejected = { structure: stamp, message: 'the base file is broken', nextTry: Date.now() + 60_000 };
    await proxies.setState('edge', { rejectedStamp: JSON.stringify(rejected) });
    expect(await blocked()).toContainEqual(['late', true, 'the base file is broken']);
    await proxies.setState('edge', { rejectedStamp: '' });
    file = await configFile(pipeline.folder, pipeline.yaml());
    await pipeline.tell('late', { type: 'unconfigured' });
    await until('it to be gone', async () => (await folding.ports.desired.read('late')).backend === null);
  });

  it('names the proxies that there are', async () => {
    const { code, err } = await pointsman('plan', '--config', file, '--proxy', 'egde');
    expect({ code, err }).toEqual({ code: 2, err: 'error: no proxy is called "egde"\nthere are: edge\n' });
    expect((await plan('--proxy', 'edge')).proxies).toHaveLength(1);
  });
});

describe('a proxy that cannot be looked at from here', () => {
  afterEach(async () => {
    file = await configFile(pipeline.folder, pipeline.yaml());
  });

  it('is answered from what is stored of it, with exit code 1', async () => {
    file = await configFile(pipeline.folder, pipeline.yaml().replace(pipeline.haproxy.runtime.path, '/nowhere/admin.sock'));
    const { code, proxies } = await plan();
    expect(code).toBe(1);
    expect(proxies).toMatchObject([{ proxy: 'edge', reached: false, stored: [{ service: 'web', state: 'in-sync' }] }]);
    const { code: textCode, out } = await pointsman('plan', '--config', file);
    expect(textCode).toBe(1);
    expect(out).toMatch(/^edge cannot be looked at from here: .*\/nowhere\/admin\.sock/);
    expect(out).toMatch(/web +in-sync +\d+\w ago/);
  });

  it('may be one that only another host has', async () => {
    file = await configFile(pipeline.folder, pipeline.yaml().replace(/proxies:[\s\S]*$/, ''));
    const { code, proxies } = await plan('--proxy', 'edge');
    expect(code).toBe(1);
    expect(proxies).toMatchObject([{ proxy: 'edge', reached: false, error: 'it is not in this config', stored: [{ service: 'web' }] }]);
  });
});

it('a HAProxy that runs without our files is blocked, and says how it must be started', async () => {
  const bare = await Pipeline.start({ managed: false });
  try {
    const config = await configFile(bare.folder, bare.yaml());
    await bare.configure(CONFIG);
    await until('the block', async () => (await bare.backendState('web')) === 'blocked');
    const { code, out } = await pointsman('plan', '--config', config);
    expect(code).toBe(3);
    expect(out).toContain(`blocked  # HAProxy was not started with -f ${bare.managed}`);
  } finally {
    await bare.stop();
  }
});
