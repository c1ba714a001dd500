/** PURE. The id of a znode that names no instance. Different names give different ids, also where they had to be cut. */
import { createHash } from 'node:crypto';
import type { InstanceId } from '../model/ids.ts';
import { ESCAPED_MAX, escapeText } from './escape.ts';

export function znodeInstance(name: string): InstanceId {
  const whole = escapeText(name, Number.POSITIVE_INFINITY);
  if (whole.length <= ESCAPED_MAX) return `znode:${whole}`;
  const digest = createHash('sha256').update(name, 'utf16le').digest('hex').slice(0, 16);
  return `znode:${escapeText(name, ESCAPED_MAX - digest.length - 1)}-${digest}`;
}
