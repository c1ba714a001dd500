/** PURE. What goes over a fleet, and what of it went no further. */
import type { ProxyId, ServiceName } from './ids.ts';

/** The managed defaults, among the services. No service has this name. */
export const DEFAULTS = '*';

/** By service, or `DEFAULTS`: the structure that is loaded. */
export type Changes = ReadonlyMap<ServiceName, string>;

export interface RolloutStop {
  readonly proxy: ProxyId;
  readonly structure: string;
  readonly reason: string;
  /** ms since the epoch. */
  readonly at: number;
}
