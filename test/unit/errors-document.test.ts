/** docs/errors.md has every code once, each with a meaning and with something to do, and no code that is gone. */
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../../shared/errors.ts';
import { read } from '../support/tree.ts';

describe('docs/errors.md', () => {
  const rows = read('docs/errors.md')
    .split('\n')
    .map((line) => /^\| `([A-Z_]+)` \| (.*) \| (.*) \|$/.exec(line))
    .filter((match) => match !== null);

  it('lists every code, once, and no other', () => {
    expect(rows.map(([, code]) => code).toSorted((a, b) => ((a ?? '') < (b ?? '') ? -1 : 1))).toEqual([...ERROR_CODES].toSorted());
  });

  it('says of each what it means and what to do, in sentences', () => {
    for (const [, code, meaning, cure] of rows) {
      expect(meaning, code).toMatch(/^\S.{15,}[.]$/);
      expect(cure, code).toMatch(/^\S.{15,}[.?]$/);
    }
  });
});
