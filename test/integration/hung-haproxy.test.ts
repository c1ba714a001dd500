/**
 * A real HAProxy whose runtime API hangs: stopped, or with all its connections taken. What must not pile up are the connections to it; and when it
 * answers again, all goes on by itself.
 */
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import { planProxy } from '../../cli/plan/proxy-plan.ts';
import { readReport } from '../../cli/status/read-report.ts';
import { summary } from '../../cli/status/summary.ts';
import type { ProxyConfig } from '../../shared/model/proxy-config.ts';
import { pause } from '../../shared/runtime/wait.ts';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { leftConnections, openConnections } from '../support/open-connections.ts';
import { Pipeline } from '../support/pipeline.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { serviceConfig } from '../support/samples.ts';

const cleanups = cleanupsAfterEach();
/** A pass, a look and a stream of notices. */
const CONNECTIONS_MAX = 3;
/** Three that open the breaker, those that were under way then, and the probes of that time, each after a longer wait. */
const PILED_MAX = 8;
/** Longer than it takes to open the breaker, and long enough for some probes. */
const WATCHED_MS = 12_000;

interface Hung {
  readonly pipeline: Pipeline;
  readonly port: number;
}

/** Over tcp, where the kernel lists whose a connection is. */
async function start(more: string): Promise<Hung> {
  const port = await freePort();
  const proxy: Partial<ProxyConfig> = { runtime: { kind: 'tcp', host: '127.0.0.1', port } };
  const base = 'defaults base\n  mode http\n  timeout connect 2s\n  timeout client 10s\n  timeout server 10s\n';
  const sections = `global\n  stats socket ipv4@127.0.0.1:${port} level admin\n${more}\n${base}`;
  const pipeline = await Pipeline.start({ proxy, sections });
  cleanups.push(() => pipeline.stop());
  await pipeline.configure(serviceConfig({ name: 'web', check: { type: 'none' } }));
  await pipeline.tell('web', pipeline.registered(9));
  await until('the backend to be in sync', async () => (await pipeline.backendState('web')) === 'in-sync', { timeoutMs: 20_000 });
  return { pipeline, port };
}

/** How many connections of ours there were while something new is told all the time: the most at once, and how many in all. */
async function pressed({ pipeline, port }: Hung, ms: number): Promise<{ most: number; looks: number }> {
  const end = performance.now() + ms;
  let [most, looks, told] = [0, 0, 0];
  while (performance.now() < end) {
    if (looks % 10 === 0) {
      told += 1;
      await pipeline.tell('web', pipeline.registered(9, { weight: (told % 200) + 1 }));
    }
    most = Math.max(most, await openConnections(port));
    looks += 1;
    await pause(20);
  }
  return { most, looks };
}

async function report({ pipeline }: Hung) {
  return readReport(pipeline.config(), pipeline.app.ports, null, Date.now());
}

async function alarms({ pipeline }: Hung): Promise<string[]> {
  const lines = (await readFile(`${pipeline.folder.path}/pointsman.log`, 'utf8')).trim().split('\n');
  return lines.map((line) => (JSON.parse(line) as { msg: string }).msg).filter((msg) => /HAPROXY HANGS|haproxy answers again/.test(msg));
}

async function staysBounded(hung: Hung): Promise<void> {
  const { most, looks } = await pressed(hung, WATCHED_MS);
  expect(looks).toBeGreaterThan(20);
  expect(most).toBeLessThanOrEqual(CONNECTIONS_MAX);
  expect(await leftConnections(hung.port)).toBeLessThanOrEqual(PILED_MAX);
  const [proxy] = (await report(hung)).proxies;
  expect(proxy?.breaker).toMatchObject({ detail: expect.stringContaining('no answer') });
  expect(summary(await report(hung))).toContain('proxy edge HANGS');
  expect(await alarms(hung)).toEqual(['HAPROXY HANGS: nobody connects to it but to try it again']);
}

/** `plan` says what is known, and makes no connection of its own: it would hang. */
async function planAsksNobody({ pipeline, port }: Hung): Promise<void> {
  const { ports } = pipeline.app;
  const begun = performance.now();
  const before = await leftConnections(port);
  const plan = await planProxy({ ...pipeline.proxy, runtime: { kind: 'tcp', host: '127.0.0.1', port } }, ports);
  expect(plan).toMatchObject({ reached: false, error: expect.stringContaining('it hangs'), stored: [{ service: 'web' }] });
  expect(performance.now() - begun).toBeLessThan(1_000);
  // A probe may have come just then.
  expect(await leftConnections(port)).toBeLessThanOrEqual(before + 1);
}

async function recovers(hung: Hung): Promise<void> {
  const { pipeline } = hung;
  await pipeline.tell('web', pipeline.registered(10));
  const answered = until('the breaker to close', async () => (await report(hung)).proxies[0]?.breaker === null, { timeoutMs: 30_000 });
  await answered;
  await until(
    'the new server',
    async () => {
      const [state = ''] = await pipeline.haproxy.cli('show servers state web');
      return / 127\.0\.0\.1:10 /.test(state);
    },
    { timeoutMs: 20_000 },
  );
  await until('all to be in sync', async () => (await pipeline.backendState('web')) === 'in-sync', { timeoutMs: 20_000 });
  expect(await alarms(hung)).toEqual(['HAPROXY HANGS: nobody connects to it but to try it again', 'haproxy answers again']);
}

it('a stopped HAProxy', async () => {
  const hung = await start('');
  const worker = await hung.pipeline.haproxy.workerPid();
  process.kill(worker, 'SIGSTOP');
  cleanups.push(async () => {
    try {
      process.kill(worker, 'SIGCONT');
    } catch {
      // It is gone already.
    }
  });
  await staysBounded(hung);
  await planAsksNobody(hung);
  process.kill(worker, 'SIGCONT');
  await recovers(hung);
}, 120_000);

it('all connections of its runtime API taken by others', async () => {
  const hung = await start('  setenv POINTSMAN_STATS_MAXCONN 5');
  const { pipeline, port } = hung;
  const others: Socket[] = [];
  cleanups.push(async () => {
    for (const other of others) other.destroy();
  });
  // More than there are, so that one of ours that is given back goes to another.
  for (let index = 0; index < 10; index += 1) {
    const other = connect({ path: pipeline.haproxy.runtime.path });
    other.on('error', () => undefined);
    other.write('prompt\nset timeout cli 1h\n');
    others.push(other);
  }
  await staysBounded(hung);
  await planAsksNobody(hung);
  for (const other of others.splice(0)) other.destroy();
  await recovers(hung);
  expect(await openConnections(port)).toBeLessThanOrEqual(CONNECTIONS_MAX);
}, 120_000);
