/** Tables for people: aligned, coloured only where that is wanted, and nothing from outside reaches the terminal raw. */
import { describe, expect, it } from 'vitest';
import { printable } from '../../cli/printable.ts';
import { formatTable, wantsColour } from '../../cli/table.ts';

const ESC = '\u001b';

describe('printable', () => {
  it.each([
    [`${ESC}[2Jgone`, '\\u{1b}[2Jgone'],
    ['a\nb\tc\r', 'a\\nb\\tc\\r'],
    ['\u009b31m', '\\u{9b}31m'],
    ['\u202eabc\u200b', '\\u{202e}abc\\u{200b}'],
    ['\u2028', '\\u{2028}'],
    ['blåbær 日本 10.0.0.1:80', 'blåbær 日本 10.0.0.1:80'],
  ])('%j', (text, shown) => {
    expect(printable(text)).toBe(shown);
  });
});

describe('a table', () => {
  it('is aligned, without lines and trailing blanks', () => {
    expect(formatTable(['instance', 'state'], [['10.0.0.1:80', 'serving'], ['a', { text: 'held', tone: 'warning' }], ['b']], false)).toBe(
      ['instance     state', '10.0.0.1:80  serving', 'a            held', 'b'].join('\n'),
    );
  });

  it('is coloured when asked, and no cell can add a line or a colour of its own', () => {
    const text = formatTable(['state'], [[{ text: `held${ESC}[31m\nx`, tone: 'bad' }], [`${ESC}[0m`]], true);
    expect(text.split('\n')).toEqual([`${ESC}[1mstate${ESC}[22m`, `${ESC}[31mheld\\u{1b}[31m\\nx${ESC}[39m`, '\\u{1b}[0m']);
  });
});

describe('colour', () => {
  it.each([
    [{ isTTY: true }, {}, true],
    [{ isTTY: true }, { NO_COLOR: '' }, true],
    [{ isTTY: true }, { NO_COLOR: '1' }, false],
    [{ isTTY: true }, { TERM: 'dumb' }, false],
    [{ isTTY: false }, {}, false],
    [{}, {}, false],
  ])('on %j with %j: %s', (stream, env, wanted) => {
    expect(wantsColour(stream, env)).toBe(wanted);
  });
});
