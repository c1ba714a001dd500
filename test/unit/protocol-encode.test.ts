/** Commands as text: whitelisted, one line each, never syntax from data. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encode } from '../../shared/haproxy/encode.ts';
import { serverWords } from '../../shared/haproxy/server-words.ts';
import type { Command } from '../../shared/plan/command.ts';
import { HAPROXY_2_6, HAPROXY_3_4, HTTP_CHECK, serviceConfig } from '../support/samples.ts';

const AT = { backend: 'web', server: 'a:80' } as const;
const ADD: Command = {
  kind: 'add',
  ...AT,
  id: 7,
  address: '10.0.0.1',
  port: 80,
  weight: 5,
  config: { check: HTTP_CHECK, server: { maxConn: 200 } },
};
const WORDS =
  'check inter 2000ms fastinter 250ms downinter 250ms rise 2 fall 3 weight 5 maxconn 200 id 7 pool-purge-delay 1s pool-max-conn -1';

describe('lines', () => {
  it.each<[string, Command, readonly string[]]>([
    [
      'add, checked',
      ADD,
      [
        `add server web/a:80 10.0.0.1:80 ${WORDS}`,
        'enable health web/a:80',
        'set server web/a:80 state drain',
        'set server web/a:80 health down',
        'set server web/a:80 state ready',
      ],
    ],
    [
      'add, no check, IPv6',
      { ...ADD, address: '2001:db8::1', config: { check: { type: 'none' }, server: { maxConn: null } } },
      ['add server web/a:80 [2001:db8::1]:80 weight 5 id 7 pool-purge-delay 1s pool-max-conn -1', 'set server web/a:80 state ready'],
    ],
    [
      'admit, checked',
      { kind: 'admit', ...AT, checked: true },
      ['enable health web/a:80', 'set server web/a:80 state drain', 'set server web/a:80 health down', 'set server web/a:80 state ready'],
    ],
    ['admit, no check', { kind: 'admit', ...AT, checked: false }, ['set server web/a:80 health up', 'set server web/a:80 state ready']],
    ['enable-health', { kind: 'enable-health', ...AT }, ['enable health web/a:80']],
    ['ready', { kind: 'ready', ...AT }, ['set server web/a:80 state ready']],
    ['drain', { kind: 'drain', ...AT }, ['set server web/a:80 state drain']],
    ['maint', { kind: 'maint', ...AT }, ['set server web/a:80 state maint']],
    ['address', { kind: 'address', ...AT, address: '2001:db8::1', port: 81 }, ['set server web/a:80 addr 2001:db8::1 port 81']],
    ['weight', { kind: 'weight', ...AT, weight: 0 }, ['set server web/a:80 weight 0']],
    ['shutdown-sessions', { kind: 'shutdown-sessions', ...AT }, ['shutdown sessions server web/a:80']],
    ['delete', { kind: 'delete', ...AT }, ['del server web/a:80']],
  ])('%s', (_, command, lines) => {
    expect(encode(command, HAPROXY_2_6)).toEqual(lines);
  });

  it('from 3.1 HAProxy keeps a new server down by itself', () => {
    expect(encode(ADD, HAPROXY_3_4)).toEqual([
      `add server web/a:80 10.0.0.1:80 ${WORDS} init-state fully-down`,
      'enable health web/a:80',
      'set server web/a:80 state ready',
    ]);
  });

  it('from 3.0 HAProxy waits for a moment until a server can be deleted', () => {
    expect(encode({ kind: 'delete', ...AT }, HAPROXY_3_4)).toEqual(['wait 50ms srv-removable web/a:80', 'del server web/a:80']);
  });

  it('checks are never rarer in doubt than they are otherwise', () => {
    const words = serverWords(serviceConfig({ check: { type: 'tcp', interval: 100, rise: 1, fall: 1 } }), { id: 1, weight: 1 }).join(' ');
    expect(words).toContain('check inter 100ms fastinter 100ms downinter 100ms rise 1 fall 1');
  });
});

describe('whitelist', () => {
  const names = ['', ' ', 'a b', 'a/b', 'a;b', 'a\nb', 'a\\b', 'a#b', 'é', 'a<<b', '[::1]:80', 'x'.repeat(129), '\0', 'a\tb', '{a}'];
  it.each(names)('no name: %j', (name) => {
    expect(() => encode({ kind: 'delete', backend: name, server: 'a' }, HAPROXY_2_6)).toThrow('assertion failed');
    expect(() => encode({ kind: 'delete', backend: 'a', server: name }, HAPROXY_2_6)).toThrow('assertion failed');
  });

  const addresses = [
    '',
    'localhost',
    '127.0.0.300',
    '0.0.0.0',
    '0.1.2.3',
    '::',
    '0:0::0',
    '::ffff:0.0.0.0',
    '::0.0.0.0',
    '*',
    'unix@/run/x.sock',
    '/run/x',
    'abns@x',
  ];
  it.each([
    ...addresses,
    'fd@3',
    'udp@10.0.0.1',
    'fe80::1%eth0',
    '10.0.0.1 weight 9',
    '10.0.0.1:80',
    '010.0.0.1',
    '[::1]',
    '10.0.0.1;x',
    '10.1',
  ])('no address: %j', (address) => {
    expect(() => encode({ ...ADD, address } as Command, HAPROXY_2_6)).toThrow('assertion failed');
    expect(() => encode({ kind: 'address', ...AT, address, port: 80 }, HAPROXY_2_6)).toThrow('assertion failed');
  });

  const numbers = [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 40, '80', '80 backup', null] as unknown as number[];
  it.each([...numbers])('no number: %j', (value) => {
    expect(() => encode({ ...ADD, id: value } as Command, HAPROXY_2_6)).toThrow('assertion failed');
    expect(() => encode({ ...ADD, port: value } as Command, HAPROXY_2_6)).toThrow('assertion failed');
    expect(() => encode({ ...ADD, weight: value } as Command, HAPROXY_2_6)).toThrow('assertion failed');
    expect(() => encode({ kind: 'weight', ...AT, weight: value }, HAPROXY_2_6)).toThrow('assertion failed');
    expect(() => encode({ kind: 'address', ...AT, address: '10.0.0.1', port: value }, HAPROXY_2_6)).toThrow('assertion failed');
  });

  it('whatever the fields, a line is one command of the words that belong there, or none is made', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('a', '10.0.0.1', 'a;disable server web/x', '1 backup', 'x\nshow info'),
    );
    const number = fc.oneof(fc.integer(), fc.integer({ min: 0, max: 300 }), fc.double()) as fc.Arbitrary<number>;
    const fields = fc.record({ server: text, address: fc.oneof(text, fc.ipV4(), fc.ipV6()), id: number, port: number, weight: number });
    let made = 0;
    fc.assert(
      fc.property(fields, (drawn) => {
        for (const command of [
          { ...ADD, ...drawn },
          { ...ADD, address: drawn.address },
          { ...ADD, weight: drawn.weight, port: drawn.port },
        ]) {
          let lines: string[];
          try {
            lines = encode(command as Command, HAPROXY_2_6);
          } catch (error) {
            if (String(error).includes('assertion failed')) continue;
            throw error;
          }
          made += 1;
          const [add = '', ...rest] = lines;
          const right =
            /^add server web\/[\w.:-]+ \S+:\d+ check inter \d+ms fastinter \d+ms downinter \d+ms rise 2 fall 3 weight \d+ maxconn 200 id \d+ pool-purge-delay 1s pool-max-conn -1$/.test(
              add,
            );
          if (!right || rest.length !== 4 || !lines.every((line) => /^[\w.:/[\] -]+$/.test(line)))
            throw new Error(`made ${JSON.stringify(lines)}`);
        }
      }),
      { numRuns: 2_000 },
    );
    expect(made).toBeGreaterThan(50);
  });
});
