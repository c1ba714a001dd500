/** docs/security.md names what holds each promise, and the test of it: all of them must be there. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { read, root } from '../support/tree.ts';

it('names for each promise a test, and no file that is not there', () => {
  const tables = read('docs/security.md').split('| what | holds | test |\n').slice(1);
  const rows = tables.flatMap((table) => (table.split('\n\n')[0] ?? '').split('\n').slice(1));
  expect(rows.length).toBeGreaterThan(20);
  for (const row of rows) {
    expect(row).toMatch(/\| test\/\S+\.test\.ts\b[^|]*\|$/);
    const named = row.match(/[\w./-]+\.ts\b/g) ?? [];
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  }
});
