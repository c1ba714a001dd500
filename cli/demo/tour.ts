/** The tour: the steps in order under a steady load, each told as it ends, and a summary. It stops at the first step that does not hold. */
import picocolors from 'picocolors';
import { errorText } from '../../shared/errors.ts';
import { printable } from '../printable.ts';
import { begin, targets } from './begin.ts';
import { Load } from './load.ts';
import type { Stack } from './stack.ts';
import { configChange } from './steps/config-change.ts';
import { crash } from './steps/crash.ts';
import { drain } from './steps/drain.ts';
import { join } from './steps/join.ts';
import { massLoss } from './steps/mass-loss.ts';
import { restart } from './steps/restart.ts';
import { traffic } from './steps/traffic.ts';
import { hold, type TourContext, type TourStep } from './tour-step.ts';

const STEPS: readonly TourStep[] = [join, traffic, drain, crash, restart, massLoss, configChange];
const REQUESTS_PER_SECOND = 100;
const FAILURES_SHOWN = 5;
/** A request that dies with its process was sent shortly before that was killed. */
const ON_THE_WAY_MS = 500;

/** When requests might fail, ms since the epoch. */
interface Window {
  readonly from: number;
  readonly to: number;
}

export interface TourOptions {
  readonly stack: Stack;
  readonly print: (line: string) => void;
  readonly colour: boolean;
}

/** Whether every step held. Throws what kept it from beginning, and the signal's reason. */
export async function runTour({ stack, print, colour }: TourOptions): Promise<boolean> {
  const started = performance.now();
  const { bold, dim, green, red } = picocolors.createColors(colour);
  const seconds = (since: number): string => `${((performance.now() - since) / 1_000).toFixed(1)} s`;
  print(bold('pointsman demo: a tour on a private Zookeeper, Redis and HAProxy'));
  const world = await begin(stack, (line) => print(dim(`  ${line}`)));
  const load = new Load(targets(stack), REQUESTS_PER_SECOND);
  load.start();
  print(dim(`  from now on ${REQUESTS_PER_SECOND} requests a second go through HAProxy, half of them on new connections`));
  let held = 0;
  let failed: string | null = null;
  const windows: Window[] = [];
  try {
    for (const step of STEPS) {
      const stepStarted = performance.now();
      const from = Date.now() - ON_THE_WAY_MS;
      const result = await runStep(step, { stack, world, load, signal: stack.signal });
      if (step.lossesMax > 0) windows.push({ from, to: Date.now() });
      const mark = result.failure === null ? green('✓') : red('✗');
      print(`${mark} ${bold(step.name)}: ${step.title} ${dim(`(${seconds(stepStarted)})`)}`);
      for (const line of result.lines) print(`    ${printable(line)}`);
      if (result.failure !== null) {
        print(red(`    ${printable(result.failure)}`));
        failed = step.name;
        break;
      }
      held += 1;
    }
    await load.stop();
  } finally {
    load.abandon();
    await world.close();
  }
  const stray = load.failures.filter(({ sentAt }) => !windows.some(({ from, to }) => sentAt >= from && sentAt <= to)).length;
  if (failed === null && stray > 0) failed = `the steady load: ${stray} requests failed where none may`;
  print(summary(load));
  const verdict = `${held} of ${STEPS.length} steps held in ${seconds(started)}`;
  print(failed === null ? green(`✓ ${verdict}`) : red(`✗ ${verdict}; what did not hold: ${failed}`));
  return failed === null;
}

async function runStep(step: TourStep, context: TourContext): Promise<{ lines: string[]; failure: string | null }> {
  const failedBefore = context.load.failed;
  let lines: string[] = [];
  try {
    lines = await step.run(context);
    const losses = context.load.failed - failedBefore;
    hold(losses <= step.lossesMax, `${losses} requests failed: ${failures(context.load)}`);
    return { lines, failure: null };
  } catch (error) {
    context.signal.throwIfAborted();
    return { lines, failure: errorText(error) };
  }
}

function summary(load: Load): string {
  const rate = load.seconds === 0 ? 0 : load.total / load.seconds;
  const spread = `p50 ${load.quantile(0.5).toFixed(1)} ms, p99 ${load.quantile(0.99).toFixed(1)} ms`;
  const line = `  steady load: ${load.total} requests in ${load.seconds.toFixed(0)} s (${rate.toFixed(0)} a second), ${load.failed} failed; ${spread}`;
  return load.failed === 0 ? line : `${line}\n  failed: ${failures(load)}`;
}

/** What failed, most frequent first. */
function failures(load: Load): string {
  const counts = new Map<string, number>();
  for (const { service, what } of load.failures) counts.set(`${service}: ${what}`, (counts.get(`${service}: ${what}`) ?? 0) + 1);
  const sorted = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return sorted
    .slice(0, FAILURES_SHOWN)
    .map(([what, count]) => `${count} x ${what}`)
    .join('; ');
}
