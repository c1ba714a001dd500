/** Traffic: every instance gets its share of the steady load, and every request its answer. */
import { pause } from '../../../shared/runtime/wait.ts';
import { INVENTORY, PRICING } from '../begin.ts';
import { hold, instancesOf, type TourContext, type TourStep } from '../tour-step.ts';

const WATCH_MS = 3_000;
/** Round robin is even; a server that has just come gets its turn a little later. */
const LEAST_SHARE = 0.5;

export const traffic: TourStep = {
  name: 'traffic',
  title: 'requests are spread over the instances',
  lossesMax: 0,
  async run(context) {
    const { load, signal } = context;
    const before = { answered: load.answered, failed: load.failed, byInstance: new Map(load.byInstance) };
    await pause(WATCH_MS, signal);
    signal.throwIfAborted();
    const lines = [INVENTORY, PRICING].map((service) => shares(context, service, before.byInstance));
    const failed = load.failed - before.failed;
    return [...lines, `${load.answered - before.answered} requests in ${WATCH_MS / 1_000} s, ${failed} failed`];
  },
};

function shares(context: TourContext, service: string, before: ReadonlyMap<string, number>): string {
  const counts = instancesOf(context, service).map(({ id, port }) => ({
    port,
    count: (context.load.byInstance.get(id) ?? 0) - (before.get(id) ?? 0),
  }));
  const mean = counts.reduce((sum, { count }) => sum + count, 0) / counts.length;
  for (const { port, count } of counts) {
    hold(
      count > 0 && count >= mean * LEAST_SHARE,
      `port ${port} of ${service} got ${count} requests where ${mean.toFixed(0)} are its share`,
    );
  }
  return `${service}: ${counts.map(({ port, count }) => `:${port} ${count}`).join('  ')}`;
}
