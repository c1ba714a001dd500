/** PURE. What became of one option of a Synapse or Nerve config: one line for people. */
import { printable } from '../printable.ts';

/** carried: it means the same here · changed: nearly the same, or what there was to do it with · left: not taken over. */
export type Fate = 'carried' | 'changed' | 'left';

export interface Note {
  readonly fate: Fate;
  /** The old option: `services.web.haproxy.port`. */
  readonly option: string;
  /** What it is now, or why it is not. */
  readonly why: string;
  /** Where in pointsman.yaml it went; null: nowhere. */
  readonly to: readonly PropertyKey[] | null;
}

export function noteLine({ fate, option, why }: Note): string {
  return printable(`${fate.padEnd(7)} ${option}: ${why}`);
}

/** `12 carried, 3 changed, 4 left` */
export function countsLine(notes: readonly Note[]): string {
  const count = (fate: Fate): string => `${notes.filter((note) => note.fate === fate).length} ${fate}`;
  return (['carried', 'changed', 'left'] as const).map(count).join(', ');
}
