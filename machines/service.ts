/**
 * PURE. What a service's own small snapshot holds beside its instances: its config, the guard, and who went lately.
 * An instance that went keeps its snapshot, and with it its server id, while it may come back.
 */
import type { InstanceId } from '../shared/model/ids.ts';
import type { ServiceConfig } from '../shared/model/service-config.ts';
import { type GuardSnapshot, newGuard } from './guard.ts';

export const SERVICE_SCHEMA = 1;
/** Instances that went are remembered as long as they are among the last so many. */
export const TOMBSTONES_MAX = 256;

export interface Tombstone {
  readonly instance: InstanceId;
  readonly serverId: number;
  readonly at: number;
}

export interface ServiceSnapshot {
  readonly schema: number;
  /** null: never configured, or no longer. */
  readonly config: ServiceConfig | null;
  /** Whether the service was ever read completely: before that, who is not registered may only not have been heard of. */
  readonly complete: boolean;
  readonly guard: GuardSnapshot;
  /** Instances with an accepted registration that stands. */
  readonly registered: number;
  /** Oldest first. */
  readonly tombstones: readonly Tombstone[];
}

export function newService(): ServiceSnapshot {
  return { schema: SERVICE_SCHEMA, config: null, complete: false, guard: newGuard(), registered: 0, tombstones: [] };
}

/** Remembers an instance that went; `dropped` is the one that is forgotten for it. */
export function bury(service: ServiceSnapshot, tombstone: Tombstone): { service: ServiceSnapshot; dropped: Tombstone | null } {
  const tombstones = [...service.tombstones.filter((other) => other.instance !== tombstone.instance), tombstone];
  const dropped = tombstones.length > TOMBSTONES_MAX ? (tombstones.shift() ?? null) : null;
  return { service: { ...service, tombstones }, dropped };
}

export function exhume(service: ServiceSnapshot, instance: InstanceId): ServiceSnapshot {
  if (!service.tombstones.some((tombstone) => tombstone.instance === instance)) return service;
  return { ...service, tombstones: service.tombstones.filter((tombstone) => tombstone.instance !== instance) };
}
