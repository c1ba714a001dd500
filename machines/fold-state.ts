/** PURE. What a fold works on, and the books it keeps there: who stands, who is remembered, who is rejected, who went. */
import type { InstanceId } from '../shared/model/ids.ts';
import { type AddressClaims, addressKey, claimAddress, leaveQueue, serverIdKey } from './claims.ts';
import type { InstanceSnapshot } from './instance.ts';
import { judge } from './policy.ts';
import { bury, hasRoomForRejected, reject, type ServiceSnapshot, unreject } from './service.ts';

export interface FoldState {
  service: ServiceSnapshot;
  /** Of the instances that are loaded; `null` is one that is forgotten. */
  readonly instances: Map<InstanceId, InstanceSnapshot | null>;
  readonly addresses: AddressClaims;
  /** The instances that the present event has changed, with the state that they had before it. */
  readonly touched: Map<InstanceId, InstanceSnapshot['state']>;
}

/** Whether the last good form stays in use under bad data: one that comes back must still be allowed, and have its address to itself. */
export function mayKeep(state: FoldState, id: InstanceId): boolean {
  const snapshot = state.instances.get(id);
  const registration = snapshot?.context.registration ?? null;
  if (!snapshot || registration === null) return false;
  if (isRegistered(snapshot)) return true;
  return (
    judge(state.service, snapshot, registration) === null && claimAddress(state.addresses, id, addressKey(registration), false) === null
  );
}

/** Whether the instance is remembered when it is rejected: it is known already, or there is room. */
export function isRemembered(state: FoldState, id: InstanceId): boolean {
  return (state.instances.get(id)?.state ?? 'gone') !== 'gone' || hasRoomForRejected(state.service);
}

/** Who is rejected is counted, and waits for the address that it offers and no other. */
export function noteRejection(state: FoldState, before: InstanceSnapshot, after: InstanceSnapshot): void {
  const { id, offered, serverId } = before.context;
  const was = before.state === 'rejected';
  const is = after.state === 'rejected';
  if (is && !was) state.service = reject(state.service, id, serverId !== null);
  if (!was) return;
  if (!is) state.service = unreject(state.service, id, serverId !== null);
  if (offered === null) return;
  const waits = is && after.context.offered !== null && addressKey(after.context.offered) === addressKey(offered);
  if (!waits) leaveQueue(state.addresses, id, addressKey(offered));
}

/** The instance is gone: it is remembered for a while, and for it another is forgotten. */
export function leave(state: FoldState, snapshot: InstanceSnapshot, at: number): void {
  const { id, serverId } = snapshot.context;
  if (serverId === null) {
    state.instances.set(id, null);
    return;
  }
  const { service, dropped } = bury(state.service, { instance: id, serverId, at });
  state.service = service;
  if (dropped === null) return;
  state.instances.set(dropped.instance, null);
  state.addresses.set(serverIdKey(dropped.serverId), null);
}

export function isBacked(snapshot: InstanceSnapshot): boolean {
  return Object.keys(snapshot.context.znodes).length > 0;
}

/** Accepted and standing: what the guard counts. */
export function isRegistered(snapshot: InstanceSnapshot): boolean {
  return snapshot.state === 'joining' || snapshot.state === 'serving';
}
