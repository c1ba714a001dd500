/**
 * A plain table for people: a head, rows, no lines between them. Every cell is made printable first. Colour only where `colour`
 * says so: a terminal, and no NO_COLOR.
 */
import picocolors from 'picocolors';
import { printable } from './printable.ts';

export interface Cell {
  readonly text: string;
  readonly tone: Tone;
}
export type Tone = 'good' | 'bad' | 'warning' | 'faint' | 'plain';

const GAP = '  ';

/** Without a line feed at the end. Rows shorter than the head are filled up. Linear in the cells: a service has thousands of instances. */
export function formatTable(head: readonly string[], rows: readonly (readonly (string | Cell)[])[], colour: boolean): string {
  const { bold, green, red, yellow, dim } = picocolors.createColors(colour);
  const paint = { good: green, bad: red, warning: yellow, faint: dim, plain: (text: string): string => text } as const;
  const titles = head.map((title) => ({ text: printable(title), paint: bold }));
  const lines = rows.map((row) => head.map((_, column) => cellOf(row[column] ?? '', paint)));
  const widths = head.map((_, column) => [titles, ...lines].reduce((most, line) => Math.max(most, widthOf(line[column]?.text ?? '')), 0));
  return [titles, ...lines].map((line) => lineOf(line, widths)).join('\n');
}

interface Painted {
  readonly text: string;
  readonly paint: (text: string) => string;
}

function cellOf(cell: string | Cell, paint: Readonly<Record<Tone, (text: string) => string>>): Painted {
  return typeof cell === 'string' ? { text: printable(cell), paint: paint.plain } : { text: printable(cell.text), paint: paint[cell.tone] };
}

function lineOf(cells: readonly Painted[], widths: readonly number[]): string {
  const padded = cells.map(
    ({ text, paint }, column) => (text === '' ? '' : paint(text)) + ' '.repeat((widths[column] ?? 0) - widthOf(text)),
  );
  return padded.join(GAP).trimEnd();
}

/** Columns on a terminal: marks that combine take none, ideographs, kana, Hangul and emoji two. */
function widthOf(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const char of text) width += /\p{M}/u.test(char) ? 0 : WIDE.test(char) ? 2 : 1;
  return width;
}

const WIDE = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u;

/** https://no-color.org: any value that is not empty. */
export function wantsColour(stream: { readonly isTTY?: boolean }, env: Readonly<Record<string, string | undefined>>): boolean {
  return stream.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
}
