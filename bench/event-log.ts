/**
 * The event log: what one event costs in the fold, how fast a log is folded on one core, how long a replay of a large export takes with every core, and how
 * large a snapshot is. Needs neither Zookeeper nor Redis nor HAProxy.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeExport } from '../cli/log/export-writer.ts';
import { Replay } from '../machines/replay.ts';
import { canonical } from '../shared/model/canonical.ts';
import type { Logged, ServiceEvent } from '../shared/model/event.ts';
import type { LogItem } from '../shared/model/log-item.ts';
import { serviceConfig } from '../test/support/render-input.ts';
import { type Part, stagesOfFold, stagesOfReplay } from './event-log-stages.ts';
import { round, rounded } from './results.ts';
import { type Summary, summary } from './statistics.ts';

const MAIN = fileURLToPath(new URL('../cli/main.ts', import.meta.url));
const FOLD_EVENTS = 100_000;
const STEPS_MEASURED = 50_000;
const INSTANCES = 1_000;
const EXPORT_SERVICES = 4;
const FIRST_MS = 1_764_000_000_000;
/** ms between two looks at the memory. */
const LOOK_EVERY_MS = 100;
const FOLD_PER_SECOND_LEAST = 12_000;

export interface EventLogFound {
  /** µs of one event. */
  readonly step: Summary;
  readonly fold: { readonly events: number; readonly instances: number; readonly seconds: number; readonly perSecond: number };
  readonly replay: { readonly events: number; readonly bytes: number; readonly seconds: number; readonly peakMegabytes: number };
  /** Where the time goes, on one thread. */
  readonly stages: { readonly fold: readonly Part[]; readonly replay: readonly Part[] };
  /** Bytes of one instance's snapshot. */
  readonly snapshotBytes: Summary;
  readonly target: { readonly what: string; readonly found: number; readonly least: number; readonly met: boolean };
}

export async function measureEventLog({ logEvents }: { readonly logEvents: number }): Promise<EventLogFound> {
  fold(FOLD_EVENTS / 10);
  const { seconds, replay } = fold(FOLD_EVENTS);
  const sizes = [...replay.state().instances.values()].map((snapshot) => Buffer.byteLength(canonical(snapshot)));
  const perSecond = Math.round(FOLD_EVENTS / seconds);
  const stages = { fold: stagesOfFold([...logged(FOLD_EVENTS)]), replay: await inExport(FOLD_EVENTS, stagesOfReplay) };
  return {
    step: measureSteps(),
    fold: { events: FOLD_EVENTS, instances: INSTANCES, seconds: round(seconds), perSecond },
    replay: await measureReplay(logEvents),
    stages,
    snapshotBytes: summary(sizes),
    target: {
      what: 'events folded per second, one core',
      found: perSecond,
      least: FOLD_PER_SECOND_LEAST,
      met: perSecond >= FOLD_PER_SECOND_LEAST,
    },
  };
}

/** Prepared before the clock starts. */
function fold(count: number): { seconds: number; replay: Replay } {
  const events = [...logged(count)];
  const replay = new Replay();
  const began = performance.now();
  for (const event of events) replay.step(event);
  return { seconds: (performance.now() - began) / 1000, replay };
}

function measureSteps(): Summary {
  const events = [...logged(STEPS_MEASURED + INSTANCES * 3)];
  const replay = new Replay();
  const took: number[] = [];
  for (const [index, event] of events.entries()) {
    const began = performance.now();
    replay.step(event);
    if (index >= INSTANCES * 3) took.push((performance.now() - began) * 1000);
  }
  return rounded(summary(took));
}

/** By the command itself, in a process of its own. */
function measureReplay(events: number): Promise<EventLogFound['replay']> {
  return inExport(events, async (file) => {
    const began = performance.now();
    const peakMegabytes = await peakOf(['replay', '--file', file, '--quiet']);
    return { events, bytes: (await stat(file)).size, seconds: round((performance.now() - began) / 1000), peakMegabytes };
  });
}

async function inExport<T>(events: number, work: (file: string, events: number) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'pointsman-bench-'));
  const file = join(folder, 'log.jsonl');
  try {
    await writeExport(items(events), file, 'bench', FIRST_MS);
    return await work(file, events);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function peakOf(args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  let peak = 0;
  const looks = setInterval(() => {
    readFile(`/proc/${child.pid}/status`, 'utf8')
      .then((text) => {
        peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(text)?.[1] ?? 0));
      })
      .catch(() => undefined);
  }, LOOK_EVERY_MS);
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  clearInterval(looks);
  if (code !== 0) throw new Error(`the replay ended with ${code}`);
  return Math.round(peak / 1024);
}

async function* items(count: number): AsyncGenerator<LogItem> {
  for (let index = 0; index < EXPORT_SERVICES; index += 1) {
    yield { kind: 'stream', of: 'service', name: `service-${index}`, after: '0-0', start: 'beginning' };
    for (const { id, event, source, cause } of logged(count / EXPORT_SERVICES)) {
      const { type, ...data } = event;
      yield { kind: 'event', id, v: 1, type, data, source, cause };
    }
    yield { kind: 'end' };
  }
}

/** A service's life: all register and come up; then they change their weights, leave, drain, and come back, in turn. */
function* logged(count: number): Generator<Logged<ServiceEvent>> {
  let at = 0;
  for (const event of life()) {
    if (at >= count) return;
    const time = FIRST_MS + at * 10;
    yield { id: `${time}-0`, time, event, source: 'watcher:host:1', cause: null };
    at += 1;
  }
}

function* life(): Generator<ServiceEvent> {
  yield { type: 'configured', config: CONFIG };
  for (let index = 0; index < INSTANCES; index += 1) yield registered(index, 1, index);
  yield { type: 'complete' };
  for (let index = 0; index < INSTANCES; index += 1) yield health(index, 'absent', 'up');
  const tokens = new Map<number, number>();
  for (let turn = 0; ; turn += 1) {
    const index = (turn * 7) % INSTANCES;
    const zxid = INSTANCES + turn * 2;
    const token = (tokens.get(index) ?? 0) + 1;
    tokens.set(index, token);
    yield registered(index, (turn % 9) + 1, zxid);
    yield { type: 'deregistered', instance: nameOf(index), znode: znodeOf(index, zxid) };
    yield { type: 'timer', timer: 'drain', instance: nameOf(index), token };
    yield registered(index, 1, zxid + 1);
    yield health(index, 'absent', 'up');
  }
}

function registered(index: number, weight: number, zxid: number): ServiceEvent {
  const registration = { host: hostOf(index), address: hostOf(index), port: 8080, weight, labels: { zone: `zone-${index % 3}` } };
  return { type: 'registered', instance: nameOf(index), znode: znodeOf(index, zxid), said: { registration } };
}

function health(index: number, from: 'absent', to: 'up'): ServiceEvent {
  return { type: 'health', proxy: 'edge', verdicts: [{ instance: nameOf(index), from, to }] };
}

function znodeOf(index: number, zxid: number) {
  return { name: nameOf(index), czxid: String(zxid), mzxid: String(zxid), version: 0 };
}

function hostOf(index: number): string {
  return `10.0.${index >> 8}.${index & 255}`;
}

function nameOf(index: number): string {
  return `${hostOf(index)}:8080`;
}

/** The guard would hold what leaves and comes back so fast. */
const CONFIG = serviceConfig({
  name: 'service',
  path: '/services/service',
  drainTimeout: 0,
  guard: { maxLoss: 1, window: 10_000, hold: 300_000 },
});
