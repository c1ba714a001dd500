/**
 * What applying costs on a real HAProxy: observe, plan, apply and observe again for one change in a backend of 10 servers, while there are 10, 1,000 and 10,000
 * servers in all, with the bytes that are read; 5,000 servers added at once, beside a bare script that sends the same lines; and the longest time that
 * the event loop was held up meanwhile.
 */
import { connect } from 'node:net';
import { applyCommands } from '../shared/haproxy/apply.ts';
import { BATCH_LINES_MAX, type RuntimeConnection } from '../shared/haproxy/connection.ts';
import { encode } from '../shared/haproxy/encode.ts';
import { observeBackend, observeProxyAndBackend } from '../shared/haproxy/observe.ts';
import { withRuntime } from '../shared/haproxy/runtime.ts';
import type { DesiredBackend, DesiredServer } from '../shared/model/desired.ts';
import { isEmpty } from '../shared/plan/backend-plan.ts';
import { planBackend } from '../shared/plan/plan-backend.ts';
import { HTTP_DEFAULTS, TestHaproxy } from '../test/support/haproxy.ts';
import { serviceConfig } from '../test/support/service-events.ts';
import type { Endings } from './endings.ts';
import { BLOCKED_MOST_MS, type Held, watchLoop, worst } from './loop-delay.ts';
import { round, type Target, target } from './results.ts';
import { type Summary, summary } from './statistics.ts';

const TOTALS = [10, 1_000, 10_000];
const MINE = 10;
const PER_BACKEND = 100;
const ADDS = 5_000;
const ADD_RUNS = 5;
/** Times of the bare script, as for a change from a znode to the traffic. */
const TO_BARE_MOST = 2;

export interface ApplyFound {
  readonly one: readonly {
    readonly servers: number;
    /** Observe, plan, apply, observe. */
    readonly ms: Summary;
    /** Of `show servers state` of that backend, at each of its two reads. */
    readonly stateBytes: number;
    /** All that HAProxy answered in one such pass: also the names of all backends. */
    readonly bytes: number;
  }[];
  readonly adds: {
    readonly servers: number;
    /** Servers a second. */
    readonly pointsman: Summary;
    readonly bare: Summary;
    /** Of the medians: time of pointsman to time of the bare script. */
    readonly toBare: number;
  };
  readonly blocked: { readonly one: Held; readonly adds: Held };
  readonly targets: readonly Target[];
}

export async function measureApply(
  endings: Endings,
  { rounds }: { readonly rounds: number },
  progress: (text: string) => void,
): Promise<ApplyFound> {
  const one: ApplyFound['one'][number][] = [];
  let blockedOne: Held = { clock: 0, own: 0 };
  for (const servers of TOTALS) {
    progress(`one change among ${servers} servers`);
    const haproxy = endings.add(await TestHaproxy.start({ sections: sections(servers) }));
    const { found, blocked } = await oneChange(haproxy, servers, rounds);
    one.push(found);
    blockedOne = worst(blockedOne, blocked);
    await haproxy.stop();
  }
  progress(`${ADDS} servers at once`);
  const ours: number[] = [];
  const bare: number[] = [];
  let blockedAdds: Held = { clock: 0, own: 0 };
  for (let run = 0; run < ADD_RUNS * 2; run += 1) {
    const haproxy = endings.add(await TestHaproxy.start({ sections: `${HTTP_DEFAULTS}\nbackend b0\n  balance roundrobin\n` }));
    if (run % 2 === 0) {
      const { ms, blocked } = await addAll(haproxy);
      ours.push(ADDS / (ms / 1000));
      blockedAdds = worst(blockedAdds, blocked);
    } else bare.push(ADDS / ((await addBare(haproxy)) / 1000));
    await haproxy.stop();
  }
  const [pointsman, script] = [whole(summary(ours)), whole(summary(bare))];
  const toBare = round(script.p50 / pointsman.p50);
  const [small, , large] = one;
  return {
    one,
    adds: { servers: ADDS, pointsman, bare: script, toBare },
    blocked: { one: rounded(blockedOne), adds: rounded(blockedAdds) },
    targets: [
      target('state bytes read for one change: 10,000 servers to 10', round((large?.stateBytes ?? 0) / (small?.stateBytes ?? 1)), 1.1),
      target(`${ADDS} adds: time of pointsman to that of the bare script`, toBare, TO_BARE_MOST),
      target('event loop held up by own work, one change, ms', round(blockedOne.own), BLOCKED_MOST_MS),
      target(`event loop held up by own work, ${ADDS} adds, ms`, round(blockedAdds.own), BLOCKED_MOST_MS),
    ],
  };
}

/** b0 has 10 servers, the other backends up to 100 each. */
function sections(servers: number): string {
  const backends: string[] = [];
  for (let made = 0; made < servers; ) {
    const count = made === 0 ? MINE : Math.min(PER_BACKEND, servers - made);
    const number = backends.length;
    const lines = Array.from(
      { length: count },
      (_, index) => `  server ${host(number, index)}:80 ${host(number, index)}:80 id ${index + 1}`,
    );
    backends.push(`backend b${number}\n  balance roundrobin\n${lines.join('\n')}\n`);
    made += count;
  }
  return `${HTTP_DEFAULTS}\n${backends.join('')}`;
}

