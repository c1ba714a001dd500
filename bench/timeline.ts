/**
 * PURE. Where the time of a change goes: the traced calls of many changes laid over each other, each call by its name and its turn within
 * the change, as medians of when it began after the change and of how long it took.
 */
import { percentile } from './statistics.ts';
import type { Mark } from './trace.ts';

export interface Stage {
  /** With `#2` and so on when the same call comes again within one change. */
  readonly name: string;
  /** ms after the call that made the change; medians. */
  readonly starts: number;
  readonly ends: number;
  readonly took: number;
  /** Changes in which it was seen before the traffic moved. */
  readonly n: number;
}

export interface TracedChange {
  /** ms, of the same clock as the marks: the call that made the change. */
  readonly from: number;
  /** ms from there until the traffic moved. */
  readonly moved: number;
  readonly marks: readonly Mark[];
}

/** In order of their median start; only what began before the traffic moved, in at least half of the changes. */
export function timeline(changes: readonly TracedChange[]): Stage[] {
  const seen = new Map<string, { starts: number[]; ends: number[]; took: number[] }>();
  for (const { from, moved, marks } of changes) {
    const turns = new Map<string, number>();
    for (const mark of [...marks].sort((a, b) => a.start - b.start)) {
      if (mark.start < from || mark.start > from + moved) continue;
      const turn = (turns.get(mark.name) ?? 0) + 1;
      turns.set(mark.name, turn);
      const name = turn === 1 ? mark.name : `${mark.name} #${turn}`;
      const stage = seen.get(name) ?? { starts: [], ends: [], took: [] };
      stage.starts.push(mark.start - from);
      stage.ends.push(mark.end - from);
      stage.took.push(mark.end - mark.start);
      seen.set(name, stage);
    }
  }
  const stages = [...seen].filter(([, { starts }]) => starts.length * 2 >= changes.length);
  return stages
    .map(([name, { starts, ends, took }]) => ({
      name,
      starts: percentile(starts, 0.5),
      ends: percentile(ends, 0.5),
      took: percentile(took, 0.5),
      n: starts.length,
    }))
    .sort((a, b) => a.starts - b.starts);
}
