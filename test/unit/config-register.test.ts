/** `register`: what an entry becomes, and what is refused of it, where. */
import { describe, expect, it } from 'vitest';
import { configOf, LEAST, problemsOf } from '../support/config-text.ts';

const ENTRY = 'service: web, path: /services/web, address: "10.0.0.5:8080"';

function parsed(rest: string, above = '') {
  const env = { SECRET: 'a:hidden', PASSWORD: 'hidden' };
  const text = above === '' ? LEAST : LEAST.replace('2181" }', `2181", ${above} }`);
  return configOf(`${text}register:\n  - { ${ENTRY}${rest} }\n`, { env, readFile: () => '' });
}

/** `key: found` */
function broken(entries: string): string[] {
  return problemsOf(`${LEAST}register:\n${entries}`).map(({ key, found }) => `${key}: ${found}`);
}

describe('an entry of register', () => {
  it('has a TCP check of its own address when it says nothing', () => {
    expect(parsed('').register).toEqual([
      {
        service: 'web',
        path: '/services/web',
        host: '10.0.0.5',
        port: 8080,
        instance: '10.0.0.5:8080',
        format: 'address',
        id: null,
        weight: null,
        labels: {},
        options: {},
        access: 'open',
        drain: 2_000,
        warmUp: null,
        checks: [{ interval: 2_000, timeout: 1_000, rise: 2, fall: 3, probe: { type: 'tcp', host: '10.0.0.5', port: 8080 } }],
        terms: null,
      },
    ]);
    expect(parsed('').registrar).toEqual({ state: '/var/lib/pointsman', listen: null, token: null });
  });

  it.each([
    [', check: none', []],
    [
      ', check: { http: GET /health, port: 81, host: a.local, expect: { status: "200,300-302", body: ok } }',
      [
        {
          type: 'http',
          host: '10.0.0.5',
          port: 81,
          method: 'GET',
          path: '/health',
          headers: { host: 'a.local' },
          tls: null,
          statuses: [
            [200, 200],
            [300, 302],
          ],
          body: 'ok',
        },
      ],
    ],
    [
      `, check: [{ redis: true, auth: { password: "\${PASSWORD}" } }, { exec: [/bin/true, a b] }]`,
      [
        { type: 'redis', host: '10.0.0.5', port: 8080, credentials: ['hidden'] },
        { type: 'exec', argv: ['/bin/true', 'a b'] },
      ],
    ],
    [
      ', check: { grpc: a.B, tls: { verify: none } }',
      [{ type: 'grpc', host: '10.0.0.5', port: 8080, service: 'a.B', tls: { verify: false, ca: null, serverName: null } }],
    ],
  ])('%s', (rest, probes) => {
    expect(parsed(rest).register[0]?.checks.map(({ probe }) => probe)).toEqual(probes);
  });

  it('may keep others from its znode with credentials of zookeeper', () => {
    expect(parsed(', acl: private', `auth: { scheme: digest, credentials: "\${SECRET}" }`).register[0]?.access).toBe('private');
    expect(broken(`  - { ${ENTRY}, acl: private }\n`)).toEqual(['register.0.acl: acl: private without zookeeper.auth']);
  });

  it.each([
    [', format: auto', 'register.0.format: "auto"'],
    [', format: serverset, weight: 3', 'register.0.weight: weight with format: serverset'],
    [', options: { backup: true }', 'register.0.options: options with format: address'],
    [', format: nerve, options: { cookie: x }', 'register.0.options.cookie: an unknown key'],
    [', format: serverset, warmUp: 30s', 'register.0.warmUp: warmUp with format: serverset'],
    [', id: web-1', 'register.0.id: id with format: address'],
    [', format: curator, labels: { weight: "3" }', 'register.0.labels: a label weight with format: curator'],
    [', weight: 257', 'register.0.weight: 257'],
    [', check: { http: GET /, tcp: true }', 'register.0.check: http and tcp'],
    [', check: { tcp: true, expect: { body: ok } }', 'register.0.check.expect: expect with tcp'],
    [', check: [{ tcp: true }, { exec: [a], port: 3 }]', 'register.0.check.1.port: port with exec'],
    [', check: [{ tcp: true, intervall: 3s }]', 'register.0.check.0.intervall: an unknown key'],
    [', check: { redis: true, auth: { password: 7 } }', 'register.0.check.auth.password: a value (masked)'],
  ])('%s is refused', (rest, problem) => {
    expect(broken(`  - { ${ENTRY}${rest} }\n`)).toEqual([problem]);
  });

  it.each(['0.0.0.0:80', '224.0.0.1:80', '10.0.0.5', '10.0.0.5:0', 'a b:80'])('at %s is refused', (address) => {
    expect(broken(`  - { service: web, path: /services/web, address: "${address}" }\n`)).toEqual([`register.0.address: "${address}"`]);
  });

  it('names the key that was meant', () => {
    const [problem] = problemsOf(`${LEAST}register:\n  - { ${ENTRY}, check: [{ intervall: 3s }] }\n`);
    expect(problem?.suggestion).toBe('interval');
  });
});

