/** PURE. Whether what an export has as a snapshot has the form of one: the machines, and what is printed, take it as it is. */
import type { AddressClaim } from '../../machines/claims.ts';
import type { InstanceSnapshot } from '../../machines/instance.ts';
import { newService, type ServiceSnapshot } from '../../machines/service.ts';
import { isRecord } from '../../shared/model/event-form.ts';

/** null: it has not. */
export function asInstance(id: string, json: string): InstanceSnapshot | null {
  const value = parsed(json);
  const context = value?.['context'];
  if (value === null || !isRecord(context) || typeof value['state'] !== 'string' || context['id'] !== id) return null;
  const { health, since, registration, offered, rejection, znodes, witnesses } = context;
  const numbers = isRecord(health) && [health['up'], health['down'], health['unknown'], since].every((one) => typeof one === 'number');
  const records = [registration, offered, rejection].every((one) => one === null || isRecord(one)) && isRecord(znodes);
  return numbers && records && Array.isArray(witnesses) ? (value as unknown as InstanceSnapshot) : null;
}

/** What the later version of a service's snapshot has, and an earlier one has not, is as in a new one: as the transition worker reads it. */
export function asService(json: string): ServiceSnapshot | null {
  const value = parsed(json);
  if (value === null) return null;
  const { guard, tombstones, refused } = { ...newService(), ...value };
  const context = isRecord(guard) ? guard['context'] : null;
  const lists = [tombstones, refused, isRecord(context) ? context['losses'] : null, isRecord(context) ? context['peaks'] : null];
  return lists.every(Array.isArray) ? ({ ...newService(), ...value } as ServiceSnapshot) : null;
}

export function asClaim(json: string): AddressClaim | null {
  const value = parsed(json);
  return value !== null && typeof value['owner'] === 'string' && Array.isArray(value['waiting'])
    ? (value as unknown as AddressClaim)
    : null;
}

function parsed(json: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(json);
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}
