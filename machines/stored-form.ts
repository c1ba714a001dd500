/** PURE. Whether what Redis or an export has as a snapshot has the form of one: the machines, and what is printed, take it as it is. */
import { isRecord } from '../shared/model/event-form.ts';
import type { AddressClaim } from './claims.ts';
import type { InstanceSnapshot } from './instance.ts';
import { upgradedInstance, upgradedService } from './migrate.ts';
import { newService, type ServiceSnapshot } from './service.ts';
import { isInstanceForm, isServiceForm } from './snapshot-form.ts';

/** null: it has not. */
export function asInstance(id: string, json: string): InstanceSnapshot | null {
  const value = parsed(json);
  if (value === null || !isInstanceForm(id, value)) return null;
  return upgraded(() => upgradedInstance(value as unknown as InstanceSnapshot));
}

/** null: it has not. `isOld`: of an earlier version, and to be completed once its instances are there. */
export function asService(json: string): { readonly service: ServiceSnapshot; readonly isOld: boolean } | null {
  const value = parsed(json);
  if (value === null || !isServiceForm({ ...newService(), ...value })) return null;
  return upgraded(() => upgradedService(value as unknown as ServiceSnapshot));
}

export function asClaim(json: string): AddressClaim | null {
  const value = parsed(json);
  return value !== null &&
    typeof value['owner'] === 'string' &&
    Array.isArray(value['waiting']) &&
    value['waiting'].every((one) => typeof one === 'string')
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
