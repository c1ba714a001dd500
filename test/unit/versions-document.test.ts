/** docs/haproxy-versions.md and the code that it is written from. */
import { describe, expect, it } from 'vitest';
import { capabilitiesOf } from '../../shared/haproxy/capabilities.ts';
import { withVersionTables } from '../../shared/haproxy/versions-document.ts';
import { ABILITIES } from '../../shared/model/abilities.ts';
import { read } from '../support/tree.ts';

const document = read('docs/haproxy-versions.md');

describe('docs/haproxy-versions.md', () => {
  it('has its tables as they would be made now (else: npm run docs:haproxy)', () => {
    expect(withVersionTables(document) === document).toBe(true);
  });

  it('is mended when a cell was changed by hand', () => {
    const planted = document.replaceAll('wait 50ms', 'wait 5s').replaceAll('| reload |', '| commands |');
    expect(planted).not.toBe(document);
    expect(withVersionTables(planted)).toBe(document);
  });

  it('has a place for each table', () => {
    expect(() => withVersionTables(document.replace('end of reloads', ''))).toThrow('no place for the table of reloads');
  });
});

describe('the abilities', () => {
  it.each(Object.entries(ABILITIES))('%s is there from its version on, and not before', (name, { since: [major, minor] }) => {
    const has = (version: string): unknown => Reflect.get(capabilitiesOf(version), name);
    expect([has(`${major}.${minor}.0`), has(`${major + 1}.0.0`)]).toEqual([true, true]);
    expect(has(minor === 0 ? `${major - 1}.9.0` : `${major}.${minor - 1}.9`)).toBe(false);
  });
});
