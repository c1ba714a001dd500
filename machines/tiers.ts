/**
 * PURE. The books of a service of whose paths only the first that can serve takes requests (`path: { first: … }`): what is registered below each, and which
 * one is active. That is the first below which an instance is registered and up. While none is, it is the first below which one is registered, or a later one
 * whose instances are kept without a registration and are up. That is for people, the guard and the last server: which servers take requests each proxy decides by
 * what serves there, and by the tier of each, which is the place of its path in the order (shared/plan/weights-here.ts).
 */
import { canonical } from '../shared/model/canonical.ts';
import { namedParent, parentOf, pathsOf, type ServicePath, tiersOf } from '../shared/model/service-path.ts';
import { isRegistered } from './fold-state.ts';
import type { InstanceSnapshot } from './instance.ts';
import { isUp } from './projection.ts';
import type { Tiers } from './service.ts';

type Order = readonly string[];
type Counts = Tiers['paths'][string];

/** Stands for all paths that the config names no longer: behind all that it does. */
const OTHERS = '';

export function newTiers(order: Order): Tiers {
  return { active: null, paths: Object.fromEntries([...order, OTHERS].map((path) => [path, { registered: 0, up: 0, kept: 0 }])) };
}

/** With one instance standing otherwise; the very same when that changes no count. */
export function counted(tiers: Tiers, before: InstanceSnapshot | null, after: InstanceSnapshot): Tiers {
  const was = before === null ? null : countsOf(before);
  const is = countsOf(after);
  if (was !== null && canonical(was) === canonical(is)) return tiers;
  const paths = { ...tiers.paths };
  if (was !== null) add(paths, was, -1);
  add(paths, is, 1);
  return { ...tiers, paths };
}

export function activeOf({ paths }: Tiers, order: Order): string | null {
  const all = [...order, OTHERS];
  const first = (count: keyof Counts): number => all.findIndex((path) => (paths[path]?.[count] ?? 0) > 0);
  const up = first('up');
  return all[up < 0 ? Math.max(first('registered'), first('kept')) : up] ?? null;
}

/** Registered instances by path: what the guard counts losses against. */
export function registeredOf({ paths }: Tiers): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(paths).map(([path, { registered }]) => [path, registered]));
}

/**
 * The paths in order; null: there is no order. Behind a config that had one, all paths are as one as long as somebody is left of a path that is named no longer: who
 * stood by there does so until it goes.
 */
export function orderOf(path: ServicePath, tiers: Tiers | undefined): Order | null {
  return tiersOf(path) ?? (tiers === undefined ? null : pathsOf(path).slice(0, 1));
}

/** Whether somebody is left of a path that the config names no longer. */
export function hasLeft({ paths }: Tiers): boolean {
  const { registered, kept } = paths[OTHERS] ?? NOTHING;
  return registered + kept > 0;
}

/** The first of the paths below which it is registered. Without a znode it is where it was; below none that is named any more, it is behind all others. */
export function placeOf({ context }: InstanceSnapshot, order: Order, path: ServicePath): string | null {
  const names = Object.keys(context.znodes);
  if (names.length === 0) return context.path ?? null;
  const parents = new Set(names.map((name) => parentOf(path, name)).filter((parent) => parent !== null));
  const own = tiersOf(path) === null && parents.size > 0 ? order[0] : order.find((one) => parents.has(one));
  const others = names.map(namedParent).filter((parent) => parent !== null);
  return own ?? others.sort()[0] ?? null;
}

/** Whether it is registered behind the active path. Of one of which it is not known where, nothing is taken away. */
export function isBehind(path: string | undefined, active: string | null, order: Order): boolean {
  return path !== undefined && active !== null && tierOf(path, order) > tierOf(active, order);
}

/** Which of the paths in order it is: 0 the first, and one of which it is not known where. */
export function tierOf(path: string | undefined, order: Order): number {
  if (path === undefined) return 0;
  const rank = order.indexOf(path);
  return rank < 0 ? order.length : rank;
}

/** One of weight 0 is up and takes no requests. */
function countsOf(snapshot: InstanceSnapshot): Counts & { readonly path: string | null } {
  const { path } = snapshot.context;
  const takes = Number(isUp(snapshot));
  if (path === undefined) return NOTHING;
  if (isRegistered(snapshot)) return { path, registered: 1, up: takes, kept: 0 };
  return snapshot.state === 'held' ? { path, registered: 0, up: 0, kept: takes } : NOTHING;
}

const NOTHING = { path: null, registered: 0, up: 0, kept: 0 };

function add(paths: Record<string, Counts>, { path, registered, up, kept }: ReturnType<typeof countsOf>, sign: 1 | -1): void {
  if (path === null) return;
  const key = Object.hasOwn(paths, path) ? path : OTHERS;
  const counts = paths[key] ?? NOTHING;
  paths[key] = { registered: counts.registered + sign * registered, up: counts.up + sign * up, kept: counts.kept + sign * kept };
}