function host(backend: number, index: number): string {
  return `10.${backend & 255}.${index >> 8}.${index & 255}`;
}

function desired(count: number, weight: number): DesiredBackend {
  const servers = Array.from({ length: count }, (_, index): [string, DesiredServer] => {
    const name = `${host(0, index)}:80`;
    const of = { instance: name, name, id: index + 1, address: host(0, index), port: 80, admin: 'ready' } as const;
    return [name, { ...of, weight: index === 0 ? weight : 1 }];
  });
  const config = serviceConfig({ name: 'b0', check: { type: 'none' } });
  return { service: 'b0', revision: 1, cursor: '1-0', config, complete: true, gone: new Set(), released: null, servers: new Map(servers) };
}

async function oneChange(haproxy: TestHaproxy, servers: number, rounds: number) {
  const took: number[] = [];
  let bytes = 0;
  let stateBytes = 0;
  let watched = watchLoop();
  for (let turn = -5; turn < rounds; turn += 1) {
    if (turn === 0) {
      watched();
      watched = watchLoop();
    }
    const want = desired(MINE, (turn + 10) % 200);
    const began = performance.now();
    const read = await pass(haproxy, want);
    if (turn < 0) continue;
    took.push(performance.now() - began);
    ({ bytes, stateBytes } = read);
  }
  const blocked = watched();
  const { n, p50, p90, p99, max } = summary(took);
  const ms = { n, p50: round(p50), p90: round(p90), p99: round(p99), max: round(max) };
  return { found: { servers, ms, bytes, stateBytes }, blocked };
}

async function addAll(haproxy: TestHaproxy): Promise<{ ms: number; blocked: Held }> {
  const want = desired(ADDS, 1);
  const watched = watchLoop();
  const began = performance.now();
  await pass(haproxy, want);
  const ms = performance.now() - began;
  return { ms, blocked: watched() };
}

/** As the reconcile worker does it, without Redis. */
async function pass(haproxy: TestHaproxy, want: DesiredBackend): Promise<{ bytes: number; stateBytes: number }> {
  return withRuntime(haproxy.runtime, async (connection) => {
    const counted = counting(connection);
    const { proxy, backend } = await observeProxyAndBackend(connection, want.service);
    const planned = (observed: typeof backend) =>
      planBackend({
        backend: want.service,
        desired: want,
        structure: null,
        observed,
        sessions: new Map(),
        capabilities: proxy.capabilities,
        runtimeOnly: true,
      });
    const plan = planned(backend);
    const { failed } = await applyCommands(connection, plan.commands, {
      expected: proxy.identity,
      capabilities: proxy.capabilities,
      stillClaimed: () => true,
    });
    if (failed !== null) throw failed;
    if (!isEmpty(planned(await observeBackend(connection, want.service)))) throw new Error('the plan is not empty afterwards');
    return counted;
  });
}

function counting(connection: RuntimeConnection): { bytes: number; stateBytes: number } {
  const counted = { bytes: 0, stateBytes: 0 };
  const send = connection.send.bind(connection);
  connection.send = async (lines, options) => {
    const replies = await send(lines, options);
    for (const [index, reply] of replies.entries()) {
      counted.bytes += reply.length;
      if (lines[index]?.startsWith('show servers state ') === true) counted.stateBytes = reply.length;
    }
    return replies;
  };
  return counted;
}

/** The same lines, as fast as HAProxy takes them: no plan, no judging, no proof. */
async function addBare(haproxy: TestHaproxy): Promise<number> {
  const want = desired(ADDS, 1);
  const { capabilities } = await withRuntime(haproxy.runtime, async (connection) => (await observeProxyAndBackend(connection, 'b0')).proxy);
  const lines = [...want.servers.values()].flatMap(({ name, id, address, port, weight }) =>
    encode({ kind: 'add', backend: 'b0', server: name, id, address, port, weight, config: want.config }, capabilities),
  );
  const socket = connect(haproxy.runtime.path);
  const began = performance.now();
  socket.write('prompt\n');
  let at = 0;
  let due = 1;
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject).on('data', (chunk: Buffer) => {
      for (let found = chunk.indexOf('> '); found >= 0; found = chunk.indexOf('> ', found + 2)) due -= 1;
      if (due > 0) return;
      if (at >= lines.length) return resolve();
      const batch = lines.slice(at, at + BATCH_LINES_MAX);
      at += batch.length;
      due = batch.length;
      socket.write(`${batch.join('\n')}\n`);
    });
  });
  const ms = performance.now() - began;
  socket.destroy();
  return ms;
}

function whole({ n, p50, p90, p99, max }: Summary): Summary {
  return { n, p50: Math.round(p50), p90: Math.round(p90), p99: Math.round(p99), max: Math.round(max) };
}

function rounded({ clock, own }: Held): Held {
  return { clock: round(clock), own: round(own) };
}
