/**
 * PURE. Of which path each instance is, and whether an earlier one is active: decided behind every event, for those that it has changed, and for all
 * when another path becomes active. Then, and with a new config, all instances are loaded.
 */
import type { InstanceId } from '../shared/model/ids.ts';
import { namedParent, renamedBelow, type ServicePath, tiersOf } from '../shared/model/service-path.ts';
import { send, stepGuardOf } from './fold-send.ts';
import { type FoldState, isRegistered } from './fold-state.ts';
import type { InstanceSnapshot } from './instance.ts';
import type { ServiceSnapshot } from './service.ts';
import { activeOf, counted, hasLeft, isBehind, newTiers, orderOf, placeOf, registeredOf, tierOf } from './tiers.ts';

/** Whether another path became active between the two, or there is no order any more: then instances that no event names stand otherwise. */
export function isSwitched(before: ServiceSnapshot, after: ServiceSnapshot): boolean {
  return before.tiers?.active !== after.tiers?.active;
}

/** Behind an event. `whole`: the config is new, and everything is loaded. */
export function arrange(state: FoldState, at: number, { whole }: { readonly whole: boolean }): void {
  const { config, tiers } = state.service;
  if (config === null || (tiers === undefined && !whole)) return;
  const order = orderOf(config.path, tiers);
  if (order === null) return;
  const ids = [...(whole ? state.instances : state.touched).keys()].sort();
  for (const id of ids) settlePlace(state, id, order, config.path, at);
  if (whole) count(state, order, at);
  const standing = state.service.tiers ?? newTiers(order);
  if (tiersOf(config.path) === null && !hasLeft(standing)) return disband(state, at);
  const active = activeOf(standing, order);
  if (active !== standing.active) state.service = { ...state.service, tiers: { ...standing, active } };
  const concerned = active === standing.active ? ids : [...state.instances.keys()].sort();
  for (const id of concerned) {
    const snapshot = state.instances.get(id);
    if (!snapshot || !hasServer(snapshot)) continue;
    const { path } = snapshot.context;
    put(state, snapshot, { path, tier: tierOf(path, order), behind: isBehind(path, active, order) }, at);
  }
}

/** Names of before a change from one path to several, as they are from now on; whoever is kept without a znode was registered there too. */
export function rename(state: FoldState, before: ServicePath | null, after: ServicePath, at: number): void {
  const below = renamedBelow(before, after);
  if (below === null) return;
  for (const id of [...state.instances.keys()].sort()) {
    const snapshot = state.instances.get(id);
    if (!snapshot) continue;
    if (Object.keys(snapshot.context.znodes).some((name) => namedParent(name) === null)) send(state, id, { type: 'rename', at, below });
    if (snapshot.state === 'held' && tiersOf(after) !== null) send(state, id, { type: 'tier', at, path: below, tier: 0, behind: false });
  }
}

function settlePlace(state: FoldState, id: InstanceId, order: readonly string[], path: ServicePath, at: number): void {
  const snapshot = state.instances.get(id);
  if (!snapshot || !hasServer(snapshot)) return;
  const place = placeOf(snapshot, order, path) ?? undefined;
  put(state, snapshot, { path: place, tier: tierOf(place, order), behind: snapshot.context.behind === true }, at);
}

function count(state: FoldState, order: readonly string[], at: number): void {
  const active = state.service.tiers?.active ?? null;
  const instances = [...state.instances.values()].filter((one) => one !== null);
  const tiers = instances.reduce((books, one) => counted(books, null, one), newTiers(order));
  state.service = { ...state.service, tiers: { ...tiers, active } };
  stepGuardOf(state, { type: 'count', count: state.service.registered, paths: registeredOf(tiers) }, at);
}

/** The service has no paths that stand behind others any more. */
function disband(state: FoldState, at: number): void {
  const { tiers: _over, ...service } = state.service;
  state.service = service;
  for (const id of [...state.instances.keys()].sort()) {
    const snapshot = state.instances.get(id);
    if (snapshot) put(state, snapshot, { path: undefined, tier: 0, behind: false }, at);
  }
  stepGuardOf(state, { type: 'count', count: state.service.registered }, at);
}

interface Place {
  readonly path: string | undefined;
  readonly tier: number;
  readonly behind: boolean;
}

function put(state: FoldState, { context }: InstanceSnapshot, { path, tier, behind }: Place, at: number): void {
  if (context.path === path && (context.tier ?? 0) === tier && (context.behind === true) === behind) return;
  send(state, context.id, { type: 'tier', at, path: path ?? null, tier, behind });
}

/** One that drains takes no requests, and is looked at again should it stay. */
function hasServer(snapshot: InstanceSnapshot): boolean {
  return isRegistered(snapshot) || snapshot.state === 'held';
}