describe('two entries', () => {
  it('do not write one znode', () => {
    const entries = `  - { ${ENTRY} }\n  - { ${ENTRY.replace('service: web', 'service: other')} }\n`;
    expect(broken(entries)).toEqual(['register.1.address: /services/web/10.0.0.5:8080, which entry 1 writes']);
  });

  const OPEN = 'path: /s, address: "10.0.0.5:8080", by: service, allow: { ports: 8000-8010 }';

  it.each([
    [
      'in two formats',
      'path: /s, address: "10.0.0.5:8080"',
      'path: /s, address: "10.0.0.5:8080", format: nerve',
      'address',
      '10.0.0.5:8080_',
    ],
    [
      'by two names',
      'path: /s, address: "10.0.0.5:8080", format: nerve, id: a',
      'path: /s, address: "10.0.0.5:8080", format: nerve, id: b',
      'address',
      'b_',
    ],
    ['within ports of another format', `${OPEN}, format: nerve`, 'path: /s, address: "10.0.0.5:8001"', 'address', '10.0.0.5:8001'],
    ['by ports of another format', 'path: /s, address: "10.0.0.5:8001"', `${OPEN}, format: nerve`, 'allow.ports', '10.0.0.5:8001_'],
  ])('do not write one instance twice at one path: %s', (_, first, second, key, znode) => {
    const entries = `  - { service: web, ${first} }\n  - { service: web, ${second} }\n`;
    const [found, ...more] = broken(entries);
    expect(found).toMatch(`register.1.${key}: /s/${znode}, which entry 1 writes as /s/`);
    expect(more).toEqual([]);
    expect(broken(entries.replace('path: /s,', 'path: /before,'))).toEqual([]);
    expect(broken(entries.replace('10.0.0.5', '10.0.0.6'))).toEqual([]);
  });

  it('of two services do not share ports at one path; those of one service may, and lie around one of the host', () => {
    const both = `  - { service: a, ${OPEN} }\n  - { service: b, ${OPEN.replace('8080', '8010').replace('8000-8010', '8011-8020')} }\n`;
    expect(broken(both)).toEqual(['register.1.address: /s/10.0.0.5:8010, which a may ask for too (entry 1)']);
    const ranges = both.replace('0.5:8010', '0.5:9000').replace('8011-8020', '8009-8020');
    expect(broken(ranges)).toEqual(['register.1.allow.ports: /s/10.0.0.5:8009, which a may ask for too (entry 1)']);
    expect(broken(ranges.replace('8009-8020', '8011-8020'))).toEqual([]);
    expect(broken(ranges.replace('service: b', 'service: a'))).toEqual([]);
    expect(broken(`  - { service: a, ${OPEN} }\n  - { service: b, path: /s, address: "10.0.0.5:8001" }\n`)).toEqual([]);
  });
});

describe('an entry that its service registers', () => {
  it('has terms, and no check that is not said', () => {
    const [own, said] = [
      parsed(', by: service'),
      parsed(
        ', by: service, ttl: 1m, allow: { ttl: 2m, ports: 8081-8090, weight: 9, labels: [v] }, check: [{ tcp: true }, { http: GET /, port: 81 }]',
      ),
    ];
    expect(own.register[0]).toMatchObject({
      checks: [],
      terms: { ttl: 10_000, ttlMax: 10_000, ports: null, weightMax: 1, labels: [], ownPort: [] },
    });
    expect(said.register[0]?.terms).toEqual({
      ttl: 60_000,
      ttlMax: 120_000,
      ports: [8081, 8090],
      weightMax: 9,
      labels: ['v'],
      ownPort: [true, false],
    });
    expect(parsed(', by: service, allow: { ports: 9000 }').register[0]?.terms?.ports).toEqual([9000, 9000]);
  });

  it.each([
    [', ttl: 10s', 'register.0.ttl: ttl'],
    [', allow: { ports: 81 }', 'register.0.allow: allow'],
    [', by: service, ttl: 6m', 'register.0.ttl: "6m"'],
    [', by: service, allow: { ttl: 9s }', 'register.0.allow: a ttl below that of the entry'],
    [', by: service, allow: { ttl: 6m }', 'register.0.allow.ttl: "6m"'],
    [', by: service, allow: { ports: 1-1001 }', 'register.0.allow.ports: "1-1001"'],
    [', by: service, allow: { ports: 9-8 }', 'register.0.allow.ports: "9-8"'],
    [', by: service, format: nerve, id: a, allow: { ports: 81 }', 'register.0.id: id with allow.ports'],
    [', by: service, labels: { a: b }, allow: { labels: [a] }', 'register.0.allow: the label a, which the entry sets'],
    [', by: service, format: curator, allow: { labels: [weight] }', 'register.0.allow: a label weight with format: curator'],
  ])('%s is refused', (rest, problem) => {
    expect(broken(`  - { ${ENTRY}${rest} }\n`)).toEqual([problem]);
  });
});

describe('where services register themselves', () => {
  it.each([
    ['registrar: { listen: "0.0.0.0:9190" }', 'registrar.listen: 0.0.0.0:9190'],
    ['registrar: { listen: "10.0.0.5:9190" }', 'registrar.listen: 10.0.0.5:9190'],
    ['registrar: { listen: "*:9190" }', 'registrar.listen: *:9190'],
    ['registrar: { token: abcdefgh }', 'registrar.token: token without listen'],
    ['registrar: { listen: "127.0.0.1:9190", token: short }', 'registrar.token: a value (masked)'],
    [
      'registrar: { listen: "127.0.0.1:9190" }\nmetrics: { listen: "*:9190" }',
      'metrics.listen: *:9190, which the registrar has (127.0.0.1:9190)',
    ],
  ])('%s is refused', (text, problem) => {
    expect(problemsOf(`${LEAST}${text}\n`).map(({ key, found }) => `${key}: ${found}`)).toEqual([problem]);
  });
});
