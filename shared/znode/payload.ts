/**
 * PURE. The data of a znode, as JSON that strangers wrote: read within bounds, and never deeper than the fields that a format names. What cannot be read
 * is refused with the reason, and never thrown.
 */
import type { Registration, Rejection } from '../model/registration.ts';
import { canonicalHost } from './address.ts';
import { escapeText } from './escape.ts';

/** Data beyond this is refused unread. */
export const DATA_BYTES_MAX = 16_384;
/** Of the raw text of a label's name and value. */
const LABELS_MAX = { count: 64, characters: 4_096 };
/** HAProxy's range. */
export const WEIGHT_MAX = 256;

export type Weight = Pick<Registration, 'weight' | 'weighed'>;
export const WEIGHT_UNSAID: Weight = { weight: 1 };
const PORT_MAX = 65_535;

/** Data that was too large to keep. */
export interface TooLarge {
  readonly tooLarge: number;
}

export type ZnodeData = Buffer | TooLarge;
export type JsonObject = Readonly<Record<string, unknown>>;

/** Thrown within a codec alone: whoever calls one is given a rejection. */
export class Refusal extends Error {
  readonly rejection: Rejection;

  /** `isEscaped`: the detail is safe to print as it is. */
  constructor(code: Rejection['code'], detail: string, { isEscaped = false } = {}) {
    super(detail);
    this.rejection = { code, detail: isEscaped ? detail : escapeText(detail) };
  }
}

/** null: there is no data. @throws Refusal */
export function readObject(data: ZnodeData): JsonObject | null {
  const bytes = Buffer.isBuffer(data) ? data.length : data.tooLarge;
  if (!Buffer.isBuffer(data) || bytes > DATA_BYTES_MAX)
    throw new Refusal('too-large', `${bytes} bytes of data; at most ${DATA_BYTES_MAX} are read`);
  if (bytes === 0) return null;
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));
  } catch (error) {
    throw new Refusal('bad-data', `not JSON: ${error instanceof Error ? error.message : 'unreadable'}`);
  }
  if (!isObject(value)) throw new Refusal('bad-data', 'the data is JSON, but not an object');
  return value;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Its own property, so that no name of JavaScript's objects is taken for one; undefined: it has none. */
export function own(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** The same, of formats whose writers say null for nothing. */
export function field(object: JsonObject, name: string): unknown {
  return own(object, name) ?? undefined;
}

/** A number, or the same in digits. @throws Refusal */
export function readPort(value: unknown, name: string): number {
  const port = typeof value === 'string' && /^[1-9][0-9]{0,4}$/.test(value) ? Number(value) : value;
  if (typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= PORT_MAX) return port;
  throw new Refusal('bad-port', `${name} must be 1 to ${PORT_MAX}`);
}

/** @throws Refusal */
export function readHost(value: unknown, name: string): string {
  const host = typeof value === 'string' ? canonicalHost(value) : null;
  if (host !== null) return host;
  throw new Refusal('not-an-address', `${name} is neither an IP address nor a host name`);
}

/** Missing: 1. @throws Refusal */
export function readWeight(value: unknown): Weight {
  if (value === undefined) return WEIGHT_UNSAID;
  // Minus zero is a whole number too, and would not survive being written as JSON.
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= WEIGHT_MAX) return weightSaid(value + 0);
  throw new Refusal('bad-weight', `the weight must be a whole number from 0 to ${WEIGHT_MAX}`);
}

export function weightSaid(weight: number): Weight {
  return weight === 1 ? { weight, weighed: true } : { weight };
}

/** By name, sorted; numbers and booleans as text, where the format's writers leave them so. @throws Refusal */
export function readLabels(value: unknown, name = 'labels', { scalars = false } = {}): Record<string, string> {
  if (value === undefined) return {};
  if (!isObject(value)) throw new Refusal('bad-data', `${name} must be an object`);
  const keys = Object.keys(value).sort();
  if (keys.length > LABELS_MAX.count) throw new Refusal('bad-data', `at most ${LABELS_MAX.count} ${name} are read`);
  // Without a prototype, `__proto__` is a key like any other.
  const labels: Record<string, string> = Object.create(null);
  let characters = 0;
  for (const key of keys) {
    const said = value[key];
    const text = scalars && (typeof said === 'number' || typeof said === 'boolean') ? String(said) : said;
    if (typeof text !== 'string') throw new Refusal('bad-data', `${name}: ${key} must be text`);
    characters += key.length + text.length;
    if (characters > LABELS_MAX.characters) throw new Refusal('bad-data', `${name} have more than ${LABELS_MAX.characters} characters`);
    labels[key] = text;
  }
  return labels;
}
