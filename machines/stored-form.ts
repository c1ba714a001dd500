/** PURE. Whether what Redis or an export has as a snapshot has the form of one: the machines, and what is printed, take it as it is. */
import { isRecord } from '../shared/model/event-form.ts';
import type { AddressClaim } from './claims.ts';
import { type InstanceSnapshot, instanceMachine } from './instance.ts';
import { upgradedInstance, upgradedService } from './migrate.ts';
import { newService, type ServiceSnapshot } from './service.ts';
import { tableOf } from './table.ts';

/** null: it has not. */
export function asInstance(id: string, json: string): InstanceSnapshot | null {
  const value = parsed(json);
  const context = value?.['context'];
  if (value === null || !isRecord(context) || !isState(value['state']) || context['id'] !== id) return null;
  const { health, since, registration, offered, rejection, znodes, witnesses } = context;
  const numbers = isRecord(health) && [health['up'], health['down'], health['unknown'], since].every((one) => typeof one === 'number');
  const records = [registration, offered, rejection].every((one) => one === null || isRecord(one)) && isRecord(znodes);
  if (!numbers || !records || !Array.isArray(witnesses)) return null;
  const snapshot = upgraded(() => upgradedInstance(value as unknown as InstanceSnapshot));
  return snapshot !== null && isRecord(snapshot.context.timers) && isFlap(snapshot.context.flap) ? snapshot : null;
}

function isState(value: unknown): boolean {
  return typeof value === 'string' && tableOf(instanceMachine).has(value);
}

function isFlap(value: unknown): boolean {
  return isRecord(value) && Array.isArray(value['recent']);
}

/** null: it has not. `isOld`: of an earlier version, and to be completed once its instances are there. */
export function asService(json: string): { readonly service: ServiceSnapshot; readonly isOld: boolean } | null {
  const value = parsed(json);
  if (value === null) return null;
  const { guard, tombstones, refused, cordoned, quarantined } = { ...newService(), ...value };
  const context = isRecord(guard) ? guard['context'] : null;
  const lists = [
    tombstones,
    refused,
    cordoned,
    quarantined,
    isRecord(context) ? context['losses'] : null,
    isRecord(context) ? context['peaks'] : null,
  ];
  return lists.every(Array.isArray) ? upgraded(() => upgradedService(value as unknown as ServiceSnapshot)) : null;
}

export function asClaim(json: string): AddressClaim | null {
  const value = parsed(json);
  return value !== null && typeof value['owner'] === 'string' && Array.isArray(value['waiting'])
    ? (value as unknown as AddressClaim)
    : null;
}

/** null: of a later version, or of none. */
function upgraded<T>(upgrade: () => T): T | null {
  try {
    return upgrade();
  } catch {
    return null;
  }
}

function parsed(json: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(json);
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}
