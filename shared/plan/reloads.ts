/** PURE. What no command can do, and why: the reasons that a plan gives for a reload, and the table of docs/haproxy-versions.md. */
import type { AbilityName } from '../model/abilities.ts';

export interface ReloadNeed {
  /** As a plan says it. */
  readonly reason: string;
  /** What somebody did. */
  readonly change: string;
  /** Why HAProxy must read its files for it. */
  readonly why: string;
  /** What would spare a part of it, where HAProxy can; null: nothing does. */
  readonly spared: AbilityName | null;
}

export const RELOADS = {
  missing: {
    reason: 'the backend is not loaded',
    change: 'a new service',
    why: 'a listener, and before 3.4 a backend, comes from the files only',
    spared: 'dynamicBackends',
  },
  removed: {
    reason: 'the service is no longer configured',
    change: 'a service that is no longer configured',
    why: 'a listener, and before 3.4 a backend, goes only with the files',
    spared: 'dynamicBackends',
  },
  restructured: {
    reason: 'the structure differs from what is loaded',
    change:
      "another `listen`, `mode`, `balance`, `check.http`, `timeouts`, `cookie`, `retries`, `redispatch`, `retryOn`, `fallback`, `extra` or file of `tls` of a service, its first `prefer` or `backup` among `server.options`, or another of the proxies' defaults",
    why: 'they are in the sections, which no command changes',
    spared: null,
  },
} as const satisfies Readonly<Record<string, ReloadNeed>>;
