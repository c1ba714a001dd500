/**
 * PURE. What a service's own small snapshot holds beside its instances: its config, the guard, counts, and who went lately.
 * An instance that went keeps its snapshot, and with it its server id, while it may come back.
 */
import type { InstanceId } from '../shared/model/ids.ts';
import type { ServiceConfig } from '../shared/model/service-config.ts';
import { type GuardSnapshot, newGuard } from './guard.ts';

/** 2: up, last, cordoned, quarantined. 3: who is up and has weight 0 is not counted. */
export const SERVICE_SCHEMA = 3;
/** Instances that went are remembered as long as they are among the last so many. */
export const TOMBSTONES_MAX = 256;

/** Rejected instances that had a server are named up to so many. */
export const REFUSED_MAX = 10_000;
/** Rejected instances that are remembered while there is no config to give `maxInstances`. */
const REJECTED_UNCONFIGURED_MAX = 10_000;
/** Cordons of one service; a further one is not taken. */
export const CORDONED_MAX = 1_000;
/** Instances in quarantine at once; a further one is left in. */
export const QUARANTINED_MAX = 100;

export interface Tombstone {
  readonly instance: InstanceId;
  readonly serverId: number;
  readonly at: number;
}

/** The last server that HAProxy sees up: it is kept although its registration ended. */
export interface LastServer {
  readonly instance: InstanceId;
  readonly since: number;
  /** Without a check nothing can be seen down: then it goes when the hold would be over. */
  readonly timer: { readonly at: number; readonly token: number } | null;
}

/**
 * Of a service of whose paths only the first that can serve takes requests: how many instances are registered below each, how many of them are up, and how many
 * are kept without a registration and are up. Under '': below paths that the config names no longer.
 */
export interface Tiers {
  /** The last path whose instances take requests; null: there are none. */
  readonly active: string | null;
  readonly paths: Readonly<Record<string, { readonly registered: number; readonly up: number; readonly kept: number }>>;
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
  /** Instances in rotation that some proxy sees up, and that have a weight. */
  readonly up: number;
  readonly last: LastServer | null;
  /** Who takes requests as the last server, and asks for none (withdrawal.ts); sorted; missing: nobody does. */
  readonly stay?: readonly InstanceId[];
  /** Instances that an operator took out, also those that are not there; sorted. */
  readonly cordoned: readonly InstanceId[];
  /** Instances in quarantine; sorted. */
  readonly quarantined: readonly InstanceId[];
  /** Instances that are rejected and remembered. */
  readonly rejected: number;
  /** Those of them that had a server: no proxy should have it any more. Oldest first. */
  readonly refused: readonly InstanceId[];
  /** Oldest first. */
  readonly tombstones: readonly Tombstone[];
  /** Missing: no path stands behind another. */
  readonly tiers?: Tiers;
}

export function newService(): ServiceSnapshot {
  return {
    schema: SERVICE_SCHEMA,
    config: null,
    complete: false,
    guard: newGuard(),
    registered: 0,
    up: 0,
    last: null,
    cordoned: [],
    quarantined: [],
    rejected: 0,
    refused: [],
    tombstones: [],
  };
}

/** With the name in its place, or without it. */
export function listed(names: readonly InstanceId[], name: InstanceId, is: boolean): readonly InstanceId[] {
  if (names.includes(name) === is) return names;
  return is ? [...names, name].sort() : names.filter((other) => other !== name);
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

/** Whether one more rejected instance is remembered; as many are as may be accepted. */
export function hasRoomForRejected(service: ServiceSnapshot): boolean {
  return service.rejected < (service.config?.maxInstances ?? REJECTED_UNCONFIGURED_MAX);
}

export function reject(service: ServiceSnapshot, instance: InstanceId, hadServer: boolean): ServiceSnapshot {
  const refused = hadServer ? [...service.refused, instance].slice(-REFUSED_MAX) : service.refused;
  return { ...service, rejected: service.rejected + 1, refused };
}

export function unreject(service: ServiceSnapshot, instance: InstanceId, hadServer: boolean): ServiceSnapshot {
  // The oldest mostly leave first, so it is soon found.
  const at = hadServer ? service.refused.indexOf(instance) : -1;
  const refused = at < 0 ? service.refused : service.refused.toSpliced(at, 1);
  return { ...service, rejected: Math.max(0, service.rejected - 1), refused };
}
