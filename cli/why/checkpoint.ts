/** PURE. What a fold of a log goes on from, made of a stored checkpoint. */
import type { AddressClaim } from '../../machines/claims.ts';
import type { InstanceSnapshot } from '../../machines/instance.ts';
import { completed } from '../../machines/migrate.ts';
import type { Checkpoint } from '../../machines/replay.ts';
import { asClaim, asInstance, asService } from '../../machines/stored-form.ts';
import type { EventId, InstanceId } from '../../shared/model/ids.ts';
import type { StoredCheckpoint } from '../../shared/redis/log-source.ts';

export interface Start {
  /** The last event that is in it. */
  readonly cursor: EventId;
  readonly checkpoint: Checkpoint;
}

/** null: some of it has not the form of a snapshot (damaged, or of a later version). */
export function formed({ cursor, service, instances, addresses }: StoredCheckpoint): Start | null {
  const stored = asService(service);
  const snapshots = new Map<InstanceId, InstanceSnapshot>();
  for (const [id, json] of Object.entries(instances)) {
    const snapshot = asInstance(id, json);
    if (snapshot === null) return null;
    snapshots.set(id, snapshot);
  }
  const claims = new Map<string, AddressClaim>();
  for (const [key, json] of Object.entries(addresses)) {
    const claim = asClaim(json);
    if (claim === null) return null;
    claims.set(key, claim);
  }
  if (stored === null) return null;
  const whole = stored.isOld ? completed(stored.service, snapshots.values()) : stored.service;
  return { cursor, checkpoint: { service: whole, instances: snapshots, addresses: claims } };
}
