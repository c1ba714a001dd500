/**
 * PURE. The view: what the watcher last put on record about each child of a service's path, and the difference between it and
 * a reading, as the events of the log and the changes that bring the view up to date. Applying them to the view gives the reading.
 */

import { must } from '../errors.ts';
import type { ServiceEvent } from '../model/event.ts';
import type { InstanceId } from '../model/ids.ts';
import type { Decoded, Znode } from '../model/registration.ts';
import { escapeText } from './escape.ts';
import { type Step, saidOf, spoken, type Words } from './spokesman.ts';

export interface ViewEntry {
  readonly czxid: string;
  readonly mzxid: string;
  readonly version: number;
  readonly instance: InstanceId;
  /** What was put on record of it has a part that earlier versions did not read: options, or that a weight of 1 was said. */
  readonly more?: true;
  /** What it says was not known when another znode of its instance changed or went: it is told again when it is read. */
  readonly unsaid?: true;
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
 * differently although the znode did not change (a host name that resolves differently). `words`: of the instances that several znodes back. `isOf`:
 * whether a znode of the view would be in the reading; missing: all would.
 */
export function diffView(
  view: ReadonlyMap<string, ViewEntry>,
  reading: ReadChildren,
  decoded: ReadonlyMap<string, Decoded>,
  options: {
    readonly confirmed: boolean;
    readonly restated?: ReadonlySet<string>;
    readonly words?: Words;
    readonly isOf?: (name: string) => boolean;
  },
): ViewDifference {
  const found: Step[] = [];
  const unconfirmed: string[] = [];
  for (const [name, { znode }] of reading.read) {
    const says = must(decoded.get(name), `what znode ${escapeText(name)} says`);
    const step = readChild(view.get(name), znode, says, options.restated?.has(name) ?? false);
    if (step !== null) found.push(step);
  }
  for (const name of missing(view, reading, options.isOf)) {
    const before = view.get(name);
    if (before === undefined) continue;
    if (options.confirmed) found.push({ name, entry: null, events: [deregistered(name, before)] });
    else unconfirmed.push(name);
  }
  // Only what changed is put in order: it is little, of much.
  found.sort((a, b) => byCodeUnit(a.name, b.name));
  const steps = options.words === undefined ? found : spoken(view, found, decoded, options.words);
  return {
    set: new Map(steps.flatMap(({ name, entry }) => (entry === null || entry === undefined ? [] : [[name, entry] as const]))),
    remove: steps.flatMap(({ name, entry }) => (entry === null ? [name] : [])),
    events: steps.flatMap(({ events }) => events),
    unconfirmed: unconfirmed.sort(byCodeUnit),
  };
}

/** What is stored of one znode; null: it is no such entry. */
export function asViewEntry(json: string): ViewEntry | null {
  try {
    const entry = JSON.parse(json) as Partial<ViewEntry> | null;
    const texts = [entry?.czxid, entry?.mzxid].every((zxid) => typeof zxid === 'string' && ZXID.test(zxid));
    return texts && typeof entry?.instance === 'string' && typeof entry.version === 'number' ? (entry as ViewEntry) : null;
  } catch {
    return null;
  }
}

const ZXID = /^-?\d{1,19}$/;

/** The highest zxid of what comes or changes; null: nothing does. */
export function latestMzxid({ set }: ViewDifference): string | null {
  let most: bigint | null = null;
  for (const { mzxid } of set.values()) if (most === null || BigInt(mzxid) > most) most = BigInt(mzxid);
  return most === null ? null : most.toString();
}

function missing(view: ReadonlyMap<string, ViewEntry>, reading: ReadChildren, isOf: (name: string) => boolean = () => true): string[] {
  if (reading.kind === 'delta') return [...new Set(reading.gone)].filter((name) => !reading.read.has(name));
  const unread = new Set(reading.unread);
  return [...view.keys()].filter((name) => !reading.read.has(name) && !unread.has(name) && isOf(name));
}

/** null: it is as it was. */
function readChild(before: ViewEntry | undefined, znode: Znode, says: Decoded, restated: boolean): Step | null {
  const { name, czxid, mzxid, version } = znode;
  const { instance } = says;
  const same = before !== undefined && before.czxid === czxid && before.instance === instance;
  const more = saysMore(says);
  // By an earlier version it may have been put on record without: once, it is told again.
  const isDue = (more && before?.more !== true) || before?.unsaid === true;
  if (same && before.mzxid === mzxid && !restated && !isDue) return null;
  const said = saidOf(says);
  const entry: ViewEntry = { czxid, mzxid, version, instance, ...(more ? { more } : {}) };
  if (same)
    return { name, entry: before.mzxid === mzxid && !isDue ? undefined : entry, events: [{ type: 'changed', instance, znode, said }] };
  const registered: ServiceEvent = { type: 'registered', instance, znode, said };
  return { name, entry, events: before === undefined ? [registered] : [registered, deregistered(name, before)] };
}

function saysMore(says: Decoded): boolean {
  return says.ok && (says.registration.options !== undefined || says.registration.weighed === true);
}

function deregistered(name: string, entry: ViewEntry): ServiceEvent {
  const { czxid, mzxid, version, instance } = entry;
  return { type: 'deregistered', instance, znode: { name, czxid, mzxid, version } };
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
