/**
 * PURE. Which servers of a service of several paths in order (`path: { first: … }`) take requests on one proxy: those of the lowest tier that serves there. All
 * later ones have weight 0. It follows from what serves there alone, never from the weights that are there, so a plan run again on its result changes nothing.
 */
import type { DesiredBackend, DesiredServer } from '../model/desired.ts';

/** 0: of the first path, or of a service without an order. */
export function tierOf({ tier }: DesiredServer): number {
  return tier ?? 0;
}

/** Whether its weight may be another on each proxy. It is then never taken for one that was set by hand, and always ours. */
export function isLater(server: DesiredServer): boolean {
  return tierOf(server) > 0;
}

/** Whether the health of one server decides on the weight of another. */
export function hasTiers({ servers }: DesiredBackend): boolean {
  for (const server of servers.values()) if (isLater(server)) return true;
  return false;
}

/**
 * Each server with the weight that it has here; what was given where none is other. One that is kept without a registration (`held`) leaves those out that are
 * kept themselves, and no other: what is registered takes requests beside it. `serves`: whether a server, or who stands in for it, takes requests here.
 */
export function withWeightsHere(desired: DesiredBackend, serves: (server: DesiredServer) => boolean): DesiredBackend {
  if (!hasTiers(desired)) return desired;
  const lowest = { registered: Number.POSITIVE_INFINITY, held: Number.POSITIVE_INFINITY };
  for (const server of desired.servers.values()) {
    if (server.admin !== 'ready' || server.weight === 0 || !serves(server)) continue;
    const kind = server.held === true ? 'held' : 'registered';
    lowest[kind] = Math.min(lowest[kind], tierOf(server));
  }
  const servers = new Map<string, DesiredServer>();
  for (const [name, server] of desired.servers) {
    const first = server.held === true ? Math.min(lowest.registered, lowest.held) : lowest.registered;
    servers.set(name, tierOf(server) > first ? { ...server, weight: 0 } : server);
  }
  return { ...desired, servers };
}
