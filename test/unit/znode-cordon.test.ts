/** A cordon as its znode has it. */
import { expect, it } from 'vitest';
import { decodeCordon, encodeCordon } from '../../shared/znode/cordon.ts';

it('comes back with every control character escaped once', () => {
  const said = { by: 'ann', reason: 'a\nb \\ c', until: 5 };
  const read = decodeCordon(Buffer.from(encodeCordon(said)));
  expect(read).toEqual({ by: 'ann', reason: 'a\\u{a}b \\\\ c', until: 5 });
});

it('is short enough to be read, whatever was said', () => {
  const data = Buffer.from(encodeCordon({ by: '\u0000'.repeat(10_000), reason: '\ud800'.repeat(10_000), until: null }));
  expect(data.length).toBeLessThanOrEqual(4_096);
  expect(decodeCordon(data).by.length).toBeLessThanOrEqual(200);
});
