/** Drain: an instance deregisters while it runs. No new request reaches it, one that is on its way is finished, and it comes back by one command. */
import { get } from 'node:http';
import { must } from '../../../shared/errors.ts';
import { pause } from '../../../shared/runtime/wait.ts';
import { INVENTORY } from '../begin.ts';
import type { Instance } from '../instance.ts';
import { duration, hold, instancesOf, type TourContext, type TourStep } from '../tour-step.ts';
import { until } from '../until.ts';

const WITHIN_MS = 15_000;
/** How long the slow request takes, and within it how long nothing new may come. */
const SLOW_MS = 4_000;
const QUIET_MS = 1_000;
/** An instance tells its figures every 100 ms. */
const TOLD_MS = 250;
/** Slow requests until one has reached the instance: round robin gives it every fourth. */
const SLOW_REQUESTS_MAX = 24;

export const drain: TourStep = {
  name: 'drain',
  title: 'an instance deregisters, its process lives on',
  lossesMax: 0,
  async run(context) {
    const { world, signal } = context;
    const instance = must(instancesOf(context, INVENTORY)[0], 'an instance');
    const slow = await slowRequestTo(context, instance);
    const leftAt = await instance.deregister(signal);
    await until('HAProxy to drain it', async () => (await world.servers(INVENTORY)).get(instance.id)?.admin === 'drain', {
      within: WITHIN_MS,
      signal,
    });
    await pause(TOLD_MS, signal);
    const { requests, lastAt } = instance.traffic;
    await pause(QUIET_MS, signal);
    hold(instance.traffic.requests === requests, `${instance.traffic.requests - requests} requests reached it after it was drained`);
    hold(instance.traffic.slow > 0, 'the slow request ended before the instance came back');
    const lines = [`${instance.id}: znode gone -> last new request ${duration((lastAt ?? leftAt) - leftAt)}, then none`];

    const entry = await world.proxyLogEnd();
    const backAt = await instance.register(signal);
    const firstAt = await instance.firstRequest(backAt, WITHIN_MS, signal);
    const commands = (await world.commandsAfter(entry)).filter(({ service }) => service === INVENTORY);
    hold(commands.length === 1, `it came back by ${commands.length} commands: ${commands.map(({ command }) => command).join('; ')}`);
    lines.push(`back during its drain: first request after ${duration(firstAt - backAt)}, by one command: ${commands[0]?.command ?? ''}`);

    const answers = await slow.answers;
    hold(
      answers.every(({ status }) => status === 200),
      `slow requests were answered with ${answers.map(({ status }) => status).join(', ')}`,
    );
    const own = answers.find(({ by }) => by === instance.id);
    hold(own !== undefined, 'the slow request was answered by another instance');
    lines.push(`its slow request of ${duration(SLOW_MS)} was on its way all the time: status 200 after ${duration(own.ms)}`);
    return lines;
  },
};

interface Answer {
  readonly status: number;
  readonly by: string;
  readonly ms: number;
}

/** Sends slow requests until one is in the instance's hands. `answers` resolves when all of them are answered. */
async function slowRequestTo({ stack, signal }: TourContext, instance: Instance): Promise<{ readonly answers: Promise<Answer[]> }> {
  const port = must(stack.services.find(({ name }) => name === INVENTORY)?.port, 'port');
  const sent: Promise<Answer>[] = [];
  while (sent.length < SLOW_REQUESTS_MAX && instance.traffic.slow === 0) {
    sent.push(slowRequest(port));
    // At random times: in step with the steady load, round robin would give them all to the same other instance.
    await pause(5 + Math.random() * 40, signal);
  }
  await until('a slow request to reach the instance', () => instance.traffic.slow > 0, { within: 1_000, signal });
  const answers = Promise.all(sent);
  // It is awaited at the end of the step; a step that fails before leaves it alone.
  answers.catch(() => undefined);
  return { answers };
}

function slowRequest(port: number): Promise<Answer> {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path: `/slow?ms=${SLOW_MS}`, agent: false, timeout: SLOW_MS * 3 }, (response) => {
      response.resume();
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, by: String(response.headers['x-instance']), ms: performance.now() - started }),
      );
    });
    request.once('timeout', () => request.destroy(new Error('a slow request got no answer')));
    request.once('error', reject);
  });
}
