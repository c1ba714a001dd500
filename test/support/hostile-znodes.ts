/** Znodes as strangers could write them: near to what each format says, and far from it; and what no reading of them may be. */
import fc from 'fast-check';
import type { Decoded } from '../../shared/model/registration.ts';
import { DATA_BYTES_MAX, type ZnodeData } from '../../shared/znode/payload.ts';
import { CURATOR, NERVE_ENCODED, SERVERSET, SPRING } from './registrations.ts';

export interface HostileZnode {
  readonly name: string;
  readonly data: ZnodeData;
  readonly endpoint: string | null;
}

const KEYS = ['host', 'port', 'name', 'weight', 'labels', 'available', 'address', 'sslPort', 'enabled', 'payload', 'status', 'shard'];
const MORE = ['serviceEndpoint', 'additionalEndpoints', 'metadata', 'inet', 'inet6', '__proto__', 'constructor', 'toString'];

const anything = fc.anything({ maxDepth: 2, withNullPrototype: true, withBigInt: false });
const value = fc.oneof(anything, fc.constantFrom('10.0.0.1', 80, '80', 'ALIVE', { host: 'h', port: 80 }, { metadata: { a: 'b' } }, {}));
const strange = fc.dictionary(fc.constantFrom(...KEYS, ...MORE), value, { maxKeys: 4 });
const whole = fc.constantFrom<object>({}, { host: 'h', port: 80 }, SERVERSET, CURATOR, SPRING);
const shaped = fc.tuple(whole, strange).map(([one, changes]) => Buffer.from(safeJson({ ...one, ...changes })));

const data: fc.Arbitrary<ZnodeData> = fc.oneof(
  { weight: 4, arbitrary: shaped },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)) },
  { weight: 1, arbitrary: fc.json().map((text) => Buffer.from(text)) },
  { weight: 1, arbitrary: fc.constantFrom({ tooLarge: 1e9 }, Buffer.alloc(DATA_BYTES_MAX + 1, '['), Buffer.alloc(DATA_BYTES_MAX, '[')) },
);

const name = fc.oneof(
  fc.constantFrom('10.0.0.1:80', 'member_0000000001', 'i-1_0000000001', NERVE_ENCODED[0], '__proto__'),
  fc.string({ unit: 'binary' }),
  fc.nat(99_999).map((length) => `base64_${length}_${'e30'.repeat(9)}_0000000001`),
);

const endpoint = fc.option(fc.constantFrom('admin', 'ssl', '__proto__'), { nil: null });

export const hostileZnode: fc.Arbitrary<HostileZnode> = fc.record({ name, data, endpoint });

/** null: it may be read so. */
export function faultOf(says: Decoded): string | null {
  const printed = says.ok ? `${says.instance} ${says.registration.out ?? ''}` : `${says.instance} ${says.rejection.detail}`;
  if (/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(printed)) return `not printable: ${JSON.stringify(printed)}`;
  if (Object.keys(Object.prototype).length > 0 || ({} as Record<string, unknown>)['host'] !== undefined) return 'a prototype was changed';
  if (!says.ok) return null;
  const { weight, port, labels } = says.registration;
  if (!(Number.isInteger(weight) && weight >= 0 && weight <= 256)) return `weight ${weight}`;
  if (!(Number.isInteger(port) && port >= 1 && port <= 65_535)) return `port ${port}`;
  if (Object.values(labels).some((label) => typeof label !== 'string')) return 'a label is no text';
  return JSON.stringify(JSON.parse(JSON.stringify(says))) === JSON.stringify(says) ? null : 'it does not survive the log';
}

function safeJson(said: unknown): string {
  try {
    return JSON.stringify(said) ?? '';
  } catch {
    return '';
  }
}
