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
  /**
   * A znode went. `znode` is what it last was. `left`: how many instances the same difference loses from this one on, itself included; told of differences
   * that are too large to be folded as one. `more`: this one loses more, in events that follow soon; told of smaller differences.
   */
  | {
      readonly type: 'deregistered';
      readonly instance: InstanceId;
      readonly znode: Znode;
      readonly left?: number;
      readonly more?: boolean;
    }
  /** What a proxy's checks say now, where it differs from what that proxy said before. */
  | { readonly type: 'health'; readonly proxy: ProxyId; readonly verdicts: readonly HealthChange[] }
  /** An operator takes an instance out, until `until` (ms) or for good (null). It is kept in Zookeeper, and told here by the watcher. */
  | {
      readonly type: 'cordoned';
      readonly instance: InstanceId;
      readonly by: string;
      readonly reason: string;
      readonly until: number | null;
    }
  /** The cordon's znode went, whoever took it away. */
  | { readonly type: 'uncordoned'; readonly instance: InstanceId }
  /** An operator ends a hold. */
  | { readonly type: 'released'; readonly by: string; readonly reason: string }
  /** The registry shows an older state than it did before (a restored backup, a stale follower). zxids, decimal. */
  | { readonly type: 'backwards'; readonly seen: string; readonly found: string }
  /** An operator accepts a registry that went backwards. */
  | { readonly type: 'trusted'; readonly by: string }
  /** What was stored of the service could not be read: it starts anew from nothing here, and is told again from Zookeeper and by the proxies. */
  | { readonly type: 'rebuilt'; readonly detail: string }
  /** A deadline of the snapshot came due. A token that is not the current one is ignored. `guard`: the service's own, without an instance. */
  | { readonly type: 'timer'; readonly timer: TimerKind; readonly instance: InstanceId | null; readonly token: number };

export type TimerKind = 'drain' | 'cordon' | 'quarantine' | 'warm' | 'guard';

export interface HealthChange {
  readonly instance: InstanceId;
  readonly from: Verdict;
  readonly to: Verdict;
  /** What the check found, in HAProxy's words, escaped and at most 200 characters; only of one that is down, and where HAProxy could be asked. */
  readonly detail?: string;
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
  cordoned: true,
  uncordoned: true,
  released: true,
  backwards: true,
  trusted: true,
  rebuilt: true,
  timer: true,
};

/** Sorted. */
export const SERVICE_EVENT_TYPES: readonly string[] = Object.keys(TYPES).sort();

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
