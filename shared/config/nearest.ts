/** PURE. The known word nearest to what was written, for "did you mean". Distance is Damerau-Levenshtein (optimal string alignment). */

/** Words further apart than a third of the longer one are not worth suggesting. */
const DISTANCE_SHARE_MAX = 1 / 3;
/** Longer words are not compared: nobody mistypes them into a key of ours, and the table is quadratic. */
const WORD_LENGTH_MAX = 64;

/** Null when nothing is near. Case is ignored; ties go to the first in `known`. */
export function nearest(word: string, known: readonly string[]): string | null {
  if (word.length > WORD_LENGTH_MAX) return null;
  let best: string | null = null;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    const most = Math.max(1, Math.floor(Math.max(word.length, candidate.length) * DISTANCE_SHARE_MAX));
    if (distance <= most && distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1];
      const left = current[column - 1] ?? 0;
      const above = last[column] ?? 0;
      const corner = last[column - 1] ?? 0;
      let least = Math.min(left + 1, above + 1, corner + (same ? 0 : 1));
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) least = Math.min(least, (beforeLast[column - 2] ?? 0) + 1);
      current.push(least);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length] ?? 0;
}
