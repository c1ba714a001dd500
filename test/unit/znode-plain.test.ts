/** The plain registration, from strangers: refused with a reason, or read; never thrown, never passed on raw. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { escapeText } from '../../shared/znode/escape.ts';
import { decode as decodeAs } from '../../shared/znode/format.ts';
import { DATA_BYTES_MAX, type ZnodeData } from '../../shared/znode/payload.ts';
import { znodeInstance } from '../../shared/znode/znode-instance.ts';

const NAME = '10.0.0.1:80';
const decodePlain = (name: string, data: ZnodeData) => decodeAs('address', name, data, { endpoint: null });
const decode = (text: string) => decodePlain(NAME, Buffer.from(text));
const code = (text: string): string | null => {
  const says = decode(text);
  return says.ok ? null : says.rejection.code;
};

describe('a plain znode', () => {
  test('says its address by its name, and may say no more', () => {
    expect(decodePlain('[2001:DB8::1]:80', Buffer.alloc(0))).toEqual({
      ok: true,
      instance: '[2001:db8::1]:80',
      registration: { host: '2001:db8::1', address: '2001:db8::1', port: 80, weight: 1, labels: {} },
    });
    expect(decode('{}')).toEqual(decode(''));
  });

  test('of a kazoo party has its identifier in the name, and as data again', () => {
    const member = `2021c4d040dd42518ef09bf478687271-${NAME}`;
    expect(decodePlain(member, Buffer.from(NAME))).toEqual(decode(''));
    expect(decodePlain(member, Buffer.from('10.0.0.2:80'))).toMatchObject({ ok: false, rejection: { code: 'bad-data' } });
    expect(decodePlain(NAME, Buffer.from(NAME))).toMatchObject({ ok: false, rejection: { code: 'bad-data' } });
  });

  test('may say weight and labels, sorted, and whatever else is not for us', () => {
    const says = decode(
      '{"labels": {"zone": "b", "arch": "arm", "__proto__": "x", "constructor": "y"}, "weight": 256, "host": "evil", "__proto__": {"weight": 9}}',
    );
    expect(says.ok && says.registration.weight).toBe(256);
    expect(says.ok && JSON.stringify(says.registration.labels)).toBe('{"__proto__":"x","arch":"arm","constructor":"y","zone":"b"}');
    expect(says.ok && says.registration.host).toBe('10.0.0.1');
    expect(({} as Record<string, unknown>).x).toBeUndefined();
    expect(code('{"weight": 0}')).toBeNull();
    expect(JSON.stringify(decode('{"weight": -0}'))).toBe(JSON.stringify(decode('{"weight": 0}')));
    expect(Object.is((decode('{"weight": -0}') as { registration: { weight: number } }).registration.weight, 0)).toBe(true);
  });

  test.each([
    ['not json', 'bad-data'],
    ['[]', 'bad-data'],
    ['null', 'bad-data'],
    ['"text"', 'bad-data'],
    ['5', 'bad-data'],
    [' ', 'bad-data'],
    ['{"a":1}x', 'bad-data'],
    ['{"weight": "5"}', 'bad-weight'],
    ['{"weight": 1.5}', 'bad-weight'],
    ['{"weight": -1}', 'bad-weight'],
    ['{"weight": 257}', 'bad-weight'],
    ['{"weight": 1e999}', 'bad-weight'],
    ['{"weight": null}', 'bad-weight'],
    ['{"weight": [1]}', 'bad-weight'],
    ['{"labels": []}', 'bad-data'],
    ['{"labels": null}', 'bad-data'],
    ['{"labels": "a"}', 'bad-data'],
    ['{"labels": {"a": 1}}', 'bad-data'],
    ['{"labels": {"a": {"b": "c"}}}', 'bad-data'],
    [`{"labels": {${Array.from({ length: 65 }, (_, i) => `"k${i}": ""`).join()}}}`, 'bad-data'],
    [`${'['.repeat(4_000)}`, 'bad-data'],
    [' '.repeat(DATA_BYTES_MAX + 1), 'too-large'],
  ])('with %s is refused: %s', (text, expected) => {
    expect(code(text)).toBe(expected);
  });

  test('is refused by size, by encoding and by name, under an id that can be told', () => {
    expect(decodePlain(NAME, { tooLarge: 5_000 })).toMatchObject({
      ok: false,
      instance: NAME,
      rejection: { code: 'too-large', detail: expect.stringContaining('5000') },
    });
    expect(decodePlain(NAME, Buffer.from([0x7b, 0xff, 0x7d]))).toMatchObject({ ok: false, rejection: { code: 'bad-data' } });
    expect(decodePlain('unix@/run/x', Buffer.alloc(0))).toMatchObject({
      ok: false,
      instance: 'znode:unix@/run/x',
      rejection: { code: 'not-an-address' },
    });
    expect(decodePlain('a:b', Buffer.from('not json'))).toMatchObject({ instance: 'znode:a:b', rejection: { code: 'bad-port' } });
    expect(decodePlain('evil\u202e\u001b[31m', Buffer.alloc(0)).instance).toBe('znode:evil\\u{202e}\\u{1b}[31m');
  });

  test('of any name and any data is decoded without throwing, printably, and the prototypes stay clean', () => {
    const json = fc.json().map((text) => Buffer.from(text));
    const shaped = fc
      .record(
        { weight: fc.anything({ maxDepth: 1 }), labels: fc.anything({ maxDepth: 2 }), ['__proto__']: fc.anything({ maxDepth: 1 }) },
        { requiredKeys: [] },
      )
      .map((value) => Buffer.from(safeJson(value)));
    const data = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      json,
      shaped,
    );
    fc.assert(
      fc.property(fc.oneof(fc.constant(NAME), fc.string({ unit: 'binary' })), data, (name, bytes) => {
        const says = decodePlain(name, bytes);
        const printed = says.ok ? says.instance : `${says.instance} ${says.rejection.detail}`;
        expect(printed).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        if (says.ok) {
          expect(Number.isInteger(says.registration.weight)).toBe(true);
          for (const label of Object.values(says.registration.labels)) expect(typeof label).toBe('string');
          // It survives the log.
          expect(JSON.stringify(JSON.parse(JSON.stringify(says)))).toBe(JSON.stringify(says));
        }
        expect(Object.keys(Object.prototype)).toEqual([]);
      }),
      { numRuns: 1_500 },
    );
  });

  test('has an id of its own, however hostile its name', () => {
    const names = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.string({ unit: fc.constantFrom('\\', 'u', '{', '1', '}', '\u0001', '\ud800', 'x'), maxLength: 400 }),
    );
    fc.assert(
      fc.property(names, names, (a, b) => {
        expect(znodeInstance(a) === znodeInstance(b)).toBe(a === b);
        expect(znodeInstance(a).length).toBeLessThanOrEqual('znode:'.length + 200);
      }),
      { numRuns: 1_500 },
    );
    expect(znodeInstance('x'.repeat(500))).not.toBe(znodeInstance(`${'x'.repeat(499)}y`));
  });
});

function safeJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    return '';
  }
}

describe('escaped text', () => {
  test.each([
    ['plain-text_1.0', 'plain-text_1.0'],
    ['blåbær ☃', 'blåbær ☃'],
    ['a\\b', 'a\\\\b'],
    ['a\r\nb', 'a\\u{d}\\u{a}b'],
    ['\u001b[2J', '\\u{1b}[2J'],
    ['\u202eevil', '\\u{202e}evil'],
    ['\u2066x\u2069', '\\u{2066}x\\u{2069}'],
    ['\ufeff', '\\u{feff}'],
    ['\ud800', '\\u{d800}'],
    ['\u{e0041}', '\\u{e0041}'],
    ['\u2028', '\\u{2028}'],
    ['\u009b', '\\u{9b}'],
    ['\u200b', '\\u{200b}'],
  ])('of %j is %j', (text, expected) => {
    expect(escapeText(text)).toBe(expected);
  });

  test('is bounded, well formed and safe to print', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 500 }), fc.integer({ min: 10, max: 300 }), (text, max) => {
        const escaped = escapeText(text, max);
        expect(escaped.length).toBeLessThanOrEqual(max);
        expect(escaped.isWellFormed()).toBe(true);
        expect(escaped).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      }),
      { numRuns: 1_500 },
    );
    expect(escapeText('x'.repeat(201))).toBe(`${'x'.repeat(197)}...`);
    expect(escapeText('x'.repeat(200))).toHaveLength(200);
  });
});
