/**
 * PURE. The ledger: what pointsman applied to a proxy, kept as comments in the service files, so that it can be read back when
 * Redis is empty. One entry a server: which instance it stands for, its id, and the admin state that is ours. A drain or a maint that the
 * ledger does not have is somebody else's.
 *
 *   server 10.0.0.5:8080 10.0.0.5:8080 … # instance 10.0.0.5:8080 ready
 *   server 10.0.0.6:8080 10.0.0.6:8080 … disabled # instance 10.0.0.6:8080 joining
 *   server 10.0.0.8:8080 10.0.0.8:8080 … disabled # instance 10.0.0.8:8080 by-hand
 *   # server 10.0.0.7:8080 id 3 # instance 10.0.0.7:8080 draining
 *
 * A draining server is no server line: a HAProxy started from the file must not bring it back.
 */
import type { InstanceId } from '../model/ids.ts';
import { instanceWord } from './render-words.ts';

/**
 * ready: takes traffic · joining: takes none before a good check · draining: takes no new requests, and then goes · by-hand: somebody else took it out, and
 * it is left so.
 */
export type LedgerState = 'ready' | 'joining' | 'draining' | 'by-hand';

export interface LedgerEntry {
  /** The server's name in HAProxy. */
  readonly name: string;
  readonly id: number;
  readonly instance: InstanceId;
  readonly state: LedgerState;
}

const SERVER_LINE =
  /^\s*(?:# )?server ([A-Za-z0-9_.:-]{1,64}) (?:\S.* )?id (\d{1,7})(?: .*)? # instance ([A-Za-z0-9_.:[\]-]{1,300}) (ready|joining|draining|by-hand)$/;

/** The comment at the end of a server's line. */
export function ledgerComment(instance: InstanceId, state: LedgerState): string {
  return `# instance ${instanceWord(instance)} ${state}`;
}

/** The entries of a service file, in the file's order. Lines of any other form are passed over. */
export function readLedger(content: string): LedgerEntry[] {
  const entries: LedgerEntry[] = [];
  for (const line of content.split('\n')) {
    const match = SERVER_LINE.exec(line);
    if (match === null) continue;
    const [, name, id, instance, state] = match as unknown as [string, string, string, string, LedgerState];
    entries.push({ name, id: Number(id), instance, state });
  }
  return entries;
}
