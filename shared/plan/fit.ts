/** PURE. How an observed server stands to the desired one. */
import type { DesiredBackend, DesiredServer } from '../model/desired.ts';
import type { ObservedBackend, ObservedServer } from '../model/observed.ts';

/** With which options servers should be made, and were. */
export interface Forms {
  /** null: it is not known how ours are made, and no server is judged by it. */
  readonly wanted: string | null;
  /** By server name, where it is other than what the backend was loaded with. */
  readonly made: ReadonlyMap<string, string>;
  /** By server name, whether it is a backup server; missing: it was not asked. */
  readonly backups?: ReadonlyMap<string, boolean>;
}

export const ANY_FORM: Forms = { wanted: null, made: new Map() };

/** The servers whose sessions the plan depends on: what is leaving or must be replaced. Empty in the common case, and then nothing needs to be asked. */
export function leavingServers(desired: DesiredBackend, observed: ObservedBackend, forms: Forms = ANY_FORM): readonly string[] {
  const leaving: string[] = [];
  for (const seen of observed.servers.values()) {
    const wanted = desired.servers.get(seen.name);
    if (wanted?.admin === 'out') continue;
    const replaced = wanted?.admin === 'ready' && misfit(desired, wanted, seen, observed, forms) !== null;
    // One that still takes requests is put in drain first, whatever its sessions are; only one that is gone for good and seen down is not.
    const drains = wanted === undefined ? !desired.gone.has(seen.name) || serves(seen) : wanted.admin === 'drain';
    if (seen.admin === 'ready' && (drains || (replaced && serves(seen)))) continue;
    if (wanted === undefined || wanted.admin === 'drain' || replaced) leaving.push(seen.name);
  }
  return leaving.sort();
}

/** What makes a server one that no command can turn into the desired one. */
export function misfit(
  desired: DesiredBackend,
  wanted: DesiredServer,
  seen: ObservedServer,
  observed: ObservedBackend,
  forms: Forms,
): string | null {
  if (seen.id !== wanted.id) return `its id is ${seen.id}, not ${wanted.id}`;
  if (desired.config.check.type !== 'none' && seen.check === 'none') return 'it was made without a check';
  if (desired.config.check.type === 'none' && seen.check !== 'none') return 'it was made with a check';
  if (!isOfForm(seen.name, observed, forms)) return 'it was made with other options';
  return isPlaced(wanted, seen, forms) ? null : wanted.backup === true ? 'it is to stand by' : 'it is to stand by no more';
}

/** HAProxy cannot make a server a backup server, or one that is none, while it is there. */
function isPlaced(wanted: DesiredServer, seen: ObservedServer, { backups }: Forms): boolean {
  return (backups?.get(seen.name) ?? wanted.backup === true) === (wanted.backup === true);
}

/** Whether a server was made with the options that it should have, or nothing is known of that. */
export function isOfForm(server: string, observed: ObservedBackend, forms: Forms): boolean {
  const made = forms.made.get(server) ?? observed.form;
  return forms.wanted === null || made === null || made === forms.wanted;
}

/** Whether it is in rotation, and not down. */
export function serves(seen: ObservedServer): boolean {
  return seen.admin === 'ready' && seen.operation !== 'stopped';
}

/** Whether HAProxy gives it new requests, as long as its weight is not 0. */
export function takesRequests(seen: ObservedServer): boolean {
  return serves(seen) && seen.operation !== 'stopping';
}
