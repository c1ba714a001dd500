/**
 * PURE. Snapshots as they are stored, of this version and of earlier ones. What an earlier version did not keep is derived here, so that the machines
 * know one form only.
 */
import { assert } from '../shared/errors.ts';
import type { InstanceId } from '../shared/model/ids.ts';
import { GUARD_SCHEMA } from './guard.ts';
import { INSTANCE_SCHEMA, type InstanceSnapshot } from './instance.ts';
import { newContext } from './instance-context.ts';
import { isUp } from './projection.ts';
import { newService, SERVICE_SCHEMA, type ServiceSnapshot } from './service.ts';

/** Schema 1 had one timer, that of the drain. */
export interface InstanceBefore2 {
  readonly schema: 1;
  readonly state: InstanceSnapshot['state'];
  readonly context: Omit<InstanceSnapshot['context'], 'timers'> & {
    readonly timer: { readonly at: number; readonly token: number } | null;
  };
}

/** @throws SyntaxError, AssertionFailure: it is none, or of a later version. */
export function readInstance(json: string): InstanceSnapshot {
  return upgradedInstance(JSON.parse(json) as InstanceSnapshot);
}

/** @throws AssertionFailure for a later version. */
export function upgradedInstance(stored: InstanceSnapshot | InstanceBefore2): InstanceSnapshot {
  if (stored.schema === INSTANCE_SCHEMA) return stored as InstanceSnapshot;
  assert(stored.schema === 1, `an instance snapshot of schema 1 to ${INSTANCE_SCHEMA}`);
  const { timer, ...kept } = (stored as InstanceBefore2).context;
  const context = { ...newContext(kept.id), ...kept, timers: timer === null ? {} : { drain: timer } };
  return { schema: INSTANCE_SCHEMA, state: stored.state, context };
}

/** What is stored of a service; of an earlier version only once `completed` with all of its instances. null: nothing is stored. */
export function readService(json: string | null): { readonly service: ServiceSnapshot; readonly isOld: boolean } {
  if (json === null) return { service: newService(), isOld: false };
  return upgradedService(JSON.parse(json) as ServiceSnapshot);
}

/** @throws AssertionFailure for a later version. */
export function upgradedService(stored: ServiceSnapshot): { readonly service: ServiceSnapshot; readonly isOld: boolean } {
  assert(stored.schema <= SERVICE_SCHEMA && stored.schema >= 1, `a service snapshot of schema 1 to ${SERVICE_SCHEMA}`);
  return { service: { ...newService(), ...stored }, isOld: stored.schema < SERVICE_SCHEMA };
}

/** Schema 1 did not count who is up, schema 2 counted those of weight 0 too. */
export function completed(service: ServiceSnapshot, instances: Iterable<InstanceSnapshot>): ServiceSnapshot {
  const up = [...instances].filter(isUp).length;
  return { ...service, schema: SERVICE_SCHEMA, guard: { ...service.guard, schema: GUARD_SCHEMA }, up };
}

/** By id. */
export function readInstances(texts: ReadonlyMap<InstanceId, string>): Map<InstanceId, InstanceSnapshot> {
  return new Map([...texts].map(([id, json]) => [id, readInstance(json)]));
}
