/** Addresses from strangers: what is taken, in which form, and what never is. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Allow } from '../../shared/model/service-config.ts';
import { allowedBy, canonicalHost, classify, parseAddress, serverInstance, serverName } from '../../shared/znode/address.ts';

const instance = (text: string): string | null => {
  const parsed = parseAddress(text);
  return parsed.ok ? parsed.address.instance : null;
};
const refusal = (text: string): string | null => {
  const parsed = parseAddress(text);
  return parsed.ok ? null : parsed.rejection.code;
};

describe('an address', () => {
  test.each([
    ['10.0.0.1:80', '10.0.0.1:80'],
    ['[2001:DB8:0:0:0:0:0:1]:443', '[2001:db8::1]:443'],
    ['2001:db8::1:443', '[2001:db8::1]:443'],
    ['[2001:db8:0:1:0:0:0:1]:1', '[2001:db8:0:1::1]:1'],
    ['[::ffff:10.0.0.1]:80', '10.0.0.1:80'],
    ['::ffff:0a00:1:80', '10.0.0.1:80'],
    ['Web-1.Example.COM:65535', 'web-1.example.com:65535'],
    ['xn--bcher-kva.example:80', 'xn--bcher-kva.example:80'],
    ['a:1', 'a:1'],
    ['3com.example:1', '3com.example:1'],
  ])('%s is %s', (text, expected) => {
    expect(instance(text)).toBe(expected);
  });

  test.each([
    '',
    ':',
    ':80',
    '10.0.0.1',
    '10.0.0.1:',
    '10.0.0:80',
    '10.0.0.01:80',
    '10.0.0.256:80',
    '010.0.0.1:80',
    '0x0a000001:80',
    '0x7f.1:80',
    '127.1:80',
    '2130706433:80',
    '1e3:80a',
    '[10.0.0.1]:80',
    '[::1:80',
    '::1]:80',
    '[]:80',
    '[::1]',
    '[::1]80',
    '[fe80::1%eth0]:80',
    'fe80::1%1:80',
    'unix@/run/x.sock:80',
    'unix@x:80',
    'abns@x:80',
    'fd@3:80',
    'ipv4@10.0.0.1:80',
    'udp@10.0.0.1:80',
    '/run/x.sock:80',
    '*:80',
    'a_b:80',
    '-a:80',
    'a-:80',
    'a..b:80',
    '.a:80',
    'a.:80',
    'a b:80',
    'a;b:80',
    'a\nb:80',
    'a\u0000:80',
    'bücher:80',
    `${'a'.repeat(64)}.b:80`,
    `${'a.'.repeat(127)}b:80`,
    '１０.0.0.1:80',
    'http://10.0.0.1:80',
    '10.0.0.1 :80',
    ' 10.0.0.1:80',
    'a:b:80',
  ])('%j is none', (text) => {
    expect(instance(text)).toBeNull();
  });

  test.each([
    '10.0.0.1:0',
    '10.0.0.1:65536',
    '10.0.0.1:080',
    '10.0.0.1:80a',
    '10.0.0.1:+80',
    '10.0.0.1:-1',
    '10.0.0.1: 80',
    '10.0.0.1:80 ',
    '10.0.0.1:8e1',
    'a:99999999999',
    '10.0.0.1:８０',
    '[::1]:',
  ])('%j has no port', (text) => {
    expect(refusal(text)).toBe('bad-port');
  });

  test('of any text is refused or written in one canonical form, whose server name HAProxy takes', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          hosts().map((host) => `${host}:80`),
          fc.string({ unit: fc.constantFrom(...'[]0123456789abcdefABCDEF:.%@/x -'), maxLength: 50 }),
        ),
        (text) => {
          const parsed = parseAddress(text);
          if (!parsed.ok) return parsed.rejection.detail.length < 300;
          const { instance, host, port } = parsed.address;
          expect(parseAddress(instance)).toEqual(parsed);
          expect(canonicalHost(host)).toBe(host);
          expect(Number.isInteger(port) && port >= 1 && port <= 65_535).toBe(true);
          expect(serverInstance(serverName(instance))).toBe(serverName(instance).length < 100 ? instance : null);
          expect(serverName(instance)).toMatch(/^[A-Za-z0-9_.:-]+$/);
          return true;
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('keeps its server name to itself', () => {
    fc.assert(
      fc.property(hosts(), hosts(), fc.integer({ min: 1, max: 65_535 }), fc.integer({ min: 1, max: 65_535 }), (a, b, p, q) => {
        const [one, other] = [instance(`[${a}]:${p}`) ?? instance(`${a}:${p}`), instance(`[${b}]:${q}`) ?? instance(`${b}:${q}`)];
        if (one === null || other === null) return;
        expect(serverName(one) === serverName(other)).toBe(one === other);
      }),
    );
  });
});

function hosts(): fc.Arbitrary<string> {
  return fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.ipV6().map((ip) => `[${ip}]`),
    fc.domain(),
    fc.constantFrom('::ffff:1.2.3.4', '1::1', '1::1:1', '0::'),
  );
}

const everything: Allow = { cidrs: ['0.0.0.0/0', '::/0'], loopback: true, names: true };

describe('policy', () => {
  test.each([
    ['0.0.0.0', 'unspecified'],
    ['0.1.2.3', 'unspecified'],
    ['::', 'unspecified'],
    ['127.0.0.1', 'loopback'],
    ['127.255.0.9', 'loopback'],
    ['::1', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['169.254.169.254', 'link-local'],
    ['fe80::1', 'link-local'],
    ['febf::1', 'link-local'],
    ['::ffff:a9fe:a9fe', 'link-local'],
    ['224.0.0.1', 'multicast'],
    ['239.255.255.255', 'multicast'],
    ['ff02::1', 'multicast'],
    ['255.255.255.255', 'broadcast'],
    ['10.0.0.1', 'public'],
    ['fec0::1', 'public'],
    ['fd00::1', 'public'],
    ['ff::1', 'public'],
    ['2001:db8::1', 'public'],
  ])('%s is %s', (ip, expected) => {
    expect(classify(ip)).toBe(expected);
  });

  test('never lets some classes through, and loopback only when it is told to', () => {
    for (const ip of [
      '0.0.0.0',
      '::',
      '169.254.169.254',
      'fe80::1',
      '224.0.0.1',
      'ff02::1',
      '255.255.255.255',
      'not-an-ip',
      'fe80::1%eth0',
    ]) {
      expect(allowedBy(ip, everything)?.code, ip).toBe('address-not-allowed');
    }
    for (const ip of ['127.0.0.1', '::1']) {
      expect(allowedBy(ip, everything)).toBeNull();
      expect(allowedBy(ip, { ...everything, loopback: false })?.detail).toContain('loopback');
    }
  });

  test('holds registrations to the networks of the config', () => {
    const allow: Allow = { cidrs: ['10.0.0.0/8', '192.168.1.7', '2001:db8::/32', 'nonsense', '10.0.0.0/99'], loopback: true, names: true };
    for (const ip of ['10.255.0.1', '192.168.1.7', '2001:db8:ffff::1', '::ffff:10.0.0.1']) expect(allowedBy(ip, allow), ip).toBeNull();
    for (const ip of ['11.0.0.1', '192.168.1.8', '2001:db9::1', '127.0.0.1', '::1']) expect(allowedBy(ip, allow), ip).not.toBeNull();
    expect(allowedBy('10.0.0.1', { ...everything, cidrs: [] })).not.toBeNull();
    expect(allowedBy('2001:db8::1', { ...everything, cidrs: ['0.0.0.0/0'] })).not.toBeNull();
  });
});
