/** PURE. What goes over a fleet, and what of it went no further. */
import type { ProxyId, ServiceName } from './ids.ts';

/** The managed defaults, among the services. No service has this name. */
export const DEFAULTS = '*';

/** By service, or `DEFAULTS`: the structure that is loaded. */
export type Changes = ReadonlyMap<ServiceName, string>;

/** What one proxy has of a rollout. */
export interface OwnRollout {
  /** What its slot is for; empty: it has none, or all is in sync, or something stopped at it. */
  readonly changes: Changes;
}

export interface RolloutStop {
  readonly what: ServiceName;
  readonly proxy: ProxyId;
  readonly structure: string;
  readonly reason: string;
  /** ms since the epoch. */
  readonly at: number;
}
