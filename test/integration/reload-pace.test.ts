/** How often HAProxy is reloaded, however many changes ask for it, and what that leaves behind: old workers, counted and bounded. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readReport } from '../../cli/status/read-report.ts';
import { masterProcesses } from '../../shared/haproxy/master.ts';
import { observeProxy } from '../../shared/haproxy/observe.ts';
import { countOldWorkers } from '../../shared/haproxy/old-workers.ts';
import { structureOf } from '../../shared/haproxy/render-service.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { pause } from '../../shared/runtime/wait.ts';
import { readFleet } from '../../workers/dashboard/fleet.ts';
import { metricsText } from '../../workers/dashboard/metrics.ts';
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

function service(index: number, queue: number): ServiceConfig {
  const name = `s${index}`;
  const timeouts = { connect: null, client: null, server: null, check: null, queue };
  return serviceConfig({ name, path: `/services/${name}/instances`, check: { type: 'none' }, timeouts });
}

function allLoaded(on: Pipeline, configs: readonly ServiceConfig[]): Promise<boolean> {
  return withRuntime(on.proxy.runtime, async (connection) => {
    const { structures } = await observeProxy(connection);
    return configs.every((config) => structures.get(config.name) === structureOf(config, on.proxy.defaults));
  });
}

describe('1,000 changes that each need a reload, in 10 s', () => {
  it('give at most 6 reloads by the count of the master, and the last of each service is loaded', async ({ annotate }) => {
    const on = await pipeline({ proxy: { reloadPolicy: { minInterval: 2_000, jitter: 0.2, hardStopAfter: 10_000, maxReloads: 50 } } });
    const first = Array.from({ length: 20 }, (_, index) => service(index, 1_000));
    for (const config of first) await on.configure(config);
    await until('they are loaded', () => allLoaded(on, first), { timeoutMs: 20_000 });
    const reloads = async (): Promise<number> => (await until('the master', () => masterProcesses(on.haproxy.master))).reloads;
    const before = await reloads();
    // The pause after the last one is over, so that the count does not begin with a delay of its own.
    await until('a reload may be', async () => Number((await on.app.ports.proxies.state('edge')).lastReload) + 2_500 < Date.now());
    const ordered = new Set<number>();
    const started = performance.now();
    for (let change = 0; change < 1_000; change += 1) {
      await on.configure(service(change % 20, 2_000 + change));
      ordered.add(Number((await on.app.ports.proxies.state('edge')).lastReload));
      await pause(Math.max(0, started + (change + 1) * 10 - performance.now()));
    }
    const took = performance.now() - started;
    const last = Array.from({ length: 20 }, (_, index) => service(index, 2_000 + 980 + index));
    await until('the last of each is loaded', () => allLoaded(on, last), { timeoutMs: 20_000 });
    const counted = (await reloads()) - before;
    await annotate(`${counted} reloads for 1,000 changes in ${Math.round(took)} ms`);
    expect(took).toBeLessThan(15_000);
    const times = [...ordered];
    const between = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(Math.min(...between), 'ms between two').toBeGreaterThanOrEqual(2_000);
    expect(counted, 'a reload does not wait until the changes are over').toBeGreaterThanOrEqual(3);
    expect(counted).toBeLessThanOrEqual(Math.ceil(took / 2_000) + 1);
    if (took < 10_500) expect(counted).toBeLessThanOrEqual(6);
    const jobs = await on.app.ports.queues.queue('reloads.edge').getJobs(['completed']);
    const done = jobs.filter((job) => (job.returnvalue as { outcome: string }).outcome === 'reloaded');
    for (const { data, returnvalue } of done) {
      expect(data.cause.why).toMatch(/^s\d+: |services|reload/);
      const { reasons } = returnvalue as { reasons: string[] };
      expect(reasons.length, 'as many as a person reads').toBeLessThanOrEqual(11);
      expect(reasons[0]).toMatch(/^s\d+: /);
    }
  }, 60_000);
});

describe('a clock that is set back by an hour', () => {
  it('holds up no reload: what was stored of the last one, and of what was refused, is not waited for', async () => {
    const on = await pipeline();
    await on.configure(service(0, 1_000));
    await until('it is loaded', () => allLoaded(on, [service(0, 1_000)]));
    await until('the reload is through', async () => (await on.backendState('s0')) === 'in-sync');
    // As it is found by a process whose clock is an hour behind the one that stored it.
    const ahead = Date.now() + 3_600_000;
    const structure = structureOf(service(0, 1_001), on.proxy.defaults);
    const refused = JSON.stringify({ structure, message: 'refused', nextTry: ahead });
    const stored = { lastReload: String(ahead), reloadDue: String(ahead), 'rejected:s0': refused };
    await on.app.ports.proxies.setState('edge', stored);
    await on.configure(service(0, 1_001));
    await until('the next is loaded', () => allLoaded(on, [service(0, 1_001)]));
    expect(Number((await on.app.ports.proxies.state('edge')).lastReload)).toBeLessThan(ahead);
  });

  it('holds up none by one of the three alone', async () => {
    const on = await pipeline();
    const ahead = Date.now() + 3_600_000;
    for (const [index, field] of ['lastReload', 'reloadDue', 'rejected:s0'].entries()) {
      await on.configure(service(0, 1_000 + index));
      await until('it is loaded', () => allLoaded(on, [service(0, 1_000 + index)]));
      await until('the reload is through', async () => (await on.backendState('s0')) === 'in-sync');
      const structure = structureOf(service(0, 1_001 + index), on.proxy.defaults);
      const value = field === 'rejected:s0' ? JSON.stringify({ structure, message: 'refused', nextTry: ahead }) : String(ahead);
      await on.app.ports.proxies.setState('edge', { [field]: value });
      await on.configure(service(0, 1_001 + index));
      await until(`${field}: the next is loaded`, () => allLoaded(on, [service(0, 1_001 + index)]));
    }
  }, 60_000);
});

describe('old workers', () => {
  it('are counted in status and metrics, and there are no more than maxReloads; they are gone when their clients are', async () => {
    const port = await freePort();
    const on = await pipeline({ proxy: { reloadPolicy: { minInterval: 0, jitter: 0, hardStopAfter: 60_000, maxReloads: 3 } } });
    const web = (queue: number) => ({ ...service(0, queue), listen: `127.0.0.1:${port}` });
    await on.configure(web(1_000));
    await until('it is loaded', () => allLoaded(on, [web(1_000)]));
    const clients = [];
    for (let turn = 1; turn <= 5; turn += 1) {
      // A request that never ends: its worker waits for it.
      const client = connect(port, '127.0.0.1').on('error', () => undefined);
      await once(client, 'connect');
      client.write('GET / HTTP/1.1\r\nHost: a\r\n');
      clients.push(client);
      const loaded = web(1_000 + turn);
      await on.configure(loaded);
      await until('the next is loaded', () => allLoaded(on, [loaded]));
      await until('the old ones are counted', async () => (await oldWorkers(on)) === Math.min(turn, 3));
    }
    const worker = await on.haproxy.workerPid();
    const counted = { binary: 'haproxy', managed: on.managed, living: worker };
    // One that was cut has its last moments.
    for (const way of [on.proxy.reload, { kind: 'command', argv: ['true'] } as const])
      await until(`three by ${way?.kind}`, async () => (await countOldWorkers({ ...counted, way })) === 3);
    expect(await countOldWorkers({ ...counted, way: null, managed: join(on.managed, 'other') })).toBeNull();
    await until('the metrics to say so', async () => {
      const { text } = await metricsText([], await readFleet(on.app.ports, [], Date.now()));
      return ['old_workers{proxy="edge"} 3', 'reloads_total{proxy="edge",outcome="done"} 6'].every((line) => text.includes(line));
    });
    for (const client of clients) client.destroy();
    await until('none is left', async () => (await oldWorkers(on)) === 0, { timeoutMs: 25_000 });
  }, 60_000);
});

async function oldWorkers(on: Pipeline): Promise<number | null | undefined> {
  return (await readReport(on.config(), on.app.ports, null, Date.now())).proxies[0]?.oldWorkers;
}
