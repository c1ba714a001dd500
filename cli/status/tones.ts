/** PURE. How a state looks, in every table of a status. */
import type { Cell, Tone } from '../table.ts';

export type Row = readonly (string | Cell)[];

export const TONES: Readonly<Record<string, Tone>> = {
  serving: 'good',
  'in-sync': 'good',
  up: 'good',
  joining: 'warning',
  held: 'warning',
  mixed: 'warning',
  patching: 'warning',
  'awaiting-reload': 'warning',
  reloading: 'warning',
  drifted: 'warning',
  draining: 'faint',
  unknown: 'faint',
  failing: 'bad',
  rejected: 'bad',
  down: 'bad',
  unreachable: 'bad',
  blocked: 'bad',
};

export function toned(state: string): Cell {
  return { text: state, tone: TONES[state] ?? 'plain' };
}
