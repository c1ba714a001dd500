/** Following logs while there are none to be had: an outage is waited for and told once, whatever else goes wrong ends it. */
import { expect, it } from 'vitest';
import { follow, type Outage, Positions } from '../../cli/log/tail.ts';
import type { LogTail } from '../../shared/redis/log-tail.ts';

const NOTHING = { service: null, proxy: null, instance: null, types: null };
const away = new Error('away');
const bug = new TypeError('a bug');

/** Follows logs whose looks go wrong like this, one after the other; what is told, and what is thrown. */
async function followed(...failures: readonly (Error | null)[]): Promise<{ told: string[]; thrown: unknown }> {
  const told: string[] = [];
  const ending = new AbortController();
  const left = [...failures];
  const tail = {
    after: async () => {
      const failure = left.shift();
      if (left.length === 0) ending.abort();
      if (failure) throw failure;
      return [];
    },
  } as unknown as LogTail;
  const outage: Outage = { isOutage: (error) => error === away, away: () => told.push('away'), back: () => told.push('back') };
  try {
    for await (const _ of follow(tail, new Positions(), NOTHING, outage, ending.signal));
    return { told, thrown: null };
  } catch (thrown) {
    return { told, thrown };
  }
}

it('an outage is waited for, and told once', async () => {
  expect(await followed(null, away, away, null)).toEqual({ told: ['away', 'back'], thrown: null });
});

it('what is no outage is thrown, also while there is one', async () => {
  expect(await followed(away, bug, null)).toEqual({ told: ['away'], thrown: bug });
  expect(await followed(bug, null)).toEqual({ told: [], thrown: bug });
});
