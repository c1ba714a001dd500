/** Registrations in the forms that services write today: what real writers wrote, and what strangers could. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Decoded } from '../../shared/model/registration.ts';
import type { RegistrationFormat } from '../../shared/model/service-config.ts';
import { decode } from '../../shared/znode/format.ts';
import { DATA_BYTES_MAX } from '../../shared/znode/payload.ts';
import { faultOf, hostileZnode } from '../support/hostile-znodes.ts';
import { runs } from '../support/property.ts';
import { CURATOR, NERVE, NERVE_ENCODED, SERVERSET, SPRING } from '../support/registrations.ts';

const FORMATS: readonly RegistrationFormat[] = ['auto', 'address', 'nerve', 'serverset', 'curator'];

function read(format: RegistrationFormat, name: string, data: unknown, endpoint: string | null = null): Decoded {
  return decode(format, name, Buffer.from(typeof data === 'string' ? data : JSON.stringify(data)), { endpoint });
}

function registration(says: Decoded): unknown {
  return says.ok ? says.registration : says.rejection;
}

const at = (host: string, port: number, more: object = {}) => ({ host, address: host, port, weight: 1, labels: {}, ...more });

describe.each(['nerve', 'auto'] as const)("Nerve's form, read as %s", (format) => {
  test.each(NERVE)('%s %s', (name, data, expected) => {
    expect(registration(read(format, name, data))).toEqual(expected);
  });

  test('in the name alone, and in the data where the name cannot be read', () => {
    const [name, data] = NERVE_ENCODED;
    expect(registration(read(format, name, ''))).toEqual(at('127.0.0.1', 24_906));
    expect(registration(decode(format, name, { tooLarge: 99_999 }, { endpoint: null }))).toEqual(at('127.0.0.1', 24_906));
    for (const broken of [
      name.replace('_72_', '_71_'),
      name.replace('_72_', '_99999_'),
      name.replace('eyJ', '!!!'),
      'base64_4_AAAA_0000000001',
    ])
      expect(registration(read(format, broken, data))).toEqual(at('127.0.0.1', 24_906));
    expect(read(format, name.replace('eyJ', '!!!'), '')).toMatchObject({ ok: false, rejection: { code: 'bad-data' } });
  });

  test.each([
    [{ host: 'h', port: 0 }, 'bad-port'],
    [{ host: 'h', port: '080' }, 'bad-port'],
    [{ host: 'h', port: 1.5 }, 'bad-port'],
    [{ host: '/run/x', port: 80 }, 'not-an-address'],
    [{ host: 'unix@x', port: 80 }, 'not-an-address'],
    [{ host: ['h'], port: 80 }, 'not-an-address'],
    [{ host: 'h', port: 80, weight: -1 }, 'bad-weight'],
    [{ host: 'h', port: 80, weight: '3' }, 'bad-weight'],
    [{ host: 'h', port: 80, weight: 257 }, 'bad-weight'],
    [{ host: 'h', port: 80, labels: [] }, 'bad-data'],
    [{ host: 'h', port: 80, labels: { a: {} } }, 'bad-data'],
    [{ host: 'h', port: 80, labels: { a: 'x'.repeat(5_000) } }, 'bad-data'],
    [{ host: 'h', port: 80, available: 'no' }, 'bad-data'],
  ])('%j is refused: %s', (data, code) => {
    expect(read(format, 'i-1_0000000001', data)).toMatchObject({ ok: false, rejection: { code } });
  });

  test('what is wrong with it is said of the instance, where that can be read', () => {
    expect(read(format, 'i-1_0000000001', { host: '10.0.0.1', port: 80, weight: -1 }).instance).toBe('10.0.0.1:80');
    expect(read(format, 'i-1_0000000001', { host: '10.0.0.1', port: 0 }).instance).toBe('znode:i-1_0000000001');
  });
});

describe.each(['serverset', 'auto'] as const)("a serverset's member, read as %s", (format) => {
  test('has its own endpoint, and others by their names', () => {
    expect(registration(read(format, 'member_0000000001', SERVERSET))).toEqual(at('h1', 31_943, { labels: { shard: '7', zone: 'b' } }));
    expect(registration(read(format, 'member_0000000001', SERVERSET, 'admin'))).toMatchObject({ port: 31_944 });
    const says = read(format, 'member_0000000001', SERVERSET, 'nothing');
    expect(registration(says)).toEqual({ code: 'bad-data', detail: 'there is no additionalEndpoints.nothing' });
    expect(read(format, 'member_1', SERVERSET, '__proto__').ok).toBe(false);
  });

  test('is reached at its own IP address where it gives one', () => {
    const endpoint = { host: 'h1', port: 80, inet: '10.0.0.3', inet6: '2001:DB8::1' };
    expect(read(format, 'member_1', { serviceEndpoint: endpoint, status: 'ALIVE' }).instance).toBe('10.0.0.3:80');
    expect(read(format, 'member_1', { serviceEndpoint: { ...endpoint, inet: null }, status: 'ALIVE' }).instance).toBe('[2001:db8::1]:80');
  });

  test.each([
    ['ALIVE', undefined],
    ['alive', undefined],
    [2, undefined],
    ['STOPPING', 'status STOPPING'],
    ['DEAD', 'status DEAD'],
    [1, 'status STARTING'],
    [77, 'status is unknown'],
    [undefined, 'status is missing'],
    ['\u001b[31m', 'status \\u{1b}[31M'],
  ])('of status %j takes requests: out %s', (status, out) => {
    const says = read(format, 'member_1', { serviceEndpoint: { host: 'h', port: 1 }, status });
    expect(says.ok && says.registration).toMatchObject({ weight: out === undefined ? 1 : 0, ...(out === undefined ? {} : { out }) });
    expect(says.ok && says.registration.out).toBe(out);
  });
});

describe.each(['curator', 'auto'] as const)("Curator's form, read as %s", (format) => {
  test('is an address and a port, or the one for TLS', () => {
    expect(registration(read(format, '92cd-1', CURATOR))).toEqual(at('192.168.0.102', 1_238));
    expect(read(format, '92cd-1', CURATOR, 'ssl')).toMatchObject({ ok: false, rejection: { code: 'bad-port' } });
    expect(registration(read(format, '92cd-1', { ...CURATOR, port: null, sslPort: 8_443 }))).toMatchObject({ port: 8_443 });
    expect(registration(read(format, '92cd-1', { ...CURATOR, sslPort: 8_443 }, 'ssl'))).toMatchObject({ port: 8_443 });
    expect(read(format, '92cd-1', CURATOR, 'admin').ok).toBe(false);
  });

  test('its metadata are its labels', () => {
    const labels = { instance_status: 'UP', zone: 'b', weight: '7' };
    expect(registration(read(format, 'application-1', SPRING))).toEqual(at('desktop-auk8t9h', 8_080, { weight: 7, labels }));
    const typed = { ...CURATOR, payload: ['java.util.Map', { metadata: { zone: 'c' } }] };
    expect(registration(read(format, 'a', typed))).toMatchObject({ labels: { zone: 'c' } });
    for (const payload of ['text', 5, [], ['a'], { metadata: 'text' }, { metadata: null }])
      expect(registration(read(format, 'a', { ...CURATOR, payload }))).toMatchObject({ labels: {} });
  });

  test.each([
    [{ enabled: false }, 'enabled: false'],
    [{ enabled: true }, undefined],
    [{ payload: { metadata: { instance_status: 'OUT_OF_SERVICE' } } }, 'instance_status OUT_OF_SERVICE'],
    [{ payload: { metadata: { instance_status: 'up' } } }, undefined],
    [{ payload: { metadata: { instance_status: ' ' } } }, undefined],
  ])('with %j takes requests: out %s', (more, out) => {
    const says = read(format, 'a', { ...CURATOR, ...more });
    expect(says.ok && [says.registration.weight, says.registration.out]).toEqual([out === undefined ? 1 : 0, out]);
  });
});

describe('auto', () => {
  test.each([
    ['10.0.0.1:80', '', '10.0.0.1:80'],
    ['10.0.0.1:80', { host: '9.9.9.9', port: 9, weight: 3 }, '10.0.0.1:80'],
    ['0123456789abcdef0123456789abcdef-10.0.0.1:80', '', '10.0.0.1:80'],
    ['0123456789abcdef0123456789abcdef-web-1:80', '', 'web-1:80'],
    ['x', { address: '10.0.0.2', port: 1, host: 'h' }, '10.0.0.2:1'],
  ])('%s %j is %s', (name, data, instance) => {
    expect(read('auto', name, data)).toMatchObject({ ok: true, instance });
  });

  test.each([
    ['x', '', 'not-an-address'],
    ['x', '{}', 'bad-data'],
    ['x', 'thrift\u0000', 'bad-data'],
    ['x', '[]', 'bad-data'],
    ['member_0000000001', { status: 'ALIVE' }, 'bad-data'],
  ])('%s %j is refused: %s', (name, data, code) => {
    expect(read('auto', name, data)).toMatchObject({ ok: false, instance: `znode:${name}`, rejection: { code } });
  });
});

test.each(FORMATS)('whatever a stranger writes is read as %s or refused, printably, and nothing is thrown', (format) => {
  let readable = 0;
  fc.assert(
    fc.property(hostileZnode, ({ name, data, endpoint }) => {
      const says = decode(format, name, data, { endpoint });
      readable += Number(says.ok);
      expect(faultOf(says)).toBeNull();
    }),
    runs(3_000),
  );
  expect(readable).toBeGreaterThan(10);
});

describe('what is as large or as deep as it can be', () => {
  const MANY = DATA_BYTES_MAX / 2 - 64;
  const deep = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
  const NAME_BYTES = 1_000_000;
  const strange = ['a', '0', ':', '-', '_', '.', '[', '1.', 'base64_9_', 'member_0', '%', '\u0000'].map((unit) =>
    unit.repeat(NAME_BYTES / unit.length),
  );

  test.each(FORMATS)('is read as %s or refused, in a time that does not run away', (format) => {
    const bodies = [
      `{"host":"10.0.0.1","port":80,"x":${deep(MANY)}}`,
      `{"host":"10.0.0.1","port":80,"labels":{"a":${deep(MANY)}}}`,
      `{"address":"10.0.0.1","port":80,"payload":${deep(MANY)}}`,
      `{"serviceEndpoint":{"host":"10.0.0.1","port":80},"metadata":${deep(MANY)}}`,
      `{"serviceEndpoint":${'{"serviceEndpoint":'.repeat(500)}1${'}'.repeat(501)}`,
      `{${Array.from({ length: 1_200 }, (_, at) => `"k${at}":${at}`).join(',')}}`,
      `{"host":"10.0.0.1","port":1e999,"weight":-1e999}`,
      `{"host":"${'1'.repeat(MANY)}","port":80}`,
      `{"host":"10.0.0.1","port":"${'0'.repeat(MANY)}80"}`,
    ];
    const began = performance.now();
    for (const body of bodies) {
      expect(Buffer.byteLength(body)).toBeLessThanOrEqual(DATA_BYTES_MAX);
      for (const name of ['10.0.0.1:80', 'member_0000000001', 'i-1_0000000001']) expectFit(format, name, body);
    }
    for (const name of strange) for (const body of ['', '{}']) expectFit(format, name, body);
    // Each is done in milliseconds; what grows with the square of a megabyte would take hours.
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  function expectFit(format: RegistrationFormat, name: string, body: string): void {
    const says = decode(format, name, Buffer.from(body), { endpoint: null });
    expect(faultOf(says)).toBeNull();
    expect(JSON.stringify(says).length).toBeLessThan(8_192);
  }
});
