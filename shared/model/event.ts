/**
 * PURE. What a service's event log holds. One event is one entry of the Redis stream; its id and time are the stream's.
 * Format 1: fields `v` (format), `type`, `data` (JSON of the rest), `source` (who says it), and `cause` (an event id) when there is one.
 */
import type { EventId, InstanceId, ProxyId } from './ids.ts';
import type { Registration, Rejection, Znode } from './registration.ts';
import type { ServiceConfig } from './service-config.ts';

export const EVENT_FORMAT = 1;

/** What HAProxy's checks say of a server: `none` is a running server without a check, `absent` one that is not there. */
export type Verdict = 'absent' | 'unknown' | 'up' | 'down';

export type ServiceEvent =
  /** The service's config as the watcher runs it. */
  | { readonly type: 'configured'; readonly config: ServiceConfig }
  /** The watcher no longer has the service in its config. */
  | { readonly type: 'unconfigured' }
  /** The watcher has read the service completely: whoever is not registered by now is not there. Before it, absence is want of knowledge. */
  | { readonly type: 'complete' }
  /** A znode appeared. */
  | { readonly type: 'registered'; readonly instance: InstanceId; readonly znode: Znode; readonly said: Said }
  /** A znode's data changed (mzxid moved). `instance` is what it names now; a znode that names another one is deregistered first. */
  | { readonly type: 'changed'; readonly instance: InstanceId; readonly znode: Znode; readonly said: Said }
  /** A znode went. `znode` is what it last was. */
  | { readonly type: 'deregistered'; readonly instance: InstanceId; readonly znode: Znode }
  /** What a proxy's checks say now, where it differs from what that proxy said before. */
  | { readonly type: 'health'; readonly proxy: ProxyId; readonly verdicts: readonly HealthChange[] }
  /** A deadline of the snapshot came due. A token that is not the current one is ignored. */
  | { readonly type: 'timer'; readonly timer: string; readonly instance: InstanceId | null; readonly token: number };

export interface HealthChange {
  readonly instance: InstanceId;
  readonly from: Verdict;
  readonly to: Verdict;
}

/** What the znode said: a registration, or why it is none. */
export type Said = { readonly registration: Registration } | { readonly rejection: Rejection };

export type ServiceEventType = ServiceEvent['type'];

/** Every type that this version knows. */
const TYPES: Readonly<Record<ServiceEventType, true>> = {
  configured: true,
  unconfigured: true,
  complete: true,
  registered: true,
  changed: true,
  deregistered: true,
  health: true,
  timer: true,
};

export function isServiceEventType(type: string): type is ServiceEventType {
  return Object.hasOwn(TYPES, type);
}

/** An event as it stands in the log. */
export interface Logged<E> {
  readonly id: EventId;
  /** ms since the epoch, from the id. */
  readonly time: number;
  readonly event: E;
  /** Who says it: `watcher:<host>:<pid>`, `observer:…`, `transition:…`, `reconciler:…`, `operator:<name>`; null: an entry of before it was kept. */
  readonly source: string | null;
  /** The event that led to it; null: none, or none that is known. */
  readonly cause: EventId | null;
}
