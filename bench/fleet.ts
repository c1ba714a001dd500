/**
 * A fleet of 50 proxies with 20 services each, on simulated runtime sockets: how long an event takes until it is applied on each, while all are well, one
 * refuses connections, or one hangs; whether one that comes back is brought up to date in one job; how long `status` and `plan` take over all of them.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { planAll } from '../cli/plan/plan-all.ts';
import { printReport } from '../cli/status/print-report.ts';
import { readReport } from '../cli/status/read-report.ts';
import type { Config } from '../shared/config/config.ts';
import type { ServiceEvent } from '../shared/model/event.ts';
import { createLogger } from '../shared/observability/logger.ts';
import { pause } from '../shared/runtime/wait.ts';
import { until } from '../test/support/poll.ts';
import { startRedis } from '../test/support/redis.ts';
import { proxyConfig } from '../test/support/render-input.ts';
import { serviceConfig } from '../test/support/service-events.ts';
import { App } from '../workers/app.ts';
import { clock } from './clock.ts';
import type { Endings } from './endings.ts';
import { BLOCKED_MOST_MS, type Held, watchLoop } from './loop-delay.ts';
import { round, type Target, target } from './results.ts';
import { SimulatedFleet } from './simulated-fleet.ts';
import { percentile, type Summary, summary } from './statistics.ts';

const PROXIES = 50;
const SERVICES = 20;
/** The last two are those that are closed and stopped. */
const DEAD = PROXIES - 2;
const HUNG = PROXIES - 1;
/** Changes in a row under one condition; conditions take turns, so that what else happens on the machine meets all. */
const BLOCK = 10;
const GAP_MS = 40;
const APPLIED_WITHIN_MS = 10_000;
const SETTLE_MS = 2_000;

export type Condition = 'all well' | 'one refuses' | 'one hangs';
const CONDITIONS: readonly Condition[] = ['all well', 'one refuses', 'one hangs'];

export interface FleetFound {
  readonly proxies: number;
  readonly services: number;
  /** ms from the event to the command, on each of the proxies that are always well. */
  readonly applied: Readonly<Record<Condition, Summary>>;
  /** The p99 of each ten changes, of those the median: what else happens on the machine for a moment is in one of them. */
  readonly blocks: Readonly<Record<Condition, number>>;
  /** Connections that changed something on a proxy that came back after changes of all services. */
  readonly jobsToCatchUp: number;
  /** ms */
  readonly status: Summary;
  readonly plan: Summary;
  readonly statusLines: number;
  /** The event loop of pointsman and the bench, which share it, while changes are applied. */
  readonly blocked: Held;
  readonly targets: readonly Target[];
}

