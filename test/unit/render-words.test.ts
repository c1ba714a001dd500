/** Nothing that is rendered can become syntax: each word is what it should be, or nothing is rendered at all. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderGlobal } from '../../shared/haproxy/render-global.ts';
import { readLedger } from '../../shared/haproxy/render-ledger.ts';
import { formOf, type RenderedServer, renderService, structureOf } from '../../shared/haproxy/render-service.ts';
import { addressWord, balanceLines, listenWord, parseListen, socketWord, timeWord } from '../../shared/haproxy/render-words.ts';
import type { ServerConfig } from '../../shared/haproxy/server-words.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { DEFAULTS, renderedServer, serviceConfig } from '../support/render-input.ts';

const HTTP_CHECK = { type: 'http', method: 'GET', path: '/health', interval: 2_000, rise: 2, fall: 3 } as const;

/** What would add a directive, a comment, a variable, a word or another address. */
const HOSTILE = [
  'a\nhttp-request deny',
  'a\r\nb',
  'a b',
  'a\tb',
  'a#b',
  'a"b',
  "a'b",
  'a$b',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: HAProxy's own syntax
  '${HOME}',
  'a\\b',
  'a\0b',
  'a;b',
  'a`b',
  'ä',
  '',
  'x'.repeat(5_000),
];
const POLICY = { minInterval: 2_000, jitter: 0.2, hardStopAfter: 300_000, maxReloads: 50 };

function rendered(config: Partial<ServiceConfig>, servers: readonly RenderedServer[] = []): string {
  return renderService({ config: serviceConfig(config), structure: 'abc', servers });
}

