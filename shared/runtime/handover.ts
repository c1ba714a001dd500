/**
 * From role to role within one process: who brings news tells who acts on it, which then need not wait for its own job to come back from the queue
 * (two trips each time, a third of the way from znode to traffic). The job is added all the same, a moment later, and is what counts: it is durable,
 * it is shared between processes, and people see it. Whoever is told does the same work as for the job, in turn with it; what is lost here costs time only.
 */
import type { Desired } from '../model/desired.ts';
import type { ServiceEvent } from '../model/event.ts';
import type { ProxyId, ServiceName } from '../model/ids.ts';

/** What a service's commit, which is on its way, makes of its desired state. */
export interface News {
  readonly desired: Promise<Desired>;
  /** Rejects when the commit did not land: the events are in the log, and whoever folds them next says what became of them. */
  readonly committed: Promise<unknown>;
}

/** Proxies whose passes have begun before there is anything to say. */
export interface Readied {
  readonly proxies: ReadonlySet<ProxyId>;
  /** Once. null: there is nothing for them. */
  tell(news: News | null): void;
}

export interface Handover {
  /** Called when a watch of the service has fired and what changed is being read. */
  noticed: ((service: ServiceName) => void) | null;
  /** Called when that has been read and handed on, or nothing had changed after all. */
  settled: ((service: ServiceName) => void) | null;
  /**
   * Called when the append of these events is on its way: what their fold needs is asked for at once, and proxies are readied. None: what was appended
   * is only folded, because proxies seldom have anything to do for it.
   */
  service: ((service: ServiceName, events: readonly ServiceEvent[]) => void) | null;
  /** Called when a service will likely change: what a pass needs first is asked for meanwhile. null: nobody could be readied. */
  ready: ((service: ServiceName) => Readied | null) | null;
  /** Called when the commit and the proxy's mark for this service are on their way. */
  proxy: ((proxy: ProxyId, service: ServiceName) => void) | null;
}

/** ms in which what was handed over has mostly been done: the job follows then, so that adding it takes no time from the work itself. */
export const HANDED_OVER_MS = { proxy: 15, service: 25 };

export function newHandover(): Handover {
  return { noticed: null, settled: null, service: null, ready: null, proxy: null };
}
