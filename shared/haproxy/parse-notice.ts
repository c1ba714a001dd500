/**
 * PURE. What HAProxy writes into our ring on its own account (2.6 to 3.4). A notice only says where to look: whatever else its line says is not
 * read, and a line that is not known says nothing. Administrative changes are left out: who makes them knows, or the poll sees them.
 */
import { isName, type ServiceName } from '../model/ids.ts';

export type Notice =
  /** A server of this backend went up or down. */
  | { readonly kind: 'health'; readonly backend: ServiceName }
  /** A proxy section has stopped: this worker is on its way out. */
  | { readonly kind: 'stopped' }
  /** HAProxy could not write some: anything may have changed. */
  | { readonly kind: 'lost' };

const HEALTH = /^(?:Backup )?Server ([^\s/]+)\/\S+ is (?:UP|DOWN)\b/;
const STOPPED = /^Proxy \S+ stopped\b/;
const LOST = /^\d+ events? dropped\b/;

export function parseNotice(line: string): Notice | null {
  const backend = HEALTH.exec(line)?.[1];
  if (backend !== undefined) return isName(backend) ? { kind: 'health', backend } : null;
  if (STOPPED.test(line)) return { kind: 'stopped' };
  return LOST.test(line) ? { kind: 'lost' } : null;
}
