/** New options over a fleet of four real HAProxies: one after the other, and no further than where they fail. */
import { describe, expect, it } from 'vitest';
import { printReport } from '../../cli/status/print-report.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import type { App } from '../../workers/app.ts';
import { ProxyAgent } from '../../workers/reconciler/proxy-agent.ts';
import { reconcile } from '../../workers/reconciler/reconcile.ts';
import { goOn } from '../../workers/reconciler/rollout.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { Fleet, type FleetOptions } from '../support/fleet.ts';
import { readFleetStatus, registeredAt } from '../support/fleet-service.ts';
import { until } from '../support/poll.ts';
import { serviceConfig } from '../support/service-events.ts';

const cleanups = cleanupsAfterEach();
const USERS = '\nuserlist ours\n  user a insecure-password b\n';
const LONG = { timeoutMs: 40_000 };

async function fleet(size: number, options?: FleetOptions): Promise<Fleet> {
  const started = await Fleet.start(size, options);
  cleanups.push(() => started.stop());
  return started;
}

function service(name: string, changes: Partial<ServiceConfig> = {}): ServiceConfig {
  return serviceConfig({ name, path: `/services/${name}/instances`, check: { type: 'none' }, ...changes });
}

/** From the order to reload until the service is in sync, ms since the epoch, of every reload of the proxy. */
async function outages(on: Fleet, app: App, proxy: string, name: string): Promise<{ from: number; to: number }[]> {
  const found: { from: number; to: number }[] = [];
  let from: number | null = null;
  for (const { event, time } of await on.events(app, proxy)) {
    if (!('service' in event) || event.service !== name) continue;
    if (event.type === 'reloading') from = time;
    if (event.type !== 'synced' || from === null) continue;
    found.push({ from, to: time });
    from = null;
  }
  return found;
}

describe('new options of a service', () => {
  it.each([1, 2])(
    'are loaded by at most %i proxies at once, and an instance does not wait for that',
    async (maxUnavailable) => {
      const on = await fleet(4, { rollout: { maxUnavailable, stopOnFailure: true } });
      const app = await on.work(on.members, ['transition', 'reconciler']);
      const before = service('web');
      await on.tell(app, 'web', { type: 'configured', config: before });
      await until('all have web', async () => (await on.having(before)).length === 4, LONG);
      await until('nobody reloads', async () => (await readFleetStatus(app)).rollout.reloading.length === 0);
      const after = service('web', { balance: 'leastconn' });
      await on.tell(app, 'web', { type: 'configured', config: after });
      await until('one has it', async () => (await on.having(after)).length > 0, LONG);
      await on.tell(app, 'web', registeredAt(8_001));
      await until('all have the instance', async () => {
        const texts = await Promise.all(on.members.map(({ haproxy }) => haproxy.cli('show servers state web')));
        return texts.every(([text]) => text?.includes('127.0.0.1') === true);
      });
      expect((await on.having(after)).length, 'proxies with the options when all have the instance').toBeLessThan(4);
      await until('all have the options', async () => (await on.having(after)).length === 4, LONG);
      await until('nobody reloads', async () => (await readFleetStatus(app)).rollout.reloading.length === 0);
      const all = (await Promise.all(on.members.map(({ config }) => outages(on, app, config.id, 'web')))).flat();
      expect(all.length).toBe(8);
      const most = Math.max(...all.map(({ from }) => all.filter((other) => other.from <= from && from < other.to).length));
      expect(most, 'at once').toBeLessThanOrEqual(maxUnavailable);
      expect(most, 'as many as may be').toBe(maxUnavailable);
    },
    90_000,
  );
});

describe('two processes that share the pools', () => {
  it('hand a rollout on to each other: whoever looks at a proxy gives its slot back, and no change waits for the other one', async ({
    annotate,
  }) => {
    const on = await fleet(3);
    const app = await on.work(on.members, ['transition', 'reconciler']);
    await on.work(on.members, ['reconciler'], 'runs');
    const took: number[] = [];
    for (const balance of ['roundrobin', 'leastconn', 'source', 'roundrobin', 'leastconn']) {
      const config = service('web', { balance });
      const from = performance.now();
      await on.tell(app, 'web', { type: 'configured', config });
      await until('all have it', async () => (await on.having(config)).length === 3, LONG);
      await until('no slot is held', async () => (await readFleetStatus(app)).rollout.reloading.length === 0, LONG);
      took.push(Math.round(performance.now() - from));
    }
    await annotate(`${took.join(', ')} ms`);
    // The next look at everything may be 30 s away.
    expect(Math.max(...took)).toBeLessThan(20_000);
    expect((await readFleetStatus(app)).rollout.stopped).toEqual([]);
  }, 300_000);

  it('count the sessions of a new worker afresh, also where the other one met it first', async () => {
    const on = await fleet(1);
    const app = await on.work(on.members, ['transition', 'reconciler']);
    const web = service('web');
    await on.tell(app, 'web', { type: 'configured', config: web });
    await until('it has web', async () => (await on.having(web)).length === 1, LONG);
    await until('no slot is held', async () => (await readFleetStatus(app)).rollout.reloading.length === 0, LONG);
    await on.rest(app);
    const { ports } = await on.work(on.members, ['transition'], 'runs');
    const [member] = on.members;
    if (member === undefined) throw new Error('no fleet');
    const [first, second] = [new ProxyAgent(member.config, ports), new ProxyAgent(member.config, ports)];
    const { signal } = new AbortController();
    const pass = (agent: ProxyAgent) => until('a pass', async () => (await reconcile(agent, signal, { full: true })).outcome === 'done');
    await pass(second);
    // Of one that this pass does not get to.
    second.sessions.set('api', { at: 0, counts: new Map() });
    await member.haproxy.reload();
    await pass(first);
    await pass(second);
    expect([...second.sessions.keys()]).toEqual([]);
  }, 60_000);
});