describe('hostile words are refused, wherever they stand', () => {
  const places: Record<string, (word: string) => string> = {
    'service name': (name) => rendered({ name }),
    listen: (listen) => rendered({ listen }),
    'listen, after a good start': (word) => rendered({ listen: `127.0.0.1:3210${word === '' ? ' ' : word}` }),
    balance: (balance) => rendered({ balance }),
    'balance, after a good start': (word) => rendered({ balance: `roundrobin ${word}` }),
    'check path': (path) => rendered({ check: { ...HTTP_CHECK, path } }),
    'check path, after a good start': (word) =>
      rendered({ check: { ...HTTP_CHECK, path: `/health${word === '' ? ' ' : word.replace(';', ' ')}` } }),
    'check method': (method) => rendered({ check: { ...HTTP_CHECK, method } }),
    structure: (structure) => renderService({ config: serviceConfig({}), structure, servers: [] }),
    'server name': (name) => rendered({}, [renderedServer(1, '10.0.0.5', { name })]),
    'server address': (address) => rendered({}, [renderedServer(1, address, { instance: '10.0.0.5:80' })]),
    instance: (instance) => rendered({}, [renderedServer(1, '10.0.0.5', { instance })]),
    'instance of a draining server': (instance) => rendered({}, [renderedServer(1, '10.0.0.5', { instance, draining: true })]),
    prefix: (prefix) => renderGlobal({ prefix, proxy: 'local', defaults: DEFAULTS, policy: POLICY, stamp: 'a' }),
    proxy: (proxy) => renderGlobal({ prefix: 'a', proxy, defaults: DEFAULTS, policy: POLICY, stamp: 'a' }),
    stamp: (stamp) => renderGlobal({ prefix: 'a', proxy: 'local', defaults: DEFAULTS, policy: POLICY, stamp }),
    retryOn: (retryOn) => renderGlobal({ prefix: 'a', proxy: 'local', defaults: { ...DEFAULTS, retryOn }, policy: POLICY, stamp: 'a' }),
    'runtime socket': (path) => socketWord({ kind: 'unix', path: `/run/${path === '' ? ' ' : path.replace(';', ' ')}` }),
  };
  for (const [place, render] of Object.entries(places)) {
    it.each(HOSTILE)(`${place}: %j`, (word) => {
      expect(() => render(word)).toThrow(/assertion failed/);
    });
  }

  it.each(['0.0.0.0', '::', '0:0:0:0:0:0:0:0', 'localhost', '*', 'unix@/run/x.sock', 'fd@3', '10.0.0.5:80', 'fe80::1%eth0'])(
    'address %s',
    (address) => {
      expect(() => addressWord(address, 80)).toThrow(/assertion failed/);
    },
  );

  it.each([0, -1, 65_536, 1.5, Number.NaN, 70_000])('port %s', (port) => {
    expect(() => addressWord('10.0.0.5', port)).toThrow(/assertion failed/);
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31])('time %s', (ms) => {
    expect(() => timeWord(ms)).toThrow(/assertion failed/);
  });

  it('adds no line, whatever the strings are', () => {
    const lines = rendered({ check: HTTP_CHECK, listen: '127.0.0.1:3210' }, [renderedServer(1, '10.0.0.5', {})]).split('\n').length;
    const plausible = fc.constantFrom('a', 'Z', '0', '.', '-', '_', ':', '/', '?', '#', ' ', '\n', '"', '$', '127.0.0.1:80');
    const any = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.array(plausible, { maxLength: 5 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(any, any, any, any, (name, listen, path, server) => {
        const cases = [
          () => rendered({ name, check: HTTP_CHECK, listen: '127.0.0.1:3210' }, [renderedServer(1, '10.0.0.5', {})]),
          () => rendered({ listen, check: HTTP_CHECK }, [renderedServer(1, '10.0.0.5', {})]),
          () => rendered({ check: { ...HTTP_CHECK, path: `/${path}` }, listen: '127.0.0.1:3210' }, [renderedServer(1, '10.0.0.5', {})]),
          () => rendered({ check: HTTP_CHECK, listen: '127.0.0.1:3210' }, [renderedServer(1, '10.0.0.5', { name: server })]),
        ];
        for (const render of cases) {
          let text: string;
          try {
            text = render();
          } catch {
            continue;
          }
          expect(text.split('\n')).toHaveLength(lines);
          expect(text).not.toMatch(/["'\\$\0\r]/);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('words', () => {
  it.each([
    [1, '1ms'],
    [1_500, '1500ms'],
    [5_000, '5s'],
    [90_000, '90s'],
    [300_000, '5m'],
  ])('%s ms is %s', (ms, word) => expect(timeWord(ms)).toBe(word));

  it.each([
    ['127.0.0.1:3210', { host: '127.0.0.1', port: 3210 }],
    ['[::1]:80', { host: '::1', port: 80 }],
    ['*:80', { host: '*', port: 80 }],
    [':80', { host: '*', port: 80 }],
    ['::1:80', null],
    ['localhost:80', null],
    ['127.0.0.1:0', null],
    ['127.0.0.1:65536', null],
    ['127.0.0.300:80', null],
    ['127.0.0.1', null],
    ['127.0.0.1:80-90', null],
  ])('listen %s', (listen, parsed) => expect(parseListen(listen)).toEqual(parsed));

  it('writes addresses as HAProxy reads them', () => {
    expect(addressWord('2001:db8::1', 80)).toBe('[2001:db8::1]:80');
    expect(listenWord('[::1]:80')).toBe('[::1]:80');
    expect(socketWord({ kind: 'tcp', host: '::1', port: 9999 })).toBe('ipv6@[::1]:9999');
  });

  it('makes every hash consistent, since HAProxy takes no servers at runtime otherwise', () => {
    expect(balanceLines('source')).toEqual(['balance source', 'hash-type consistent']);
    expect(balanceLines('hdr(X-User)')).toEqual(['balance hdr(X-User)', 'hash-type consistent']);
    expect(balanceLines('leastconn')).toEqual(['balance leastconn']);
    expect(() => balanceLines('static-rr')).toThrow(/assertion failed/);
  });
});

describe('a service file', () => {
  const servers = [1, 2, 3, 4].map((id) => renderedServer(id, `10.0.0.${id}`, { up: id !== 2, draining: id === 3 }));

  it('is the same whatever the order of its servers', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(servers, { minLength: servers.length }), (shuffled) => {
        expect(rendered({}, shuffled)).toBe(rendered({}, servers));
      }),
    );
  });

  it('has no server line for one that drains, and a disabled one for one that waits for a good check', () => {
    const lines = rendered({}, servers).split('\n');
    expect(lines.filter((line) => /^ {4}server s/.test(line)).map((line) => line.trim().split(' ')[1])).toEqual(['s1', 's2', 's4']);
    expect(lines.filter((line) => / disabled /.test(line))).toHaveLength(1);
    expect(lines.find((line) => / disabled /.test(line))).toContain('server s2 ');
  });

  it('can be read back: every server, its id, its instance and its state', () => {
    expect(readLedger(rendered({}, servers))).toEqual([
      { name: 's1', id: 1, instance: '10.0.0.1:8080', state: 'ready' },
      { name: 's2', id: 2, instance: '10.0.0.2:8080', state: 'joining' },
      { name: 's3', id: 3, instance: '10.0.0.3:8080', state: 'draining' },
      { name: 's4', id: 4, instance: '10.0.0.4:8080', state: 'ready' },
    ]);
  });

  it('can be read back of servers with the names that instances have, and of those that somebody took out', () => {
    const named = renderedServer(5, '10.0.0.5', { name: '10.0.0.5:8080', up: false, byHand: true });
    expect(readLedger(rendered({}, [named]))).toEqual([{ name: '10.0.0.5:8080', id: 5, instance: '10.0.0.5:8080', state: 'by-hand' }]);
  });

  it('refuses two servers of one name or id', () => {
    expect(() => rendered({}, [renderedServer(1, '10.0.0.1', {}), renderedServer(1, '10.0.0.2', { name: 'other' })])).toThrow(/assertion/);
    expect(() => rendered({}, [renderedServer(1, '10.0.0.1', {}), renderedServer(2, '10.0.0.2', { name: 's1' })])).toThrow(/assertion/);
  });
});

describe('a structure', () => {
  const of = (differs: Partial<ServiceConfig>, defaults = DEFAULTS): string => structureOf(serviceConfig(differs), defaults);

  const structural: Record<string, Partial<ServiceConfig>> = {
    listen: { listen: '127.0.0.1:1' },
    mode: { mode: 'tcp' },
    balance: { balance: 'leastconn' },
    'check path': { check: HTTP_CHECK },
    'timeouts.queue': { timeouts: { connect: null, client: null, server: null, check: null, queue: 1 } },
    cookie: { cookie: { name: 'SRV' } },
    retries: { retries: 1 },
    redispatch: { redispatch: false },
    retryOn: { retryOn: '503' },
    fallback: { fallback: ['10.0.0.9:80'] },
    extra: { extra: { backend: ['option http-keep-alive'] } },
    'a CA': { server: { maxConn: null, tls: { verify: 'required', ca: '/ca.pem' } } },
    name: { name: 'other' },
  };
  it('differs with all that needs a reload', () => {
    const all = ['', ...Object.keys(structural)].map((key) => of(structural[key] ?? {}));
    expect(new Set(all).size).toBe(all.length);
  });

  it('differs with the defaults that the service inherits, and only with those', () => {
    const retryOn = { ...DEFAULTS, retryOn: 'none' };
    expect(of({}, retryOn)).not.toBe(of({}));
    expect(of({ mode: 'tcp' }, retryOn)).toBe(of({ mode: 'tcp' }));
    expect(of({ mode: 'tcp' }, { ...DEFAULTS, retries: 1 })).not.toBe(of({ mode: 'tcp' }));
  });

  it('is the same with all that a command can change, or that is not HAProxy’s', () => {
    const other = { path: '/elsewhere', drainTimeout: 1, maxInstances: 1, guard: { maxLoss: 1, window: 1, hold: 1 } } as const;
    expect(of(other)).toBe(of({}));
    expect(of({ server: { maxConn: 5, observe: 'layer4', sendProxy: 'v2' } })).toBe(of({}));
    expect(of({ check: { type: 'tcp', interval: 3_000, rise: 2, fall: 3 } })).toBe(of({}));
  });
});

describe('a form', () => {
  const tcp = { type: 'tcp', interval: 2_000, rise: 2, fall: 3 } as const;
  const none = { maxConn: null };
  const of = (changes: Partial<ServerConfig> = {}): string => formOf({ check: tcp, server: none, ...changes });

  it('differs with every option that no command changes', () => {
    const tls = { verify: 'none' } as const;
    const all = [
      of(),
      of({ check: { type: 'none' } }),
      of({ check: { ...tcp, interval: 3_000 } }),
      of({ check: { ...tcp, fastInterval: 100 } }),
      of({ check: { ...tcp, downInterval: 100 } }),
      of({ check: { ...tcp, rise: 1 } }),
      of({ check: { ...tcp, fall: 1 } }),
      of({ check: { ...tcp, port: 81 } }),
      of({ check: { ...tcp, address: '10.9.9.9' } }),
      of({ server: { maxConn: 5 } }),
      of({ server: { ...none, maxQueue: 5 } }),
      of({ server: { ...none, observe: 'layer4' } }),
      of({ server: { ...none, errorLimit: 5 } }),
      of({ server: { ...none, onError: 'mark-down' } }),
      of({ server: { ...none, onMarkedDown: 'shutdown-sessions' } }),
      of({ server: { ...none, sendProxy: 'v1' } }),
      of({ server: { ...none, sendProxy: 'v2' } }),
      of({ server: { ...none, source: '10.9.9.9' } }),
      of({ server: { ...none, tls } }),
      of({ server: { ...none, tls: { ...tls, ca: '/ca.pem' } } }),
      of({ server: { ...none, tls: { ...tls, cert: '/both.pem' } } }),
      of({ server: { ...none, tls: { ...tls, sni: 'a.internal' } } }),
      of({ server: { ...none, tls: { ...tls, alpn: ['h2'] } } }),
      of({ server: { ...none, agent: { port: 9_000, interval: 2_000 } } }),
      of({ server: { ...none, agent: { port: 9_000, interval: 2_000, address: '10.9.9.9' } } }),
      of({ server: { ...none, agent: { port: 9_000, interval: 3_000 } } }),
      of({ server: { ...none, agent: { port: 9_000, interval: 2_000, send: 'hi' } } }),
      of({ server: { ...none, agent: { port: 9_000, interval: 2_000, send: 'ho' } } }),
    ];
    expect(new Set(all).size).toBe(all.length);
  });

  it('is the same with what a command changes', () => {
    expect(of({ server: { maxConn: 5 } })).toBe(of({ server: { maxConn: 6 } }));
    expect(of({ check: { ...tcp, port: 81, address: '10.9.9.9' } })).toBe(of({ check: { ...tcp, port: 82, address: '10.9.9.8' } }));
    const agent = { port: 9_000, interval: 2_000, address: '10.9.9.9' };
    expect(of({ server: { ...none, agent } })).toBe(of({ server: { ...none, agent: { ...agent, port: 9_001, address: '10.9.9.8' } } }));
  });
});
