/** PURE. What a proxy's own event log holds: what was sent to it, what it answered, how its backends stand. Format 1, as in event.ts. */
import type { Looked } from './by-hand.ts';
import type { EventId, ServiceName } from './ids.ts';
import type { WorkerIdentity } from './observed.ts';

export type ProxyEvent =
  /**
   * Commands are about to be sent: for each, why. Persisted before they are. Without any: so the look left it, what is left comes by itself. `cursor`: the last event of the service's log that they follow from; null: the
   * service is not configured. `looked`: how the look left the backend. Both are missing in what an earlier version wrote.
   */
  | {
      readonly type: 'patching';
      readonly service: ServiceName;
      readonly revision: number;
      readonly cursor?: EventId | null;
      readonly commands: readonly { readonly command: string; readonly reason: string }[];
      readonly looked?: Looked;
    }
  /** What was answered. */
  | { readonly type: 'commands'; readonly service: ServiceName; readonly results: readonly CommandResult[] }
  /** Observed again: the plan is empty. `cursor` as above. */
  | {
      readonly type: 'synced';
      readonly service: ServiceName;
      readonly revision: number;
      readonly cursor?: EventId | null;
      readonly looked?: Looked;
    }
  /** What the proxy has is not what it should have, and nobody asked for the difference. */
  | { readonly type: 'drifted'; readonly service: ServiceName; readonly detail: string; readonly looked?: Looked }
  | { readonly type: 'reload-wanted'; readonly service: ServiceName; readonly detail: string; readonly looked?: Looked }
  | { readonly type: 'reloading'; readonly service: ServiceName; readonly detail: string }
  | { readonly type: 'reloaded'; readonly service: ServiceName; readonly detail: string }
  | {
      readonly type: 'blocked';
      readonly service: ServiceName;
      readonly detail: string;
      readonly nextTry: number | null;
      readonly looked?: Looked;
    }
  | { readonly type: 'unreachable'; readonly service: ServiceName; readonly detail: string; readonly nextTry: number | null }
  /** Another worker process answers on the runtime socket. */
  | { readonly type: 'worker'; readonly worker: WorkerIdentity; readonly detail: string };

export interface CommandResult {
  readonly command: string;
  readonly reason: string;
  readonly outcome: string;
  readonly reply: string;
  readonly ms: number;
}

const TYPES: Readonly<Record<ProxyEvent['type'], true>> = {
  patching: true,
  commands: true,
  synced: true,
  drifted: true,
  'reload-wanted': true,
  reloading: true,
  reloaded: true,
  blocked: true,
  unreachable: true,
  worker: true,
};

/** Sorted. */
export const PROXY_EVENT_TYPES: readonly string[] = Object.keys(TYPES).sort();