export async function measureFleet(
  endings: Endings,
  { rounds }: { readonly rounds: number },
  progress: (text: string) => void,
): Promise<FleetFound> {
  const names = Array.from({ length: SERVICES }, (_, index) => `s${index}`);
  const redis = endings.add(await startRedis());
  const [many, one] = await Promise.all([SimulatedFleet.start(PROXIES - 1, names), SimulatedFleet.start(1, names)]);
  endings.add(many);
  endings.add(one);
  const folder = await mkdtemp(join(tmpdir(), 'pointsman-bench-'));
  endings.add({ stop: () => rm(folder, { recursive: true, force: true }) });
  const proxies = [...many.ports, ...one.ports].map((port, index) =>
    proxyConfig({
      id: `p${index}`,
      pool: 'fleet',
      runtime: { kind: 'tcp', host: '127.0.0.1', port },
      reload: null,
      base: null,
      managed: null,
      runtimeOnly: true,
    }),
  );
  const config = {
    redis: { url: redis.url, prefix: 'bench' },
    proxies,
    services: [],
    register: [],
    log: { level: 'warn', retain: { age: 3_600_000, events: 100_000, bytes: 256 * 1024 ** 2 } },
  } as unknown as Config;
  const app = endings.add(new App(config, ['transition', 'reconciler'], createLogger({ level: 'warn', file: join(folder, 'log') })));
  await app.start();
  const told = new Map<string, Map<number, number>>();
  many.onApplied = (socket, line, at) => note(told, line, socket, at);
  one.onApplied = (_, line, at) => note(told, line, HUNG, at);
  for (const name of names)
    await tell(
      app,
      name,
      { type: 'configured', config: serviceConfig({ name, path: `/${name}`, check: { type: 'none' } }) },
      registered(1, 1),
    );
  await until('all have all', () => names.every((name) => applied(told, `set server ${name}/10.0.0.1:80 state ready`, PROXIES)), {
    timeoutMs: 60_000,
  });

  const samples: Record<Condition, number[][]> = { 'all well': [], 'one refuses': [], 'one hangs': [] };
  let weight = 1;
  const change = async (count: number): Promise<number[]> => {
    const ms: number[] = [];
    for (let turn = 0; turn < count; turn += 1) {
      weight = (weight % 250) + 1;
      const name = names[turn % SERVICES] ?? '';
      const line = `set server ${name}/10.0.0.1:80 weight ${weight}`;
      told.delete(line);
      const began = clock();
      await tell(app, name, registered(weight, weight + 1_000 * (turn + 1)));
      await until(line, () => applied(told, line, DEAD), { timeoutMs: APPLIED_WITHIN_MS, everyMs: 10 });
      for (const [socket, at] of told.get(line) ?? []) if (socket < DEAD) ms.push(at - began);
      await pause(GAP_MS * (0.5 + Math.random()));
    }
    return ms;
  };
  await change(BLOCK);
  const watched = watchLoop();
  for (let done = 0; done < rounds; done += BLOCK) {
    for (const condition of inTurn(done / BLOCK)) {
      progress(`the fleet: change ${done} of ${rounds}, ${condition}`);
      if (condition === 'one refuses') await many.close(DEAD);
      if (condition === 'one hangs') one.signal('SIGSTOP');
      await pause(SETTLE_MS / 2);
      samples[condition].push(await change(BLOCK));
      if (condition === 'one refuses') await many.open(DEAD);
      if (condition === 'one hangs') one.signal('SIGCONT');
      await pause(SETTLE_MS);
    }
  }
  const held = watched();
  const blocked = { clock: round(held.clock), own: round(held.own) };
  await many.close(DEAD);
  await change(SERVICES * 2);
  const before = await many.writers(DEAD);
  const last = names.map((name) => `set server ${name}/10.0.0.1:80 weight`);
  const lines = new Set([...told.keys()].filter((line) => last.some((start) => line.startsWith(start))).slice(-SERVICES));
  await many.open(DEAD);
  await until('it is up to date', () => [...lines].every((line) => told.get(line)?.has(DEAD)), { timeoutMs: 40_000 });
  const jobsToCatchUp = (await many.writers(DEAD)) - before;

  one.signal('SIGSTOP');
  await change(BLOCK);
  const status: number[] = [];
  let statusLines = 0;
  for (let run = 0; run < 20; run += 1) {
    const began = performance.now();
    const report = await readReport(config, app.ports, null, Date.now());
    statusLines = printReport(report, { colour: false, only: null }).split('\n').length;
    status.push(performance.now() - began);
  }
  const plan: number[] = [];
  for (let run = 0; run < 10; run += 1) {
    const began = performance.now();
    await planAll(config, app.ports, null);
    plan.push(performance.now() - began);
  }
  one.signal('SIGCONT');
  const of = (condition: Condition): Summary => rounded(summary(samples[condition].flat()));
  const ofBlocks = (condition: Condition): number =>
    round(
      percentile(
        samples[condition].map((block) => percentile(block, 0.99)),
        0.5,
      ),
    );
  return {
    proxies: PROXIES,
    services: SERVICES,
    applied: { 'all well': of('all well'), 'one refuses': of('one refuses'), 'one hangs': of('one hangs') },
    blocks: { 'all well': ofBlocks('all well'), 'one refuses': ofBlocks('one refuses'), 'one hangs': ofBlocks('one hangs') },
    jobsToCatchUp,
    status: { ...rounded(summary(status)) },
    plan: rounded(summary(plan)),
    statusLines,
    blocked,
    targets: [
      target('p99 of the others with one that refuses, to all well', round(ofBlocks('one refuses') / ofBlocks('all well')), 1.1),
      target('p99 of the others with one that hangs, to all well', round(ofBlocks('one hangs') / ofBlocks('all well')), 1.1),
      target('event loop held up by own work, the fleet, ms', blocked.own, BLOCKED_MOST_MS),
      target('jobs to catch up', jobsToCatchUp, 1),
      target('status of the fleet, p99, ms', rounded(summary(status)).p99, 3_000),
    ],
  };
}

/** Another one first each time. */
function inTurn(turn: number): Condition[] {
  const first = turn % CONDITIONS.length;
  return [...CONDITIONS.slice(first), ...CONDITIONS.slice(0, first)];
}

function note(told: Map<string, Map<number, number>>, line: string, socket: number, at: number): void {
  const of = told.get(line) ?? new Map<number, number>();
  told.set(line, of);
  if (!of.has(socket)) of.set(socket, at);
}

/** By so many of the first sockets. */
function applied(told: ReadonlyMap<string, ReadonlyMap<number, number>>, line: string, sockets: number): boolean {
  const of = told.get(line);
  return of !== undefined && [...of.keys()].filter((socket) => socket < sockets).length === sockets;
}

async function tell(app: App, service: string, ...events: ServiceEvent[]): Promise<void> {
  const { log, queues } = app.ports;
  const { revision } = await log.readView(service);
  await log.append(service, { epoch: 1, viewRevision: revision, set: new Map(), remove: [], events });
  await queues.wakeService(service, { why: 'bench', time: Date.now() });
}

function registered(weight: number, mzxid: number): ServiceEvent {
  const said = { host: '10.0.0.1', address: '10.0.0.1', port: 80, weight, labels: {} };
  const znode = { name: '10.0.0.1:80', czxid: '1', mzxid: String(mzxid), version: 0 };
  return { type: 'registered', instance: '10.0.0.1:80', znode, said: { registration: said } };
}

export function rounded({ n, p50, p90, p99, max }: Summary): Summary {
  return { n, p50: round(p50), p90: round(p90), p99: round(p99), max: round(max) };
}
