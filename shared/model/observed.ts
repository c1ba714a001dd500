/** PURE. What a HAProxy worker was seen to have, parsed from its runtime API. */

/** Which process answered. Two readings of one living worker are equal in every field. */
export interface WorkerIdentity {
  readonly pid: number;
  /** Unix time in seconds. */
  readonly startTime: number;
  /** `POINTSMAN_STAMP` of the worker's environment, set by our managed files; null: it runs without them. */
  readonly stamp: string | null;
}

export interface ObservedServer {
  readonly name: string;
  readonly id: number;
  readonly address: string;
  readonly port: number;
  /** The weight in force (srv_uweight). */
  readonly weight: number;
  /** maint wins over drain. Bits of srv_admin_state: 1, 2, 32 are maint; 8, 16 are drain; 4 only says how it began. */
  readonly admin: 'ready' | 'drain' | 'maint';
  readonly operation: 'stopped' | 'starting' | 'running' | 'stopping';
  /** How the last check ended, also while the next one is out. none: no check is configured; pending: none has ended yet. */
  readonly check: 'none' | 'pending' | 'passed' | 'failed';
  /** Where checks go; 0 and null: to the server's own port and address. */
  readonly checkPort: number;
  readonly checkAddress: string | null;
  /** Whether the check is enabled and not paused. */
  readonly checking: boolean;
  /** Where its agent is asked (address null: at the server's own); null: it has none, or it is off. */
  readonly agent: { readonly address: string | null; readonly port: number } | null;
}

export interface ObservedBackend {
  readonly name: string;
  /** `POINTSMAN_SERVICE_<name>` of the worker's environment: the structure it was loaded with; null: not ours. */
  readonly structure: string | null;
  /** The prefix of the installation that declared it; null or missing: it does not say. */
  readonly owner?: string | null;
  /** It was made at runtime. */
  readonly made?: true;
  /** The options that its servers were loaded with (`formOf`); null: not known. */
  readonly form: string | null;
  /** By server name. */
  readonly servers: ReadonlyMap<string, ObservedServer>;
}
