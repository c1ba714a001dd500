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
