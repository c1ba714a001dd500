/** PURE. How an observed server stands to the desired one. */
import type { DesiredBackend, DesiredServer } from '../model/desired.ts';
import type { ObservedBackend, ObservedServer } from '../model/observed.ts';

/** The servers whose sessions the plan depends on: what is leaving or must be replaced. Empty in the common case, and then nothing needs to be asked. */
export function leavingServers(desired: DesiredBackend, observed: ObservedBackend): readonly string[] {
  const leaving: string[] = [];
  for (const seen of observed.servers.values()) {
    const wanted = desired.servers.get(seen.name);
    if (wanted?.admin === 'out') continue;
    // One that still takes requests is put in drain first, whatever its sessions are; only one that is gone for good and seen down is not.
    const drains = wanted === undefined ? !desired.gone.has(seen.name) || serves(seen) : wanted.admin === 'drain';
    if (seen.admin === 'ready' && drains) continue;
    if (wanted === undefined || wanted.admin === 'drain' || misfit(desired, wanted, seen) !== null) leaving.push(seen.name);
  }
  return leaving.sort();
}

/** What makes a server one that no command can turn into the desired one. */
export function misfit(desired: DesiredBackend, wanted: DesiredServer, seen: ObservedServer): string | null {
  if (seen.id !== wanted.id) return `its id is ${seen.id}, not ${wanted.id}`;
  if (desired.config.check.type !== 'none' && seen.check === 'none') return 'it was made without a check';
  if (desired.config.check.type === 'none' && seen.check !== 'none') return 'it was made with a check';
  return null;
}

/** Whether HAProxy gives it new requests. */
export function serves(seen: ObservedServer): boolean {
  return seen.admin === 'ready' && seen.operation !== 'stopped';
}
