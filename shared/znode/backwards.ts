/**
 * PURE. Whether a reading is older than what was seen before: a backup was restored, or another ensemble answers. A child that is on record and missing
 * was deleted, and then the parent's pzxid is higher than the child's own zxids; a child that is there never has a lower mzxid than before.
 */
import type { ViewEntry } from './view.ts';

export interface DatedReading {
  /** The zxid that last changed the children; null: the parent is not there, which says nothing. */
  readonly pzxid: string | null;
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
  if (reading.pzxid !== null) {
    for (const name of missing) {
      const entry = view.get(name);
      if (entry !== undefined) compare(entry.czxid, reading.pzxid);
    }
  }
  for (const [name, { znode }] of reading.read) {
    const entry = view.get(name);
    if (entry !== undefined) compare(entry.mzxid, znode.mzxid);
  }
  return worst === null ? null : asText(worst);
}

function asText({ seen, found }: { seen: bigint; found: bigint }): { seen: string; found: string } {
  return { seen: seen.toString(), found: found.toString() };
}
