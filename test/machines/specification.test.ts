/** SPEC.md, the diagrams, the tables, the words and the code say the same; and the tests that SPEC.md names are there. */
import { describe, expect, it } from 'vitest';
import { assign, setup } from 'xstate';
import { gaps, SPECIFIED, withSpecifications } from '../../machines/specification.ts';
import { projectFiles, read } from '../support/tree.ts';

const SPEC = read('machines/SPEC.md');

/** `[file](path): "title"` in the prose. */
function namedTests(text: string): { path: string; title: string }[] {
  const links = [...text.matchAll(/\]\(\.\.\/(test\/[^)]+\.test\.ts)\): "([^"]+)"/g)];
  return links.map(([, path = '', title = '']) => ({ path, title }));
}

function missingTests(text: string): readonly string[] {
  return namedTests(text).flatMap(({ path, title }) =>
    projectFiles().includes(path) && read(path).includes(title) ? [] : [`${path}: "${title}"`],
  );
}

describe('machines/SPEC.md', () => {
  it('is as it would be written now (else: npm run docs:machines)', () => {
    expect(SPEC === withSpecifications(SPEC)).toBe(true);
  });

  it('would be written anew when a table or a diagram were changed by hand', () => {
    for (const planted of [SPEC.replace('-> `draining`', '-> `gone`'), SPEC.replace('gone --> joining', 'gone --> serving')]) {
      expect(planted).not.toBe(SPEC);
      expect(withSpecifications(planted)).toBe(SPEC);
    }
  });

  it('names only tests that are there, and one for each invariant', () => {
    expect(missingTests(SPEC)).toEqual([]);
    expect(missingTests('[x](../test/machines/nowhere.test.ts): "is not there"')).toEqual([
      'test/machines/nowhere.test.ts: "is not there"',
    ]);
    const invariants = SPEC.split('\n').filter((line) => /^\| [A-Z]{1,2}\d+ \|/.test(line));
    expect(invariants.length).toBeGreaterThan(20);
    expect(invariants.filter((line) => namedTests(line).length === 0)).toEqual([]);
  });
});

describe.each(SPECIFIED)('the words about $machine.id', (one) => {
  it('decide every event in every state, and nothing that is not there', () => {
    expect(gaps(one)).toEqual([]);
  });
});

describe('a machine that the words do not know', () => {
  const meaning = { states: { a: 'the first' }, events: { go: 'somebody' }, ignored: { a: {} } };
  const made = setup({
    types: { context: {} as { n: number }, events: {} as { type: 'go' | 'stop' } },
    actions: { set: assign({ n: 1 }) },
    guards: { is: () => true },
  });

  it.each([
    [
      'a new state',
      made.createMachine({ context: { n: 0 }, initial: 'a', on: { go: { actions: 'set' } }, states: { a: {}, b: {} } }),
      'state b',
    ],
    [
      'a new event',
      made.createMachine({ context: { n: 0 }, initial: 'a', on: { go: { actions: 'set' }, stop: { actions: 'set' } }, states: { a: {} } }),
      'event stop',
    ],
    [
      'an event that is ignored when a guard says no',
      made.createMachine({ context: { n: 0 }, initial: 'a', on: { go: { guard: 'is', actions: 'set' } }, states: { a: {} } }),
      'a × go',
    ],
    [
      'an event that a state forbids',
      made.createMachine({ context: { n: 0 }, initial: 'a', on: { go: { actions: 'set' } }, states: { a: { on: { go: {} } } } }),
      'a × go',
    ],
  ])('is found: %s', (_what, machine, gap) => {
    expect(gaps({ machine, meaning }).join()).toContain(gap);
  });

  it('is found when the words say more than there is', () => {
    const machine = made.createMachine({ context: { n: 0 }, initial: 'a', on: { go: { actions: 'set' } }, states: { a: {} } });
    expect(gaps({ machine, meaning })).toEqual([]);
    expect(gaps({ machine, meaning: { ...meaning, ignored: { a: { go: 'no' } } } })).toHaveLength(1);
    expect(gaps({ machine, meaning: { ...meaning, states: { ...meaning.states, c: 'another' } } })).toHaveLength(1);
  });
});
