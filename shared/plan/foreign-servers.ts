/** PURE. Servers that somebody added on HAProxy by hand: left out of what is planned, and set again as they were on a worker that begins with them out. */
import type { Override } from '../model/by-hand.ts';
import type { DesiredBackend } from '../model/desired.ts';
import type { ObservedBackend } from '../model/observed.ts';
import { admissionOf } from './admission.ts';
import type { PlannedCommand } from './backend-plan.ts';

/** Without the servers that are somebody's own. */
export function withoutForeign(observed: ObservedBackend, overrides: readonly Override[]): ObservedBackend {
  const foreign = overrides.filter((override) => override.foreign === true && observed.servers.has(override.server));
  if (foreign.length === 0) return observed;
  const servers = new Map(observed.servers);
  for (const { server } of foreign) servers.delete(server);
  return { ...observed, servers };
}

/**
 * A file can say no drain, and has a server that is down as out, so that it takes no request before a good check. Without a check nobody would find such a
 * one good: it stays out. `desired`: with the options that the servers were loaded with.
 */
export function foreignCommands(
  { service, config }: DesiredBackend,
  observed: ObservedBackend,
  overrides: readonly Override[],
): PlannedCommand[] {
  return overrides.flatMap(({ server, foreign, admin }): PlannedCommand[] => {
    const seen = observed.servers.get(server);
    if (foreign !== true || seen === undefined || seen.admin === (admin ?? 'ready')) return [];
    if (admin !== undefined) return [{ command: { kind: admin, backend: service, server }, reason: `somebody had set it to ${admin}` }];
    const admission = config.check.type === 'none' ? null : admissionOf(config, seen);
    return admission === null ? [] : [{ ...admission, reason: `it is somebody's, and ${admission.reason.replace(/^it /, '')}` }];
  });
}
