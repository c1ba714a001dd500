/**
 * PURE. Whether a reading is older than what was seen before: a backup was restored, or another ensemble answers. A child that is on record and missing
 * was deleted, and then the parent's pzxid is higher than the child's own zxids; a child that is there never has a lower mzxid than before.
 */
import type { ServiceEvent } from '../model/event.ts';
import type { ViewEntry } from './view.ts';

export interface DatedReading {
  readonly kind: 'full' | 'delta';
  /** pzxid: the zxid that last changed the children; null: the parent is not there, which says nothing. */
  readonly parent: { readonly pzxid: string | null };
  readonly read: ReadonlyMap<string, { readonly znode: { readonly mzxid: string; readonly czxid: string } }>;
}

/** The highest zxid that was seen and the one that was found instead; null: it goes forward. `missing`: names on record that the reading lacks. */
export function backwards(
  view: ReadonlyMap<string, ViewEntry>,
  reading: DatedReading,
  missing: readonly string[],
): { readonly seen: string; readonly found: string } | null {
  let worst: { seen: bigint; found: bigint } | null = null;
  const compare = (seen: string, found: string): void => {
    const pair = { seen: BigInt(seen), found: BigInt(found) };
    if (pair.found < pair.seen && (worst === null || pair.seen > worst.seen)) worst = pair;
  };
  const { pzxid } = reading.parent;
  if (pzxid !== null) {
    for (const name of missing) {
      const entry = view.get(name);
      if (entry !== undefined) compare(entry.czxid, pzxid);
    }
  }
  for (const [name, { znode }] of reading.read) {
    const entry = view.get(name);
    if (entry !== undefined) compare(entry.mzxid, znode.mzxid);
  }
  return worst === null ? null : asText(worst);
}

/** The event that says so, if it is so: only a reading of all children can tell. */
export function wentBackwards(view: ReadonlyMap<string, ViewEntry>, reading: DatedReading, missing: readonly string[]): ServiceEvent[] {
  const back = reading.kind === 'full' ? backwards(view, reading, missing) : null;
  return back === null ? [] : [{ type: 'backwards', ...back }];
}

function asText({ seen, found }: { seen: bigint; found: bigint }): { seen: string; found: string } {
  return { seen: seen.toString(), found: found.toString() };
}
