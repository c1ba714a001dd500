/** PURE. How new options go over the fleet: who reloads now, what stopped, and how many have it. */
import type { ServiceName } from '../../shared/model/ids.ts';
import { DEFAULTS, type RolloutStop } from '../../shared/model/rollout.ts';
import type { ProxyStatus } from './report.ts';

/** Backends that do not run with the options that they should have, or of which nobody knows. */
const WITHOUT: ReadonlySet<string> = new Set(['awaiting-reload', 'reloading', 'blocked', 'unreachable', 'unknown']);

export interface RolloutStatus {
  /** Proxies that reload now, or have yet to prove that they did well. */
  readonly reloading: readonly string[];
  readonly stopped: readonly {
    /** null: the managed defaults. */
    readonly what: ServiceName | null;
    readonly proxy: string;
    readonly reason: string;
    readonly at: number;
    /** Proxies that have it, of all that should. */
    readonly done: number;
    readonly of: number;
  }[];
}

/** What holds up nobody else is told with its proxy alone; but for what took servers down, of which its backends say nothing. */
export function rolloutStatus(reloading: readonly string[], stops: readonly RolloutStop[], proxies: readonly ProxyStatus[]): RolloutStatus {
  const stopped = stops.flatMap(({ what, proxy, reason, at, up }) => {
    const carriers = proxies
      .map(({ proxy: id, backends }) => ({ id, backends: backends.filter(({ service }) => what === DEFAULTS || service === what) }))
      .filter(({ backends }) => backends.length > 0);
    const failed = new Set(stops.filter((stop) => stop.what === what).map((stop) => stop.proxy));
    const without = carriers.filter(({ id, backends }) => failed.has(id) || backends.some(({ state }) => WITHOUT.has(state)));
    if (up === undefined && !without.some(({ id }) => id !== proxy)) return [];
    return [{ what: what === DEFAULTS ? null : what, proxy, reason, at, done: carriers.length - without.length, of: carriers.length }];
  });
  return { reloading, stopped };
}

/** For the first line: `rollout of web STOPPED at edge-7: 3 of 50 done`. */
export function rolloutAlarms({ stopped }: RolloutStatus): string[] {
  const [first, ...more] = stopped;
  if (first === undefined) return [];
  const { what, proxy, done, of, reason } = first;
  return [
    `rollout of ${what ?? 'the managed defaults'} STOPPED at ${proxy}: ${of > 1 ? `${done} of ${of} done` : reason}${more.length > 0 ? `, and ${more.length} more` : ''}`,
  ];
}
