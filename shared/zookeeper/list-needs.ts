/** PURE. What a list-watch still has to read. */

export interface Needs {
  full: boolean;
  synced: boolean;
  list: boolean;
  names: Set<string>;
  waiters: { resolve: () => void; reject: (error: unknown) => void }[];
}

export function noNeeds(): Needs {
  return { full: false, synced: false, list: false, names: new Set(), waiters: [] };
}

export function needsAnything(needs: Needs): boolean {
  return needs.full || needs.list || needs.names.size > 0;
}
