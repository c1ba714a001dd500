/**
 * 10,000 random runs (RUNS says otherwise), with changes of config, deadlines and operators at work: the replay of the log, and of its export, equals what
 * production folded, byte for byte. test/machines/lean-fold.test.ts has a few of them.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import type { Act } from '../support/acts.ts';
import { replayEqualsRun } from '../support/production-run.ts';
import { runs } from '../support/property.ts';

it.each([
  ['few', 4],
  ['many', 30],
])('the replay equals the run, with %s instances', async (_what, hosts) => {
  const { numRuns = 0, ...parameters } = runs<[ServiceConfig, Act[], number[]]>(10_000);
  let ran = 0;
  await fc.assert(
    replayEqualsRun(hosts).afterEach(() => {
      ran += 1;
    }),
    { ...parameters, numRuns },
  );
  expect(ran).toBe(numRuns);
});
