/** A property that fails says how to run its case again, and that command does. */
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { runs } from '../support/property.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

/** What it says when some number is too large; and how many cases it took. */
function failing(): { message: string; cases: number } {
  let cases = 0;
  try {
    fc.assert(
      fc.property(fc.nat(), (n) => {
        cases += 1;
        if (n > 1_000) throw new Error(`too large: ${n}`);
      }),
      runs(500),
    );
  } catch (error) {
    return { message: (error as Error).message, cases };
  }
  throw new Error('it did not fail');
}

describe('a property (of many)', () => {
  it('that fails prints the command, and runs only that case again', () => {
    vi.stubEnv('SEED', undefined);
    vi.stubEnv('AT', undefined);
    vi.stubEnv('RUNS', undefined);
    const { message } = failing();
    const [, seed, at, pattern] =
      /^ {2}SEED=(-?\d+) AT=([\d:]+) npm test -- test\/machines\/property\.test\.ts -t "(.+)"$/m.exec(message) ?? [];
    expect(expect.getState().currentTestName).toMatch(new RegExp(`^${pattern}$`));
    expect(message).toContain('too large: 1001');
    vi.stubEnv('SEED', seed ?? '');
    vi.stubEnv('AT', at ?? '');
    const again = failing();
    expect(again.message).toContain('too large: 1001');
    expect(again.cases).toBe(1);
  });

  it('is tried as often as RUNS says, and takes no nonsense for a number', () => {
    vi.stubEnv('RUNS', '7');
    expect(runs(500).numRuns).toBe(7);
    vi.stubEnv('RUNS', 'many');
    expect(() => runs(500)).toThrow('RUNS=many is not a whole number');
  });
});