describe('options that HAProxy refuses', () => {
  it('are tried by one proxy; the others stop, say so, and go on with other options', async () => {
    const on = await fleet(4);
    const app = await on.work(on.members, ['transition', 'reconciler']);
    const good = service('web');
    await on.tell(app, 'web', { type: 'configured', config: good });
    await until('all have web', async () => (await on.having(good)).length === 4, LONG);
    const bad = { ...good, extra: { frontend: [], backend: ['no-such-keyword'] } };
    await on.tell(app, 'web', { type: 'configured', config: bad });
    const report = await until(
      'three are stopped',
      async () => {
        const now = await readFleetStatus(app);
        const [stop] = now.rollout.stopped;
        const held = now.proxies
          .flatMap(({ backends }) => backends)
          .filter(({ detail }) => detail?.startsWith(`rollout stopped at ${stop?.proxy}: `));
        return held.length === 3 && now;
      },
      LONG,
    );
    const { proxy } = report.rollout.stopped[0] ?? { proxy: '' };
    expect(report.rollout.stopped).toMatchObject([{ what: 'web', done: 0, of: 4 }]);
    expect(report.rollout.stopped[0]?.reason).toContain('no-such-keyword');
    expect(report.rollout.reloading).toEqual([]);
    const text = printReport(report, { colour: false, only: null });
    expect(text.split('\n')[0]).toContain(`rollout of web STOPPED at ${proxy}: 0 of 4 done`);
    expect(await on.having(good), 'all serve on as they did').toHaveLength(4);
    const better = service('web', { balance: 'leastconn' });
    await on.tell(app, 'web', { type: 'configured', config: better });
    await until('all have other options', async () => (await on.having(better)).length === 4, LONG);
    await until('nothing is stopped', async () => (await app.ports.redis.hlen(app.ports.keys.rollout.stops)) === 0, LONG);
  }, 90_000);

  it('on one host alone stop there, other services go on, and a resync goes on where that is mended', async () => {
    const on = await fleet(3, { sections: new Map([1, 2].map((number) => [number, USERS])) });
    const [first, ...others] = on.members;
    if (first === undefined) throw new Error('no fleet');
    const app = await on.work([first], ['transition', 'reconciler']);
    const elsewhere = await on.work(others, ['reconciler']);
    const web = service('web');
    await on.tell(app, 'web', { type: 'configured', config: web });
    await until('all have web', async () => (await on.having(web)).length === 3, LONG);
    await until('nobody reloads', async () => (await readFleetStatus(app)).rollout.reloading.length === 0, LONG);
    await on.rest(elsewhere);
    const api = service('api', { extra: { frontend: [], backend: ['http-request deny unless { http_auth(ours) }'] } });
    await on.tell(app, 'api', { type: 'configured', config: api });
    await until('it failed there', async () => (await app.ports.redis.hexists(app.ports.keys.rollout.stops, 'api/edge-0')) === 1, LONG);
    await on.work(others, ['reconciler'], 'runs');
    const better = service('web', { balance: 'leastconn' });
    await on.tell(app, 'web', { type: 'configured', config: better });
    await until('all have the other one', async () => (await on.having(better)).length === 3, LONG);
    expect(await on.having(api)).toEqual([]);
    const { stopped } = (await readFleetStatus(app)).rollout;
    expect(stopped).toMatchObject([{ what: 'api', proxy: 'edge-0', done: 0, of: 3 }]);
    await first.haproxy.configure({ sections: USERS });
    await goOn(app.ports, null);
    for (const { config } of on.members) {
      await app.ports.proxies.mark([config.id], new Map([['api', 0]]));
      await app.ports.queues.wakeProxy(config.pool, config.id, { why: 'resync', time: Date.now() });
    }
    // Sooner than the next look at everything.
    await until('all have api', async () => (await on.having(api)).length === 3, { timeoutMs: 15_000 });
  }, 90_000);
});
