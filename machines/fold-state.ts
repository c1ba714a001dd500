/** PURE. What a fold works on, and the books it keeps there: who stands, who is up, who is remembered, who is rejected, who went. */
import type { InstanceId } from '../shared/model/ids.ts';
import { type AddressClaims, addressKey, claimAddress, leaveQueue, serverIdKey } from './claims.ts';
import type { InstanceSnapshot } from './instance.ts';
import { judge } from './policy.ts';
import { isQuarantined, isUp } from './projection.ts';
import { bury, hasRoomForRejected, listed, reject, type ServiceSnapshot, unreject } from './service.ts';

export interface FoldState {
  service: ServiceSnapshot;
  /** Of the instances that are loaded; `null` is one that is forgotten. */
  readonly instances: Map<InstanceId, InstanceSnapshot | null>;
  readonly addresses: AddressClaims;
  /** The instances that the present event has changed, as they stood before it. */
  readonly touched: Map<InstanceId, InstanceSnapshot>;
}

/** Whether the last good form stays in use under bad data: it must still be allowed, and one that comes back must have its address to itself. */
export function mayKeep(state: FoldState, id: InstanceId): boolean {
  const snapshot = state.instances.get(id);
  const registration = snapshot?.context.registration ?? null;
  if (!snapshot || registration === null) return false;
  // Where nothing is configured, nothing is forbidden either.
  if (state.service.config !== null && judge(state.service, snapshot, registration) !== null) return false;
  return isRegistered(snapshot) || claimAddress(state.addresses, id, addressKey(registration), false) === null;
}

export function isLastUp(state: FoldState, id: InstanceId): boolean {
  const snapshot = state.instances.get(id);
  return Boolean(snapshot && isUp(snapshot)) && state.service.up <= 1;
}

/** Whether the instance is remembered when it is rejected: it is known already, or there is room. */
export function isRemembered(state: FoldState, id: InstanceId): boolean {
  return (state.instances.get(id)?.state ?? 'gone') !== 'gone' || hasRoomForRejected(state.service);
}

/** Who is rejected is counted, and waits for the address that it offers and no other. */
export function noteRejection(state: FoldState, before: InstanceSnapshot, after: InstanceSnapshot): void {
  const { id, serverId } = before.context;
  const was = before.state === 'rejected';
  const is = after.state === 'rejected';
  if (is && !was) state.service = reject(state.service, id, serverId !== null);
  if (was && !is) state.service = unreject(state.service, id, serverId !== null);
  const refused = refusedAddress(before);
  if (refused !== null && refused !== refusedAddress(after)) leaveQueue(state.addresses, id, refused);
}

/** The address that it offers and may not have, whether it stands with its last good form or not at all. */
function refusedAddress({ context: { offered, rejection } }: InstanceSnapshot): string | null {
  return offered === null || rejection === null ? null : addressKey(offered);
}

/** Who is up, cordoned, in quarantine; and whether the last server is still kept as that. */
export function noteRotation(state: FoldState, before: InstanceSnapshot, after: InstanceSnapshot): void {
  const { id } = after.context;
  const { service } = state;
  const up = service.up + Number(isUp(after)) - Number(isUp(before));
  const cordoned = listed(service.cordoned, id, after.context.cordon !== null);
  const quarantined = listed(service.quarantined, id, isQuarantined(after));
  const last = service.last?.instance === id && after.state !== 'held' ? null : service.last;
  if (up !== service.up || cordoned !== service.cordoned || quarantined !== service.quarantined || last !== service.last)
    state.service = { ...service, up, cordoned, quarantined, last };
  noteStay(state, after);
}

/** Who is held is kept as that. */
function noteStay(state: FoldState, { context: { id, stays }, state: standing }: InstanceSnapshot): void {
  const { stay: known = [], ...service } = state.service;
  const stay = listed(known, id, stays === true && standing !== 'held');
  if (stay !== known) state.service = stay.length === 0 ? service : { ...service, stay };
}

/** The instance is gone: it is remembered for a while, and for it another is forgotten. Who is cordoned is remembered until that ends. */
export function leave(state: FoldState, snapshot: InstanceSnapshot, at: number): void {
  const { id, serverId } = snapshot.context;
  if (serverId === null) {
    forget(state, id);
    return;
  }
  const { service, dropped } = bury(state.service, { instance: id, serverId, at });
  state.service = service;
  if (dropped === null) return;
  if (forget(state, dropped.instance)) state.addresses.set(serverIdKey(dropped.serverId), null);
}

/** An instance that is gone and that no cordon keeps in mind any more: it is remembered only while it has a tombstone. */
export function unremember(state: FoldState, snapshot: InstanceSnapshot): void {
  const { id, serverId } = snapshot.context;
  if (snapshot.state !== 'gone' || state.service.tombstones.some(({ instance }) => instance === id)) return;
  if (forget(state, id) && serverId !== null) state.addresses.set(serverIdKey(serverId), null);
}

function forget(state: FoldState, id: InstanceId): boolean {
  if (state.service.cordoned.includes(id)) return false;
  state.service = { ...state.service, quarantined: listed(state.service.quarantined, id, false) };
  state.instances.set(id, null);
  return true;
}

export function isBacked(snapshot: InstanceSnapshot): boolean {
  return Object.keys(snapshot.context.znodes).length > 0;
}

/** Accepted and standing: what the guard counts. */
export function isRegistered(snapshot: InstanceSnapshot): boolean {
  return snapshot.state === 'joining' || snapshot.state === 'serving';
}
