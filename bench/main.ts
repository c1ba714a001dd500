/**
 * `npm run bench`: how long a change in Zookeeper takes to reach HAProxy's traffic, side by side with a bare script and with reloading; whether requests
 * are lost meanwhile; where the time goes. Everything it needs it starts itself, on loopback. Exits 0 when every target was met, 1 when
 * one was missed or something failed, 2 for a bad command line.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { namedPath } from '../test/support/haproxy-versions.ts';
import { measureApply } from './apply.ts';
import { measureCodecs } from './codecs.ts';
import { Endings } from './endings.ts';
import { type EventLogFound, measureEventLog } from './event-log.ts';
import { measureFleet } from './fleet.ts';
import { applyTable, fleetTable, newServiceTable } from './fleet-report.ts';
import { measureLatency } from './latency.ts';
import { measureLoss } from './loss.ts';
import { measureNewService, type NewServiceFound, newServiceNeeds } from './new-service.ts';
import { type Options, type Part, parseOptions, USAGE } from './options.ts';
import { plot } from './plot.ts';
import { measureRegistrar } from './registrar.ts';
import { codecsTable, registrarTable } from './registration-report.ts';
import { eventLogTable, latencyTable, lossTable, perRoundLine, stagesTable, targetsTable } from './report.ts';
import { type Results, round, targetsOf, variantResult } from './results.ts';
import { type Stages, traceStages } from './stages.ts';
import type { Stage } from './timeline.ts';
import { type Recipe, type Variant, WITH_CHECKS, WITHOUT_CHECKS } from './variants/variant.ts';
import { World } from './world.ts';

const RESULTS = fileURLToPath(new URL('results', import.meta.url));

/** Parts that need nothing of the world of the others, in their order. */
const ALONE: readonly Alone[] = [
  alone('log', 'event-log', measureLog, eventLogTable),
  alone('codecs', 'codecs', async () => measureCodecs(progress), codecsTable),
  alone('apply', 'apply', (given) => measureApply(endings, given, progress), applyTable),
  alone('fleet', 'fleet', (given) => measureFleet(endings, given, progress), fleetTable),
  alone('registrar', 'registrar', (given) => measureRegistrar(endings, given, progress), registrarTable),
  alone('new-service', 'new-service', measureNew, newServiceTable),
];

interface Alone {
  readonly part: Part;
  /** null: it cannot be measured here. */
  readonly measure: (
    options: Options,
  ) => Promise<{ readonly file: string; readonly found: object; readonly targets: readonly Met[] } | null>;
}

interface Met {
  readonly met: boolean;
}

/** `table` is printed when it is done. */
function alone<Found extends object>(
  part: Part,
  file: string,
  measure: (options: Options) => Promise<Found | null>,
  table: (found: Found) => string,
): Alone {
  return {
    part,
    measure: async (options) => {
      const found = await measure(options);
      if (found === null) return null;
      told(table(found));
      const { targets = [], target } = found as { targets?: readonly Met[]; target?: Met };
      return { file, found, targets: target === undefined ? targets : [...targets, target] };
    },
  };
}

const options = readOptions();
process.env['PATH'] = namedPath() ?? process.env['PATH'];
const endings = new Endings();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void endings.run().finally(() => process.exit(130)));
const before = round(loadavg()[0] ?? 0);
try {
  const apart: NonNullable<Awaited<ReturnType<Alone['measure']>>>[] = [];
  for (const { part, measure: measured } of ALONE) {
    const found = options.parts.includes(part) ? await measured(options) : null;
    if (found !== null) apart.push(found);
  }
  const found = options.parts.every((part) => ALONE.some((one) => one.part === part))
    ? {}
    : await measure(endings.add(await World.start()), options);
  const machine = {
    cores: availableParallelism(),
    node: process.version,
    haproxy: haproxyVersion(),
    load: [before, round(loadavg()[0] ?? 0)] as const,
  };
  const date = new Date().toISOString().slice(0, 10);
  const results: Results = { format: 1, date, machine, everyMs: options.everyMs, ...found, targets: targetsOf(found) };
  if (results.targets.length > 0) console.log(targetsTable(results));
  console.log(`${machine.cores} cores, load ${machine.load.join(' before and ')} after; HAProxy ${machine.haproxy}, Node ${machine.node}`);
  if (options.out !== null && Object.keys(found).length > 0) write(options.out, results);
  for (const { file, found: part } of apart) if (options.out !== null) writePart(options.out, file, { format: 1, date, machine, ...part });
  const targets = [results, ...apart].flatMap((part): readonly Met[] => part.targets);
  process.exitCode = targets.every(({ met }) => met) ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
} finally {
  await endings.run();
}
process.exit();

