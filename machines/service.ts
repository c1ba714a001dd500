/**
 * PURE. What a service's own small snapshot holds beside its instances: its config, the guard, who owns which server id.
 * Server ids are given out once, the same on every proxy, and kept while the address may come back.
 */
import type { InstanceId } from '../shared/model/ids.ts';
import type { ServiceConfig } from '../shared/model/service-config.ts';
import { type GuardSnapshot, newGuard } from './guard.ts';

export const SERVICE_SCHEMA = 1;
/** Instances that are gone keep their server id as long as they are among the last so many. */
export const TOMBSTONES_MAX = 1000;
/** HAProxy's ids collide 2^20 apart under consistent hashing (2.6). */
export const SERVER_ID_MAX = 1_000_000;

export interface Tombstone {
  readonly instance: InstanceId;
  readonly serverId: number;
  readonly at: number;
}

export interface ServiceSnapshot {
  readonly schema: number;
  /** null: never configured, or no longer. */
  readonly config: ServiceConfig | null;
  readonly guard: GuardSnapshot;
  /** Instances with an accepted registration that stands. */
  readonly registered: number;
  readonly nextServerId: number;
  /** Given back by tombstones that were dropped; used only when nextServerId has run out. */
  readonly freeServerIds: readonly number[];
  /** Oldest first. */
  readonly tombstones: readonly Tombstone[];
}

export function newService(): ServiceSnapshot {
  return { schema: SERVICE_SCHEMA, config: null, guard: newGuard(), registered: 0, nextServerId: 1, freeServerIds: [], tombstones: [] };
}

/** The next server id, or null when all are taken. */
export function takeServerId(service: ServiceSnapshot): { service: ServiceSnapshot; id: number } | null {
  if (service.nextServerId <= SERVER_ID_MAX) {
    return { service: { ...service, nextServerId: service.nextServerId + 1 }, id: service.nextServerId };
  }
  const [id, ...freeServerIds] = service.freeServerIds;
  return id === undefined ? null : { service: { ...service, freeServerIds }, id };
}

/** Remembers an instance that went; `dropped` is the one that is forgotten for it. */
export function bury(service: ServiceSnapshot, tombstone: Tombstone): { service: ServiceSnapshot; dropped: Tombstone | null } {
  const tombstones = [...service.tombstones.filter((other) => other.instance !== tombstone.instance), tombstone];
  const dropped = tombstones.length > TOMBSTONES_MAX ? (tombstones.shift() ?? null) : null;
  const freeServerIds =
    dropped === null || service.freeServerIds.length >= TOMBSTONES_MAX ? service.freeServerIds : [...service.freeServerIds, dropped.serverId];
  return { service: { ...service, tombstones, freeServerIds }, dropped };
}

export function exhume(service: ServiceSnapshot, instance: InstanceId): ServiceSnapshot {
  if (!service.tombstones.some((tombstone) => tombstone.instance === instance)) return service;
  return { ...service, tombstones: service.tombstones.filter((tombstone) => tombstone.instance !== instance) };
}
