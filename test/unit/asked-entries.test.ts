/** What a request means, of several entries of one service: the one address that they share, or each that fits. */
import { describe, expect, it } from 'vitest';
import { PointsmanError } from '../../shared/errors.ts';
import { readAsk } from '../../workers/registrar/ask.ts';
import { askedEntries } from '../../workers/registrar/asked-entries.ts';
import { configOf, LEAST } from '../support/config-text.ts';

const { register } = configOf(`${LEAST}register:
  - { service: one, path: /old/one, address: "10.0.0.5:80", by: service, format: nerve }
  - { service: one, path: /new/one, address: "10.0.0.5:80", by: service, ttl: 1m, allow: { ttl: 5m, ports: 90-99 }, check: [{ http: GET / }, { tcp: true, port: 81 }] }
  - { service: two, path: /two, address: "10.0.0.5:80", by: service }
  - { service: two, path: /two, address: "10.0.0.6:80", by: service }
  - { service: six, path: /six, address: "[2001:db8::5]:80", by: service }
`);

function asked(query: object) {
  const { instance, ttl, entries } = askedEntries(register, readAsk(query));
  return { instance, ttl, paths: entries.map(({ path, port }) => `${path} ${port}`) };
}

function refused(query: object): string {
  try {
    asked(query);
    return 'nothing';
  } catch (error) {
    return error instanceof PointsmanError ? `${error.code}: ${error.hint}` : String(error);
  }
}

describe('a request', () => {
  it('counts for every entry that it fits, and for those alone that it names', () => {
    expect(asked({ service: 'one' })).toEqual({ instance: '10.0.0.5:80', ttl: 10_000, paths: ['/old/one 80', '/new/one 80'] });
    expect(asked({ service: 'one', port: 95 })).toEqual({ instance: '10.0.0.5:95', ttl: 60_000, paths: ['/new/one 95'] });
    expect(asked({ service: 'one', path: '/new/one' }).paths).toEqual(['/new/one 80']);
    expect(asked({ service: 'one', format: 'nerve', ttl: '2s' })).toMatchObject({ ttl: 2_000, paths: ['/old/one 80'] });
    expect(asked({ service: 'six', address: '[2001:DB8:0::5]:80' }).instance).toBe('[2001:db8::5]:80');
  });

  it('that names no address, where there are several, is told which', () => {
    expect(refused({ service: 'two' })).toBe('REQUEST_INVALID: expected address, one of 10.0.0.5:80, 10.0.0.6:80');
    expect(refused({ service: 'two', port: 80 })).toMatch(/^REQUEST_INVALID/);
    expect(asked({ service: 'two', address: '10.0.0.6:80' }).paths).toEqual(['/two 80']);
    expect(refused({ service: 'two', address: '10.0.0.7:80' })).toMatch(/^REQUEST_NOT_ALLOWED/);
  });

  it('counts no longer than each of its entries allows', () => {
    expect(refused({ service: 'one', ttl: '10001ms' })).toBe('REQUEST_NOT_ALLOWED: at most 10000 ms; allow.ttl raises it');
    expect(asked({ service: 'one', path: '/new/one', ttl: '5m' }).ttl).toBe(300_000);
    expect(asked({ service: 'one', path: '/new/one' }).ttl).toBe(60_000);
  });

  it('takes the checks along that go to its own port, and no other', () => {
    const { entries } = askedEntries(register, readAsk({ service: 'one', port: 95 }));
    expect(entries[0]?.checks.map(({ probe }) => (probe.type === 'exec' ? null : probe.port))).toEqual([95, 81]);
    expect(entries[0]?.terms).toBeNull();
  });
});
