/** PURE. What a proxy's checks say of each instance, and what of it is news. */
import type { DesiredBackend } from '../../shared/model/desired.ts';
import type { HealthChange, Verdict } from '../../shared/model/event.ts';
import type { InstanceId } from '../../shared/model/ids.ts';
import type { ObservedBackend, ObservedServer } from '../../shared/model/observed.ts';

/** Sorted by instance. */
export function healthNews(
  known: ReadonlyMap<InstanceId, Verdict>,
  desired: DesiredBackend,
  observed: ObservedBackend | null,
): HealthChange[] {
  const now = new Map<InstanceId, Verdict>();
  for (const server of desired.servers.values()) {
    const seen = observed?.servers.get(server.name);
    if (seen !== undefined) now.set(server.instance, verdictOf(seen, desired.config.check.type !== 'none'));
  }
  const instances = [...new Set([...known.keys(), ...now.keys()])].sort();
  return instances.flatMap((instance) => {
    const from = known.get(instance) ?? 'absent';
    const to = now.get(instance) ?? 'absent';
    return from === to ? [] : [{ instance, from, to }];
  });
}

/** A server in maint is not checked, and one whose first check is still out is not known. */
export function verdictOf(server: ObservedServer, checked: boolean): Verdict {
  if (server.admin === 'maint') return 'unknown';
  if (!checked) return server.operation === 'stopped' ? 'unknown' : 'up';
  if (server.check === 'pending' || server.check === 'none') return 'unknown';
  return server.operation === 'stopped' ? 'down' : 'up';
}
