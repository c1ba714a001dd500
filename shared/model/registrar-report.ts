/** PURE. What a registrar says of itself, for `status` and the metrics: bounded, and without what its znodes hold. */
import type { InstanceId, ServiceName } from './ids.ts';

/**
 * registered · failing: a check fails · checking: not all checks have said something yet · draining: withdrawn, its requests may finish · down: withdrawn and
 * gone, for maintenance · elsewhere: another process registers it · conflict: its znode says that it is another instance · pending: it should be there, and is
 * not yet (Zookeeper is away, or will not have it).
 */
export const ENTRY_STATES = ['registered', 'failing', 'checking', 'draining', 'down', 'elsewhere', 'conflict', 'pending'] as const;
export type EntryState = (typeof ENTRY_STATES)[number];

export interface EntryReport {
  readonly service: ServiceName;
  readonly instance: InstanceId;
  readonly znode: string;
  readonly state: EntryState;
  /** ms since the epoch */
  readonly since: number;
  /** Of the check that fails; null: none does. */
  readonly detail: string | null;
  /** Who registers it. */
  readonly by: 'host' | 'service';
}

export const PROBE_KINDS = ['http', 'tcp', 'redis', 'grpc', 'exec'] as const;
export type ProbeKind = (typeof PROBE_KINDS)[number];

export interface RegistrarReport {
  /** To Zookeeper. */
  readonly connected: boolean;
  /** Since when it is, or is not: ms since the epoch. */
  readonly since: number;
  /** Those that are not registered first; then by service and instance. */
  readonly entries: readonly EntryReport[];
  /** Entries that are no longer named in `entries`, because they are too many. */
  readonly more: number;
  readonly states: Readonly<Record<EntryState, number>>;
  /** Since this process runs. */
  readonly totals: {
    /** Znodes made or changed, and removed. */
    readonly writes: number;
    readonly removals: number;
    /** Checks that failed, by kind. */
    readonly failures: Readonly<Record<ProbeKind, number>>;
    /** Requests that were refused: to register, to deregister, or by strangers. */
    readonly refused: number;
    readonly expired: number;
  };
  /** When a check of it was good last, by service, ms since the epoch; of those with checks. */
  readonly lastPass: Readonly<Record<ServiceName, number>>;
}
