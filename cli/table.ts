/**
 * A plain table for people: a head, rows, no lines between them. Every cell is made printable first. Colour only where `colour`
 * says so: a terminal, and no NO_COLOR.
 */
import Table from 'cli-table3';
import picocolors from 'picocolors';
import { printable } from './printable.ts';

export interface Cell {
  readonly text: string;
  readonly tone: Tone;
}
export type Tone = 'good' | 'bad' | 'warning' | 'faint' | 'plain';

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** Without a line feed at the end. Rows shorter than the head are filled up. */
export function formatTable(head: readonly string[], rows: readonly (readonly (string | Cell)[])[], colour: boolean): string {
  const { bold, green, red, yellow, dim } = picocolors.createColors(colour);
  const paint = { good: green, bad: red, warning: yellow, faint: dim, plain: (text: string): string => text } as const;
  const table = new Table({ chars: NO_LINES, style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 } });
  table.push(head.map((title) => bold(printable(title))));
  for (const row of rows) {
    table.push(head.map((_, column) => painted(row[column] ?? '', paint)));
  }
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** https://no-color.org: any value that is not empty. */
export function wantsColour(stream: { readonly isTTY?: boolean }, env: Readonly<Record<string, string | undefined>>): boolean {
  return stream.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
}

function painted(cell: string | Cell, paint: Readonly<Record<Tone, (text: string) => string>>): string {
  return typeof cell === 'string' ? printable(cell) : paint[cell.tone](printable(cell.text));
}
