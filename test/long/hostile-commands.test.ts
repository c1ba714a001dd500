/**
 * What test/unit/protocol-hostile.test.ts and test/integration/haproxy-runtime-replies.test.ts try by thousands: a million commands with hostile fields before
 * the oracle of HAProxy's CLI, and 100,000 before a real HAProxy, whose canary they must not touch. Some
 * 15 and 5 s on two cores.
 */
import { expect, it } from 'vitest';
import type { Command } from '../../shared/plan/command.ts';
import { HTTP_DEFAULTS, TestHaproxy } from '../support/haproxy.ts';
import { Draws, encodedOrRefused, hostileCommand } from '../support/hostile-commands.ts';
import { RuntimePasses, servers } from '../support/runtime-pass.ts';
import { HAPROXY_2_6, HAPROXY_3_4 } from '../support/samples.ts';

const ORACLE_VALUES = Number(process.env.RUNS ?? '1000000');
const HAPROXY_VALUES = Number(process.env.RUNS ?? '100000');
const SEED = Number(process.env.SEED ?? String(Date.now() % 2 ** 31));
const STEP = 5_000;

function report(text: string): void {
  process.stdout.write(`${text}\n`);
}

it(`${ORACLE_VALUES} commands before the oracle (SEED=${SEED})`, () => {
  const draws = new Draws(SEED);
  let made = 0;
  for (let index = 0; index < ORACLE_VALUES; index += 1)
    made += Number(encodedOrRefused(hostileCommand(draws), index % 2 === 0 ? HAPROXY_2_6 : HAPROXY_3_4) !== null);
  report(`${ORACLE_VALUES} commands: ${made} encoded, ${ORACLE_VALUES - made} refused`);
  expect(made).toBeGreaterThan(ORACLE_VALUES / 10);
});

it(`${HAPROXY_VALUES} commands before a real HAProxy (SEED=${SEED})`, async () => {
  const haproxy = await TestHaproxy.start({
    sections: `${HTTP_DEFAULTS}
backend web
  balance roundrobin
backend canary
  balance roundrobin
  server canary 127.0.0.1:9 id 1 weight 100
`,
  });
  try {
    const before = await servers(haproxy, 'canary');
    const worker = await haproxy.workerPid();
    const draws = new Draws(SEED);
    const passes = new RuntimePasses(haproxy);
    const outcomes = new Map<string, number>();
    let refused = 0;
    for (let at = 0; at < HAPROXY_VALUES; at += STEP) {
      const made: Command[] = [];
      for (let index = 0; index < Math.min(STEP, HAPROXY_VALUES - at); index += 1) {
        const command = hostileCommand(draws, 'web');
        if (encodedOrRefused(command, HAPROXY_2_6) === null) refused += 1;
        else made.push(command);
      }
      const { results, failed } = await passes.apply(made);
      expect(failed).toBeNull();
      expect(results).toHaveLength(made.length);
      for (const { outcome } of results) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      expect(await servers(haproxy, 'canary')).toEqual(before);
    }
    report(`${HAPROXY_VALUES} commands: ${refused} refused by the encoder, ${JSON.stringify(Object.fromEntries(outcomes))} by HAProxy`);
    expect(await haproxy.workerPid()).toBe(worker);
    expect((await haproxy.cli('show backend'))[0]?.trim().split('\n')).toEqual(['# name', 'web', 'canary']);
  } finally {
    await haproxy.stop();
  }
});
