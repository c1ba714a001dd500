/** PURE. What a proxy's checks say of each instance, and what of it is news. */
import type { DesiredBackend } from '../../shared/model/desired.ts';
import type { HealthChange, Verdict } from '../../shared/model/event.ts';
import type { InstanceId } from '../../shared/model/ids.ts';
import type { ObservedBackend, ObservedServer } from '../../shared/model/observed.ts';
import { hasTiers } from '../../shared/plan/weights-here.ts';

/** Sorted by instance. */
export function healthNews(
  known: ReadonlyMap<InstanceId, Verdict>,
  desired: DesiredBackend,
  observed: ObservedBackend | null,
): HealthChange[] {
  const now = new Map<InstanceId, Verdict>();
  for (const server of desired.servers.values()) {
    const seen = observed?.servers.get(server.name);
    const before = known.get(server.instance) ?? 'absent';
    if (seen !== undefined) now.set(server.instance, verdictOf(seen, desired.config.check.type !== 'none', before));
  }
  const instances = [...new Set([...known.keys(), ...now.keys()])].sort();
  return instances.flatMap((instance) => {
    const from = known.get(instance) ?? 'absent';
    const to = now.get(instance) ?? 'absent';
    return from === to ? [] : [{ instance, from, to }];
  });
}

/**
 * A server in maint is not checked, and one whose first check is still out is not known; after a reload, what was known of it holds until that check
 * has ended. One that was down is down until its checks say otherwise. One that is stopped though its last check was good is on its way (HAProxy
 * wants `rise` of them), not down: we stopped it ourselves to let it in by its checks, and a guard that holds its instance must not take that for
 * evidence.
 */
export function verdictOf(server: ObservedServer, checked: boolean, before: Verdict): Verdict {
  if (server.admin === 'maint') return checked && before === 'down' ? 'down' : 'unknown';
  if (!checked) return server.operation === 'stopped' ? 'unknown' : 'up';
  const stopped = server.operation === 'stopped';
  if (server.check === 'none') return 'unknown';
  if (server.check === 'pending') return before === 'down' || (before === 'up' && !stopped) ? before : 'unknown';
  if (!stopped) return 'up';
  return server.check === 'passed' && before !== 'down' ? 'unknown' : 'down';
}

/**
 * Whether the reconciler has to follow. The managed file, where there is one, says which servers may start in rotation, and of paths in order the first that serves
 * takes requests; nothing else waits for a pass.
 */
export function concernsPass(news: readonly HealthChange[], desired: DesiredBackend | null, hasFile: boolean): boolean {
  const turns = hasFile && desired?.config.check.type !== 'none' && news.some(({ from, to }) => from === 'up' || to === 'up');
  return turns || (news.length > 0 && desired !== null && hasTiers(desired));
}
