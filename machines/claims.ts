/** PURE. Claims on what only one instance of a service may have: an `address port`, and a server id. */
import type { InstanceId } from '../shared/model/ids.ts';
import type { Registration } from '../shared/model/registration.ts';
import type { InstanceSnapshot } from './instance.ts';
import { serverIdCandidates } from './server-id.ts';

/** Who has an `address port` or a server id, and who would like to (an address registered under another name): oldest first. */
export interface AddressClaim {
  readonly owner: InstanceId;
  readonly waiting: readonly InstanceId[];
}

/** Instances that wait for one address. One more is rejected without being queued, until it says something again. */
export const WAITING_MAX = 16;

export type AddressClaims = Map<string, AddressClaim | null>;

/** Takes the address for the instance, or returns who has it and queues for it, where `queues` and there is room. */
export function claimAddress(claims: AddressClaims, id: InstanceId, key: string, queues: boolean): InstanceId | null {
  const held = claims.get(key) ?? null;
  if (held === null || held.owner === id) {
    claims.set(key, { owner: id, waiting: held?.waiting ?? [] });
    return null;
  }
  if (queues && held.waiting.length < WAITING_MAX && !held.waiting.includes(id)) {
    claims.set(key, { owner: held.owner, waiting: [...held.waiting, id] });
  }
  return held.owner;
}

/** The instance waits for the address no longer. */
export function leaveQueue(claims: AddressClaims, id: InstanceId, key: string): void {
  const held = claims.get(key) ?? null;
  if (held?.waiting.includes(id)) claims.set(key, { owner: held.owner, waiting: held.waiting.filter((other) => other !== id) });
}

export function addressKey(registration: Registration): string {
  return `${registration.address} ${registration.port}`;
}

/** Server ids are claimed beside the addresses. */
export function serverIdKey(id: number): string {
  return `#${id}`;
}

/** The claims that concern an instance: of its addresses, and of the server ids that it may be given. */
export function claimKeys({ context }: InstanceSnapshot): string[] {
  const addresses = [context.registration, context.offered].filter((one) => one !== null).map(addressKey);
  return context.serverId === null ? [...addresses, ...serverIdCandidates(context.id).map(serverIdKey)] : addresses;
}
