/** PURE. What a replay is asked for, what it tells meanwhile, and what it found. */
import type { InstanceSnapshot } from '../../machines/instance.ts';
import { healthOf, visibleSince, visibleState } from '../../machines/projection.ts';
import type { Checkpoint } from '../../machines/replay.ts';
import type { EventId, InstanceId, ServiceName } from '../../shared/model/ids.ts';
import { reasonOf } from '../status/instance-reason.ts';
import type { Change, StreamResult } from './stream-replay.ts';

export interface ReplayRequest {
  /** null: all. */
  readonly service: ServiceName | null;
  readonly until: EventId | null;
  readonly verify: boolean;
  readonly skipBad: boolean;
  /** Whether the state at the end is wanted, and whether the transitions are. */
  readonly states: boolean;
  readonly transitions: boolean;
}

export interface Told {
  readonly service: ServiceName;
  readonly transitions: readonly Change[];
}

export interface Listener {
  /** Awaited: what is read waits for what is written. */
  transitions(told: Told): Promise<void>;
  progress(done: number, total: number): void;
}

export interface StateRow {
  readonly service: ServiceName;
  readonly instance: InstanceId;
  readonly state: string;
  readonly health: string;
  readonly since: number;
  readonly weight: number | null;
  readonly reason: string | null;
}

export interface Replayed {
  readonly service: ServiceName;
  /** null: it could not be replayed, see `failed`. */
  readonly result: StreamResult | null;
  readonly failed: string | null;
  readonly states: readonly StateRow[];
}

export interface ReplayReport {
  readonly streams: readonly Replayed[];
  /** Left out, because it was bad. */
  readonly skipped: { readonly count: number; readonly told: readonly string[]; readonly noted: number; readonly notes: readonly string[] };
}

/** Instances that are not gone, by name. */
export function stateRows(service: ServiceName, state: Checkpoint | null): StateRow[] {
  const last = state?.service.last?.instance ?? null;
  const there = [...(state?.instances.values() ?? [])].filter((snapshot) => snapshot.state !== 'gone');
  return there.map((snapshot) => stateRow(service, snapshot, last)).sort((a, b) => (a.instance < b.instance ? -1 : 1));
}

function stateRow(service: ServiceName, snapshot: InstanceSnapshot, last: InstanceId | null): StateRow {
  const { id, registration } = snapshot.context;
  const state = visibleState(snapshot);
  return {
    service,
    instance: id,
    state,
    health: healthOf(snapshot),
    since: visibleSince(snapshot),
    weight: registration?.weight ?? null,
    reason: reasonOf(state, snapshot, id === last),
  };
}
