/**
 * A steady, bounded load on one port: so many requests a second by keep-alive clients in turn, each on its one connection, and so many on
 * connections of their own. Everything but a complete answer of 200 is a failure; nothing is tried again.
 */
import { Agent, get } from 'node:http';
import { onEnd, say, settingsOf } from './program-end.ts';

interface Settings {
  readonly port: number;
  /** Requests a second, of each kind. */
  readonly perSecond: number;
}

interface Count {
  requests: number;
  failed: number;
  /** By what happened. */
  failures: Record<string, number>;
  slowest: number;
}

const CLIENTS = 30;
const TICK_MS = 4;
/** Requests of each kind that one tick may send after a pause of this process. */
const PER_TICK_MAX = 20;
const ANSWER_WITHIN_MS = 10_000;

const settings = settingsOf<Settings>();
const kept = Array.from({ length: CLIENTS }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
const counts = { kept: newCount(), fresh: newCount() };
let inFlight = 0;
let turn = 0;
let owed = 0;
let tickedAt = performance.now();
let sending = true;

function newCount(): Count {
  return { requests: 0, failed: 0, failures: {}, slowest: 0 };
}

function tick(): void {
  const now = performance.now();
  owed = Math.min(PER_TICK_MAX, owed + ((now - tickedAt) * settings.perSecond) / 1_000);
  tickedAt = now;
  for (; sending && owed >= 1; owed -= 1) {
    ask(counts.fresh, undefined);
    ask(counts.kept, kept[turn++ % kept.length]);
  }
}

function ask(count: Count, agent: Agent | undefined): void {
  const started = performance.now();
  count.requests += 1;
  inFlight += 1;
  let settled = false;
  const settle = (failure: string | null): void => {
    if (settled) return;
    settled = true;
    inFlight -= 1;
    count.slowest = Math.max(count.slowest, performance.now() - started);
    if (failure === null) return;
    count.failed += 1;
    count.failures[failure] = (count.failures[failure] ?? 0) + 1;
  };
  const request = get(
    { host: '127.0.0.1', port: settings.port, path: '/', agent: agent ?? false, timeout: ANSWER_WITHIN_MS },
    (response) => {
      response.resume();
      response.once('end', () => settle(response.statusCode === 200 && response.complete ? null : `status ${response.statusCode}`));
      response.once('error', (error) => settle(error.message));
      response.once('close', () => settle('closed within the answer'));
    },
  );
  request.once('timeout', () => request.destroy(new Error(`no answer within ${ANSWER_WITHIN_MS} ms`)));
  request.on('error', (error: NodeJS.ErrnoException) => settle(error.code ?? error.message));
}

/** What came of it since the last report. With `last`, once every request is answered. */
function report(last: boolean): void {
  if (last) sending = false;
  if (last && inFlight > 0) {
    setTimeout(() => report(true), TICK_MS);
    return;
  }
  say({ type: 'report', ...counts });
  counts.kept = newCount();
  counts.fresh = newCount();
}

process.on('message', (order: { last: boolean }) => report(order.last));
onEnd(() => {
  for (const agent of kept) agent.destroy();
});
setInterval(tick, TICK_MS);
say({ type: 'ready' });
