/** PURE. What goes over a fleet, and what of it went no further. */
import type { ProxyId, ServiceName } from './ids.ts';

/** The managed defaults, among the services. No service has this name. */
export const DEFAULTS = '*';

/** By service, or `DEFAULTS`: the structure that is loaded. */
export type Changes = ReadonlyMap<ServiceName, string>;

/** How many servers of a service took requests before a reload, and how many were to (ready, be they up or down). */
export interface UpBefore {
  readonly up: number;
  readonly ready: number;
}

/** By service. */
export type Up = ReadonlyMap<ServiceName, UpBefore>;

/** What one proxy has of a rollout. */
export interface OwnRollout {
  /** What its slot is for; empty: it has none, or all is in sync, or something stopped at it. */
  readonly changes: Changes;
  /** What is to be up again before the slot is free. */
  readonly up: Up;
  /** By what stopped at this proxy: what is to be up again before it goes on. */
  readonly stopped: ReadonlyMap<ServiceName, Up>;
}

export interface RolloutStop {
  readonly what: ServiceName;
  readonly proxy: ProxyId;
  readonly structure: string;
  readonly reason: string;
  /** `Up`, when that is not reached; missing: it failed otherwise. */
  readonly up?: Readonly<Record<ServiceName, UpBefore>>;
  /** ms since the epoch. */
  readonly at: number;
}
