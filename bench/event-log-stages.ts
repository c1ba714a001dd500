/** Where the time of a fold and of a replay goes: one thread, the same events, each part measured by leaving out what comes after it. */

import { exportLines } from '../cli/log/export-lines.ts';
import { ExportParser } from '../cli/log/export-parser.ts';
import { FoldItems } from '../cli/replay/fold-items.ts';
import { Replay } from '../machines/replay.ts';
import type { Logged, ServiceEvent } from '../shared/model/event.ts';
import { round } from './results.ts';

export interface Part {
  readonly what: string;
  /** µs of one event. */
  readonly each: number;
  /** Of the whole, 0 to 1. */
  readonly share: number;
}

/** By the type of the event, the dearest first. */
export function stagesOfFold(events: readonly Logged<ServiceEvent>[]): Part[] {
  const replay = new Replay();
  const took = new Map<string, { n: number; ms: number }>();
  for (const event of events) {
    const began = performance.now();
    replay.step(event);
    const of = took.get(event.event.type) ?? { n: 0, ms: 0 };
    took.set(event.event.type, { n: of.n + 1, ms: of.ms + performance.now() - began });
  }
  const whole = [...took.values()].reduce((sum, { ms }) => sum + ms, 0);
  return [...took]
    .map(([type, { n, ms }]) => ({ what: `fold of ${type}`, each: round((ms * 1000) / n), share: round(ms / whole) }))
    .toSorted((a, b) => b.share - a.share);
}

/** Of the replay of a file with so many events. */
export async function stagesOfReplay(file: string, events: number): Promise<Part[]> {
  const lines = await timed(file, () => undefined);
  const parser = new ExportParser(file, false);
  const read = await timed(file, (line) => parser.push(line));
  const again = new ExportParser(file, false);
  const request = { service: null, until: null, verify: false, skipBad: false, states: false, transitions: false };
  const folding = new FoldItems(
    request,
    () => true,
    (reason) => {
      throw new Error(reason);
    },
  );
  const whole = await timed(file, (line) => {
    const item = again.push(line);
    if (item !== null) folding.accept(item);
  });
  const part = (what: string, ms: number): Part => ({ what, each: round((ms * 1000) / events), share: round(ms / whole) });
  return [
    part('read the file, cut it into lines', lines),
    part('parse, check form and order, digests', read - lines),
    part('decode the event and fold it', whole - read),
  ];
}

async function timed(file: string, work: (line: Buffer) => unknown): Promise<number> {
  const began = performance.now();
  const damaged = (reason: string): void => {
    throw new Error(reason);
  };
  for await (const batch of exportLines(file, damaged)) for (const line of batch) work(line);
  return performance.now() - began;
}
