/** What a list-watch hands on: what was read of one path's children, and where. */
import type { ChildReading } from './read-children.ts';

export interface Reading {
  /** full: `read` and `unread` name every child; delta: only what changed. */
  readonly kind: 'full' | 'delta';
  /** pzxid: the zxid that last changed the children; null: not known. */
  readonly parent: { readonly present: boolean; readonly cversion: number | null; readonly pzxid: string | null };
  readonly read: ReadonlyMap<string, ChildReading>;
  /** Children seen on this connection that have gone since (delta only). */
  readonly gone: readonly string[];
  /** Children that are there and may not be read (no permission). */
  readonly unread: readonly string[];
  /** Where it was read. `synced`: a write of ours went ahead of it, so it is no older than that, whichever server answered. */
  readonly at: { readonly session: string; readonly connection: number; readonly synced: boolean };
}
