/**
 * PURE. The plain registration: a znode named `host:port` whose data is empty, or a JSON object with `weight` and `labels`.
 * Both come from strangers: what cannot be read is refused with the reason, alone, and never thrown. Other keys are ignored.
 */
import { createHash } from 'node:crypto';
import type { InstanceId } from '../model/ids.ts';
import type { Decoded, Registration, RejectCode } from '../model/registration.ts';
import { parseAddress } from './address.ts';
import { ESCAPED_MAX, escapeText } from './escape.ts';

/** Data beyond this is refused unread. */
export const DATA_BYTES_MAX = 4096;
const LABELS_MAX = 64;
/** HAProxy's range. */
const WEIGHT_MAX = 256;
const WEIGHT_DEFAULT = 1;

/** Data that was too large to keep. */
export interface TooLarge {
  readonly tooLarge: number;
}

type Refused = { readonly refused: RejectCode; readonly detail: string };

/** A host name is left in `registration.address` as it is; whoever resolves names replaces it. */
export function decodePlain(name: string, data: Buffer | TooLarge): Decoded {
  const parsed = parseAddress(name);
  if (!parsed.ok) return { ok: false, instance: znodeInstance(name), rejection: parsed.rejection };
  const { host, port, instance } = parsed.address;
  const said = readData(data);
  if ('refused' in said) return { ok: false, instance, rejection: { code: said.refused, detail: said.detail } };
  return { ok: true, instance, registration: { host, address: host, port, ...said } };
}

/** The id of a znode that names no address. Different names give different ids, also where they had to be cut. */
export function znodeInstance(name: string): InstanceId {
  const whole = escapeText(name, Number.POSITIVE_INFINITY);
  if (whole.length <= ESCAPED_MAX) return `znode:${whole}`;
  const digest = createHash('sha256').update(name, 'utf16le').digest('hex').slice(0, 16);
  return `znode:${escapeText(name, ESCAPED_MAX - digest.length - 1)}-${digest}`;
}

function readData(data: Buffer | TooLarge): Pick<Registration, 'weight' | 'labels'> | Refused {
  if (!Buffer.isBuffer(data)) return refuse('too-large', `${data.tooLarge} bytes of data; at most ${DATA_BYTES_MAX} are read`);
  if (data.length > DATA_BYTES_MAX) return refuse('too-large', `${data.length} bytes of data; at most ${DATA_BYTES_MAX} are read`);
  if (data.length === 0) return { weight: WEIGHT_DEFAULT, labels: {} };
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));
  } catch (error) {
    return refuse('bad-data', `not JSON: ${error instanceof Error ? error.message : 'unreadable'}`);
  }
  if (!isObject(value)) return refuse('bad-data', 'the data is JSON, but not an object');
  const weight = own(value, 'weight', WEIGHT_DEFAULT);
  if (typeof weight !== 'number' || !Number.isInteger(weight) || weight < 0 || weight > WEIGHT_MAX) {
    return refuse('bad-weight', `the weight must be a whole number from 0 to ${WEIGHT_MAX}`);
  }
  const labels = readLabels(own(value, 'labels', {}));
  // Minus zero is a whole number too, and would not survive being written as JSON.
  return typeof labels === 'string' ? refuse('bad-data', labels) : { weight: weight + 0, labels };
}

/** The labels by key, sorted, or what is wrong with them. */
function readLabels(value: unknown): Record<string, string> | string {
  if (!isObject(value)) return 'labels must be an object';
  const keys = Object.keys(value).sort();
  if (keys.length > LABELS_MAX) return `at most ${LABELS_MAX} labels are read`;
  // Without a prototype, `__proto__` is a key like any other.
  const labels: Record<string, string> = Object.create(null);
  for (const key of keys) {
    const text = value[key];
    if (typeof text !== 'string') return `the label ${key} must be text`;
    labels[key] = text;
  }
  return labels;
}

function own(value: Record<string, unknown>, key: string, absent: unknown): unknown {
  return Object.hasOwn(value, key) ? value[key] : absent;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refuse(refused: RejectCode, detail: string): Refused {
  return { refused, detail: escapeText(detail) };
}
