/**
 * PURE. Cordons as operators' znodes: `<root>/cordons/<service>/<instance>`, the instance's id percent-encoded, the data JSON with who, why and until
 * when. They are ours, but whoever may write there is not known: bounded and validated like a registration.
 */
import { escapeText } from './escape.ts';

export interface CordonNode {
  readonly by: string;
  readonly reason: string;
  /** ms since the epoch; null: until it is taken away. */
  readonly until: number | null;
}

const DATA_BYTES_MAX = 4_096;
const TEXT_MAX = 200;
/** An id is a host name and a port, or `znode:` and a znode's name. */
const ID_MAX = 512;

export function cordonsPath(root: string, service: string): string {
  return `${root === '/' ? '' : root}/cordons/${service}`;
}

export function cordonName(instance: string): string {
  return encodeURIComponent(instance);
}

/** null: no instance's. */
export function cordonedInstance(name: string): string | null {
  try {
    const instance = decodeURIComponent(name);
    return instance.length > 0 && instance.length <= ID_MAX && cordonName(instance) === name ? instance : null;
  } catch {
    return null;
  }
}

export function encodeCordon({ by, reason, until }: CordonNode): string {
  // As it was said: whoever reads it escapes it.
  return JSON.stringify({ by: by.slice(0, TEXT_MAX), reason: reason.slice(0, TEXT_MAX), until });
}

/** What cannot be read is a cordon all the same: somebody wanted the instance out. */
export function decodeCordon(data: Buffer | { readonly tooLarge: number }): CordonNode {
  const unread = { by: 'unknown', reason: 'its znode cannot be read', until: null };
  if (!Buffer.isBuffer(data) || data.length > DATA_BYTES_MAX) return unread;
  let said: unknown;
  try {
    said = JSON.parse(data.toString('utf8'));
  } catch {
    return unread;
  }
  if (typeof said !== 'object' || said === null) return unread;
  const { by, reason, until } = said as Record<string, unknown>;
  return {
    by: escapeText(typeof by === 'string' ? by : 'unknown', TEXT_MAX),
    reason: escapeText(typeof reason === 'string' ? reason : '', TEXT_MAX),
    until: typeof until === 'number' && Number.isSafeInteger(until) && until > 0 ? until : null,
  };
}