function readOptions(): Options {
  try {
    return parseOptions(process.argv.slice(2), RESULTS);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
    process.exit(2);
  }
}

async function measure(world: World, { parts, ...amounts }: Options): Promise<Pick<Results, 'latency' | 'checked' | 'loss' | 'stages'>> {
  const found: { -readonly [K in 'latency' | 'checked' | 'loss' | 'stages']?: NonNullable<Results[K]> } = {};
  const latency = async (recipe: Recipe, names: Variant['name'][], title: string) => {
    const samples = await measureLatency(world, recipe, names, amounts, (done) => progress(`${title}: round ${done} of ${amounts.rounds}`));
    const results = samples.map(variantResult);
    told(latencyTable(title, results));
    return results;
  };
  if (parts.includes('latency')) found.latency = await latency(WITHOUT_CHECKS, ['pointsman', 'bare', 'reload'], 'Without checks');
  if (parts.includes('checked'))
    found.checked = await latency(WITH_CHECKS, ['pointsman', 'bare'], 'With checks (2 good ones before any request)');
  if (parts.includes('loss')) {
    progress(`${amounts.churns} instances come and go, then ${amounts.reloads} reloads, under load`);
    found.loss = await measureLoss(world, amounts);
    told(lossTable(found.loss));
  }
  if (parts.includes('stages')) {
    progress('where the time goes');
    const { add, remove, perRound } = await traceStages(world, amounts);
    told(stagesTable('a create', add));
    told(stagesTable('a delete', remove));
    told(perRoundLine(perRound));
    found.stages = { add: add.map(roundedStage), remove: remove.map(roundedStage), perRound: roundedPerRound(perRound) };
  }
  return found;
}

function measureLog(amounts: Options): Promise<EventLogFound> {
  progress(`the event log: folds, and a replay of ${amounts.logEvents} events`);
  return measureEventLog(amounts);
}

/** null: this HAProxy cannot, and it was not asked for alone. */
async function measureNew(amounts: Options): Promise<NewServiceFound | null> {
  const needs = newServiceNeeds();
  if (needs !== null) {
    if (amounts.parts.length === 1) throw new Error(needs);
    console.log(`left out: ${needs}\n`);
    return null;
  }
  return measureNewService(endings, amounts, progress);
}

function roundedPerRound({ cpu, redisCommands, serviceJobs, proxyJobs }: Stages['perRound']): Stages['perRound'] {
  return { cpu: round(cpu), redisCommands: round(redisCommands), serviceJobs: round(serviceJobs), proxyJobs: round(proxyJobs) };
}

function roundedStage(stage: Stage): Stage {
  return { ...stage, starts: round(stage.starts), ends: round(stage.ends), took: round(stage.took) };
}

/** On one line that is written over, for people only. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

function told(text: string): void {
  progress('');
  console.log(text);
}

function haproxyVersion(): string {
  return /version (\S+)/.exec(execFileSync('haproxy', ['-v'], { encoding: 'utf8' }))?.[1] ?? 'unknown';
}

function writePart(folder: string, name: string, results: Pick<Results, 'format' | 'date' | 'machine'>): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}-${results.date}.json`), `${JSON.stringify(results)}\n`);
  console.log(`written: ${name}-${results.date}.json`);
}

function write(folder: string, results: Results): void {
  const name = `one-service-${results.date}`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(results)}\n`);
  writeFileSync(join(folder, `${name}.svg`), plot(results));
  console.log(`written: ${name}.json and ${name}.svg`);
}
