/** "Did you mean": near words are found, far ones are not, and the distance is a distance. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance, nearest } from '../../shared/config/nearest.ts';

describe('nearest', () => {
  it.each([
    ['lisen', 'listen'],
    ['lsiten', 'listen'],
    ['LISTEN', 'listen'],
    ['path2', 'path'],
    ['timeout', 'timeouts'],
  ])('%s is %s', (word, known) => {
    expect(nearest(word, ['path', 'listen', 'timeouts', 'mode'])).toBe(known);
  });

  it.each(['metrics', '', 'x', 'listenlistenlisten', 'l'.repeat(10_000)])('%s is none of them', (word) => {
    expect(nearest(word, ['path', 'listen', 'timeouts', 'mode'])).toBeNull();
  });
});

describe('the distance', () => {
  const word = fc.string({ maxLength: 8, unit: fc.constantFrom('a', 'b', 'c') });

  it('is 0 for equal words alone, the same both ways, and at most the longer length', () => {
    fc.assert(
      fc.property(word, word, (a, b) => {
        const distance = editDistance(a, b);
        expect(distance === 0).toBe(a === b);
        expect(distance).toBe(editDistance(b, a));
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
        expect(distance).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
      }),
    );
  });

  it('counts a swap of neighbours once', () => {
    expect([editDistance('ab', 'ba'), editDistance('abcd', 'abdc'), editDistance('abc', 'axc'), editDistance('abc', 'ab')]).toEqual([
      1, 1, 1, 1,
    ]);
  });
});
