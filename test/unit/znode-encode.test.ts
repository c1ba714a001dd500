/** What we write is what we read, in each format, by the format's own codec and by `auto`. And what is written is what the field's writers write. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WrittenFormat } from '../../shared/model/register.ts';
import { canonicalHost, instanceOf } from '../../shared/znode/address.ts';
import { CURATOR_WORDS, encode, encodedName, type Offered } from '../../shared/znode/encode.ts';
import { decode } from '../../shared/znode/format.ts';
import { runs } from '../support/property.ts';

const FORMATS: readonly WrittenFormat[] = ['address', 'nerve', 'serverset', 'curator'];

const host = fc
  .oneof(fc.ipV4(), fc.ipV6(), fc.domain())
  .map((text) => canonicalHost(text))
  .filter((text) => text !== null);
const labelName = fc
  .string({ minLength: 1, maxLength: 20, unit: 'grapheme' })
  .filter((name) => ![...CURATOR_WORDS, 'shard'].includes(name));
const labels = fc.dictionary(labelName, fc.string({ maxLength: 20, unit: 'grapheme' }), { maxKeys: 5 });
const offered: fc.Arbitrary<Offered> = fc.record({
  service: fc.stringMatching(/^[A-Za-z0-9_.-]{1,64}$/),
  host,
  port: fc.integer({ min: 1, max: 65_535 }),
  id: fc.option(fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}$/)),
  weight: fc.option(fc.integer({ min: 0, max: 256 })),
  options: fc.record(
    {
      backup: fc.constant(true as const),
      disabled: fc.constant(true as const),
      maxconn: fc.integer({ min: 1, max: 10_000_000 }),
      weight: fc.integer({ min: 0, max: 256 }),
    },
    { requiredKeys: [] },
  ),
  labels: fc.tuple(labels, fc.option(fc.nat(99))).map(([some, shard]) => (shard === null ? some : { ...some, shard: String(shard) })),
  out: fc.boolean(),
  since: fc.nat(2_000_000_000_000),
});

function said(format: WrittenFormat, one: Offered): { weight: number; labels: Record<string, string> } {
  const weight = one.out ? 0 : format === 'serverset' ? 1 : (one.weight ?? 1);
  const own = Object.fromEntries(Object.entries(one.labels));
  if (format !== 'curator') return { weight, labels: own };
  if (one.weight !== null) own['weight'] = String(one.weight);
  if (one.out) own['instance_status'] = 'OUT_OF_SERVICE';
  return { weight, labels: own };
}

function askedOf({ options, out }: Offered): Offered['options'] {
  return out && options.weight !== undefined ? { ...options, weight: 0 } : options;
}

const WEB: Offered = {
  service: 'web',
  host: '10.0.0.5',
  port: 8080,
  id: null,
  weight: null,
  labels: {},
  options: {},
  out: false,
  since: 1_700_000_000_000,
};

describe.each(FORMATS)('a registration of ours as %s', (format) => {
  it.each([format, 'auto'] as const)('reads as it was meant, by %s', (reader) => {
    fc.assert(
      fc.property(offered, (one) => {
        const { name, data } = encode(format, one);
        const read = decode(reader, name, Buffer.from(data), { endpoint: null });
        expect(read.ok, JSON.stringify(read)).toBe(true);
        if (!read.ok) return;
        const { registration } = read;
        expect(read.instance).toBe(instanceOf(one.host, one.port));
        expect([registration.host, registration.port]).toEqual([one.host, one.port]);
        const { weight, labels: all } = said(format, one);
        expect([registration.weight, { ...registration.labels }]).toEqual([weight, all]);
        expect(registration.weighed).toBe(!one.out && format !== 'serverset' && one.weight === 1 ? true : undefined);
        expect(registration.options ?? {}).toEqual(format === 'nerve' ? askedOf(one) : {});
      }),
      runs(2_000),
    );
  });

  it('has a name that follows from the instance alone, and can be a znode', () => {
    fc.assert(
      fc.property(offered, fc.nat(256), fc.boolean(), (one, weight, out) => {
        const { name } = encode(format, { ...one, weight, out, labels: {}, options: {} });
        expect(encode(format, one).name).toBe(name);
        expect(encodedName(format, one)).toBe(name);
        expect(name).toMatch(/^[!-.0-~]+$/);
      }),
      runs(500),
    );
  });

  it('tells neighbours apart', () => {
    const names = Array.from({ length: 2_000 }, (_, index) => encodedName(format, { ...WEB, port: 1_000 + index }));
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('what is written', () => {
  it.each<[WrittenFormat, Partial<Offered>, string, string]>([
    ['address', {}, '10.0.0.5:8080', ''],
    ['address', { host: '2001:db8::1', weight: 10 }, '[2001:db8::1]:8080', '{"weight":10}'],
    ['address', { labels: { zone: 'b', az: 'a' } }, '10.0.0.5:8080', '{"labels":{"az":"a","zone":"b"}}'],
    ['address', { weight: 1 }, '10.0.0.5:8080', '{"weight":1}'],
    ['address', { out: true, weight: 5 }, '10.0.0.5:8080', '{"weight":0}'],
    [
      'nerve',
      { id: 'i-01234abc', weight: 3, labels: { az: 'b' }, options: { maxconn: 10, backup: true } },
      'i-01234abc_',
      '{"host":"10.0.0.5","port":8080,"name":"i-01234abc","weight":3,"haproxy_server_options":"backup maxconn 10","labels":{"az":"b"}}',
    ],
    [
      'nerve',
      { out: true, options: { weight: 20, disabled: true } },
      '10.0.0.5:8080_',
      '{"host":"10.0.0.5","port":8080,"name":"10.0.0.5:8080","weight":0,"haproxy_server_options":"disabled weight 0"}',
    ],
    [
      'serverset',
      { labels: { shard: '7' } },
      'member_1475164367',
      '{"serviceEndpoint":{"host":"10.0.0.5","port":8080},"additionalEndpoints":{},"status":"ALIVE","shard":7}',
    ],
  ])('%s %j', (format, part, name, data) => {
    expect(encode(format, { ...WEB, ...part })).toEqual({ name, data });
  });

  it('curator: no payload without a need, and Spring its own with one', () => {
    const bare = JSON.parse(encode('curator', WEB).data) as Record<string, unknown>;
    expect(bare).toMatchObject({ name: 'web', address: '10.0.0.5', port: 8080, sslPort: null, payload: null, serviceType: 'DYNAMIC' });
    const { name, data } = encode('curator', { ...WEB, out: true });
    expect(name).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(JSON.parse(data)).toMatchObject({
      id: name,
      payload: { id: name, name: 'web', metadata: { instance_status: 'OUT_OF_SERVICE' } },
    });
  });
});
