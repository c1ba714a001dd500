/**
 * PURE. The view: what the watcher last put on record about each child of a service's path, and the difference between it and
 * a reading, as the events of the log and the changes that bring the view up to date. Applying them to the view gives the reading.
 */

import { must } from '../errors.ts';
import type { Said, ServiceEvent } from '../model/event.ts';
import type { InstanceId } from '../model/ids.ts';
import type { Decoded, Znode } from '../model/registration.ts';
import { escapeText } from './escape.ts';

export interface ViewEntry {
  readonly czxid: string;
  readonly mzxid: string;
  readonly version: number;
  readonly instance: InstanceId;
}

/** What the difference needs of a reading. */
export interface ReadChildren {
  /** full: every child is named; delta: only those that were looked at. */
  readonly kind: 'full' | 'delta';
  readonly read: ReadonlyMap<string, { readonly znode: Znode }>;
  /** Known to be gone (delta only). */
  readonly gone: readonly string[];
  /** Children that are there, but could not be read: what is on record about them stays. */
  readonly unread: readonly string[];
}

export interface ViewDifference {
  readonly set: Map<string, ViewEntry>;
  readonly remove: string[];
  /** By the znodes' names; of one znode, what registers comes before what ends, so that an instance is not lost in between. */
  readonly events: ServiceEvent[];
  /** Missing, but not believed yet: they stay in the view. */
  readonly unconfirmed: string[];
}

/**
 * `decoded` has every name of `reading.read`. `confirmed`: absence may be believed. `restated`: names whose registration reads
 * differently although the znode did not change (a host name that resolves differently).
 */
export function diffView(
  view: ReadonlyMap<string, ViewEntry>,
  reading: ReadChildren,
  decoded: ReadonlyMap<string, Decoded>,
  options: { readonly confirmed: boolean; readonly restated?: ReadonlySet<string> },
): ViewDifference {
  const difference: ViewDifference = { set: new Map(), remove: [], events: [], unconfirmed: [] };
  const gone = missing(view, reading);
  for (const name of [...reading.read.keys(), ...gone].sort(byCodeUnit)) {
    const before = view.get(name);
    const znode = reading.read.get(name)?.znode;
    if (znode !== undefined) {
      const says = must(decoded.get(name), `what znode ${escapeText(name)} says`);
      readChild(difference, before, znode, says, options.restated?.has(name) ?? false);
    } else if (before !== undefined && options.confirmed) {
      difference.remove.push(name);
      difference.events.push(deregistered(name, before));
    } else if (before !== undefined) {
      difference.unconfirmed.push(name);
    }
  }
  return difference;
}

function missing(view: ReadonlyMap<string, ViewEntry>, reading: ReadChildren): string[] {
  if (reading.kind === 'delta') return [...new Set(reading.gone)].filter((name) => !reading.read.has(name));
  const unread = new Set(reading.unread);
  return [...view.keys()].filter((name) => !reading.read.has(name) && !unread.has(name));
}

function readChild(difference: ViewDifference, before: ViewEntry | undefined, znode: Znode, says: Decoded, restated: boolean): void {
  const { instance } = says;
  const entry: ViewEntry = { czxid: znode.czxid, mzxid: znode.mzxid, version: znode.version, instance };
  const said: Said = says.ok ? { registration: says.registration } : { rejection: says.rejection };
  const another = before === undefined || before.czxid !== znode.czxid || before.instance !== instance;
  if (another) {
    difference.events.push({ type: 'registered', instance, znode, said });
    if (before !== undefined) difference.events.push(deregistered(znode.name, before));
  } else if (before.mzxid !== znode.mzxid || restated) {
    difference.events.push({ type: 'changed', instance, znode, said });
  }
  if (another || before.mzxid !== znode.mzxid) difference.set.set(znode.name, entry);
}

function deregistered(name: string, entry: ViewEntry): ServiceEvent {
  const { czxid, mzxid, version, instance } = entry;
  return { type: 'deregistered', instance, znode: { name, czxid, mzxid, version } };
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
