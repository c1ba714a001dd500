/** Of hostile fields the encoder makes nothing, or exactly the commands that were meant, as an oracle of HAProxy's CLI reads them. test/long has a million. */
import { expect, it } from 'vitest';
import { Draws, encodedOrRefused, hostileCommand } from '../support/hostile-commands.ts';
import { HAPROXY_2_6, HAPROXY_3_4 } from '../support/samples.ts';

const VALUES = Number(process.env.RUNS ?? '50000');

it('50,000 commands with hostile fields', () => {
  const draws = new Draws(Number(process.env.SEED ?? '20260101'));
  let made = 0;
  for (let index = 0; index < VALUES; index += 1) {
    const command = hostileCommand(draws);
    if (encodedOrRefused(command, index % 2 === 0 ? HAPROXY_2_6 : HAPROXY_3_4) !== null) made += 1;
  }
  // Both happen often, or nothing was tried.
  expect(made).toBeGreaterThan(VALUES / 10);
  expect(VALUES - made).toBeGreaterThan(VALUES / 5);
});
