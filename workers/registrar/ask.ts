/**
 * PURE. What a service asks for itself: what it is called, where it is reached, and what it says otherwise than its entry. Hostile until it is read here: what
 * is unknown, doubled or out of its bounds is refused, with the words of the config.
 */
import { z } from 'zod';
import { registerLabels, registerTtl, WEIGHT_MAX } from '../../shared/config/register-schema.ts';
import * as value from '../../shared/config/values.ts';
import { PointsmanError } from '../../shared/errors.ts';
import type { WrittenFormat } from '../../shared/model/register.ts';
import { parseAddress } from '../../shared/znode/address.ts';
import { escapeText } from '../../shared/znode/escape.ts';

export interface Ask {
  readonly service: string;
  /** Its host, canonical; null: that of the entry. */
  readonly host: string | null;
  /** null: that of the entry. */
  readonly port: number | null;
  /** Of several entries those below this path, or in this format; null: whichever. */
  readonly path: string | null;
  readonly format: WrittenFormat | null;
  /** ms; null: as the entry has it. */
  readonly ttl: number | null;
  readonly weight: number | null;
  readonly labels: Readonly<Record<string, string>>;
}

const KEYS = ['service', 'address', 'port', 'path', 'format', 'ttl', 'weight', 'label', 'labels'];
const ADDRESS = 'host:port, such as 10.0.0.5:8080';
const LABEL = 'name=value';
const LABELS_MAX = 64;
const SHOWN_MAX = 100;

const port = value.count(1, 65_535);
const weight = value.count(0, WEIGHT_MAX);

const schema = z.strictObject({
  service: value.nameText(),
  address: value
    .parsed(ADDRESS, /^\S+:\d{1,5}$/, (text) => {
      const parsed = parseAddress(text);
      return parsed.ok ? parsed.address : null;
    })
    .optional(),
  port: z.preprocess(numbered, port).optional(),
  path: value.znodePath().optional(),
  format: value.word(['address', 'nerve', 'serverset', 'curator']).optional(),
  ttl: registerTtl().optional(),
  weight: z.preprocess(numbered, weight).optional(),
  label: z
    .array(z.string({ error: LABEL }).regex(/^[^=\s]+=/, { error: LABEL }), { error: LABEL })
    .max(LABELS_MAX)
    .optional(),
  labels: registerLabels.optional(),
});

/** `raw`: a query, or a body of JSON. A label stands in `labels`, or as `label=name=value`. @throws PointsmanError REQUEST_INVALID */
export function readAsk(raw: unknown): Ask {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) throw invalid('the request', 'a map', 'no map');
  const { label } = raw as { label?: unknown };
  const parsed = schema.safeParse(typeof label === 'string' ? { ...raw, label: [label] } : raw);
  if (!parsed.success) throw refusal(parsed.error.issues[0], raw);
  const { service, address, path = null, format = null, ttl = null, weight = null, labels = {} } = parsed.data;
  if (address !== undefined && parsed.data.port !== undefined && parsed.data.port !== address.port)
    throw invalid('port', 'that of address, or none', String(parsed.data.port));
  const said = registerLabels.safeParse({ ...labels, ...Object.fromEntries((parsed.data.label ?? []).map(pair)) });
  if (!said.success) throw refusal(said.error.issues[0], raw, 'label');
  return {
    service,
    host: address?.host ?? null,
    port: address?.port ?? parsed.data.port ?? null,
    path,
    format,
    ttl,
    weight,
    labels: said.data,
  };
}

/** A query knows texts only. */
function numbered(raw: unknown): unknown {
  return typeof raw === 'string' && /^\d{1,5}$/.test(raw) ? Number(raw) : raw;
}

function pair(text: string): [name: string, value: string] {
  const at = text.indexOf('=');
  return [text.slice(0, at), text.slice(at + 1)];
}

function refusal(issue: z.core.$ZodIssue | undefined, raw: object, at?: string): PointsmanError {
  if (issue?.code === 'unrecognized_keys') return invalid(issue.keys[0] ?? '', `one of ${KEYS.join(', ')}`, 'an unknown key');
  const key = String(at ?? issue?.path[0] ?? 'the request');
  const found = Object.hasOwn(raw, key) ? (raw as Record<string, unknown>)[key] : undefined;
  const text = Array.isArray(found) ? 'several values' : found === undefined ? 'nothing' : JSON.stringify(found);
  return invalid(key, issue?.message ?? 'another value', text);
}

function invalid(key: string, expected: string, found: string): PointsmanError {
  return new PointsmanError('REQUEST_INVALID', `${escapeText(key, SHOWN_MAX)}: ${escapeText(found, SHOWN_MAX)}`, {
    hint: `expected ${expected}`,
    retry: 'terminal',
  });
}
