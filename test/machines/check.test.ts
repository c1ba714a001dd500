/** Rise and fall over outcomes, and several checks judged together. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CheckEvent, type CheckState, newCheck, stepCheck, verdictOf } from '../../machines/check.ts';
import { runs } from '../support/property.ts';

function outcomesOf(outcomes: readonly boolean[], rise: number, fall: number) {
  return outcomes.reduce((check, good, index) => stepCheck(check, outcome(good, index + 1)), newCheck({ rise, fall }));
}

function outcome(good: boolean, at: number): CheckEvent {
  return good ? { type: 'pass', at } : { type: 'fail', at, detail: `failed at ${at}` };
}

/** Said in another way: the last run of equal outcomes that was long enough decides. */
function expected(outcomes: readonly boolean[], rise: number, fall: number): { state: CheckState; since: number } {
  let standing: { state: CheckState; since: number } = { state: 'unknown', since: 0 };
  outcomes.forEach((good, index) => {
    const needed = good ? rise : fall;
    const last = outcomes.slice(Math.max(0, index + 1 - needed), index + 1);
    const state = good ? 'passing' : 'failing';
    if (last.length === needed && last.every((one) => one === good) && standing.state !== state) standing = { state, since: index + 1 };
  });
  return standing;
}

describe('a check', () => {
  it('is what the last outcomes say', () => {
    const threshold = fc.integer({ min: 1, max: 4 });
    const story = fc.array(fc.boolean(), { maxLength: 40 });
    fc.assert(
      fc.property(story, threshold, threshold, (outcomes, rise, fall) => {
        const { state, context } = outcomesOf(outcomes, rise, fall);
        expect({ state, since: context.since }).toEqual(expected(outcomes, rise, fall));
        const lastBad = outcomes.lastIndexOf(false);
        if (state === 'failing') expect(context.detail).toBe(`failed at ${lastBad + 1}`);
        if (state === 'passing' && outcomes.at(-1) === true) expect(context.detail).toBeNull();
      }),
      runs(1_000),
    );
  });

  it('that passes and goes on passing is the very same snapshot', () => {
    const passing = outcomesOf([true, true], 2, 3);
    expect(stepCheck(passing, outcome(true, 9))).toBe(passing);
  });

  it('goes on from how an earlier one stood', () => {
    const check = newCheck({ rise: 2, fall: 2 }, { state: 'passing', since: 5 });
    expect(stepCheck(check, outcome(false, 6))).toMatchObject({ state: 'passing', context: { since: 5, bad: 1 } });
    expect(stepCheck(stepCheck(check, outcome(false, 6)), outcome(false, 7))).toMatchObject({ state: 'failing', context: { since: 7 } });
  });
});

describe('several checks', () => {
  const passing = outcomesOf([true], 1, 1);
  const failing = outcomesOf([false], 1, 1);
  const unknown = newCheck({ rise: 1, fall: 1 });

  it('all must pass, and one that fails is enough', () => {
    expect(verdictOf([passing, outcomesOf([false, true], 1, 1)])).toEqual({ state: 'passing', since: 2, detail: null });
    expect(verdictOf([passing, unknown]).state).toBe('unknown');
    expect(verdictOf([passing, unknown, failing])).toEqual({ state: 'failing', since: 1, detail: 'failed at 1' });
    expect(verdictOf([]).state).toBe('passing');
  });
});
