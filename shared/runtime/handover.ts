/**
 * From role to role within one process: who brings news tells who acts on it, which then need not wait for its own job to come back from the queue
 * (two trips each time, a third of the way from znode to traffic). The job is added all the same, and is what counts: it is durable, it is shared
 * between processes, and people see it. Whoever is told does the same work as for the job, in turn with it; what is lost here costs time only.
 */
import type { ServiceEvent } from '../model/event.ts';
import type { ProxyId, ServiceName } from '../model/ids.ts';

export interface Handover {
  /** Called when the append of these events is on its way. */
  service: ((service: ServiceName, events: readonly ServiceEvent[]) => void) | null;
  /** Called when the commit and the proxy's mark for this service are on their way. */
  proxy: ((proxy: ProxyId, service: ServiceName) => void) | null;
}

export function newHandover(): Handover {
  return { service: null, proxy: null };
}
