/** What is wrong with a config is told with its exact place, all at once, in the order of the file. */
import { describe, expect, it } from 'vitest';
import { formatProblem } from '../../shared/config/problem.ts';
import { LEAST, problemsOf } from '../support/config-text.ts';

/** `line:column key: found …, expected …` of a text that follows the two lines of LEAST. */
function told(text: string): string[] {
  return problemsOf(LEAST + text).map((problem) => formatProblem(problem).replace(/^pointsman\.yaml:/, ''));
}

/** One service, its keys from line 5 on, each at column 5. */
function service(...keys: string[]): string {
  return ['services:', '  web:', ...['path: /web', ...keys].map((key) => `    ${key}`), ''].join('\n');
}

/** One proxy, its keys from line 5 on. */
function proxy(...keys: string[]): string {
  return ['proxies:', '  local:', ...keys.map((key) => `    ${key}`), ''].join('\n');
}

/** [what is written, where, the key, what is said] of one service's key at line 6. */
const VALUES: readonly [written: string, at: string, key: string, said: string][] = [
  [
    'path2: /a',
    '6:5',
    'path2',
    'found an unknown key, expected one of path, format, endpoint, where, prefer, farWeight, weights, listen, host, pathPrefix, mode, balance, check, timeouts, server, cookie, retries, redispatch, retryOn, fallback, extra, guard, flap, warmUp, allow, maxInstances (did you mean path?)',
  ],
  ['mode: htp', '6:11', 'mode', 'found "htp", expected one of http, tcp (did you mean http?)'],
  ['mode: [http]', '6:11', 'mode', 'found a list, expected one of http, tcp'],
  ['mode:', '6:5', 'mode', 'found nothing, expected one of http, tcp'],
  ['format: thrift', '6:13', 'format', 'found "thrift", expected one of auto, address, nerve, serverset, curator'],
  ['listen: 80', '6:13', 'listen', 'found 80, expected address:port, such as 127.0.0.1:3210, "[::1]:3210" or "*:3210"'],
  ['listen: "127.0.0.300:80"', '6:13', 'listen', 'found "127.0.0.300:80", expected address:port'],
  ['listen: "127.0.0.1:65536"', '6:13', 'listen', 'found "127.0.0.1:65536", expected address:port'],
  ['listen: "127.0.0.1:0"', '6:13', 'listen', 'found "127.0.0.1:0", expected address:port'],
  ['listen: "host:80"', '6:13', 'listen', 'found "host:80", expected address:port'],
  ['listen: "localhost:80"', '6:13', 'listen', 'found "localhost:80", expected address:port'],
  ['listen: "[::ffff:10.0.0.1]:80"', '6:13', 'listen', 'expected address:port'],
  ['balance: static-rr', '6:14', 'balance', 'static-rr is a fixed map: HAProxy adds no servers at run time to a backend with it'],
  ['balance: leastcon', '6:14', 'balance', '(did you mean leastconn?)'],
  ['balance: "random(0)"', '6:14', 'balance', 'its arguments are not of that form'],
  [
    'check: non',
    '6:12',
    'check',
    'found "non", expected none, or a map with http or tcp: true, and interval, rise, fall (did you mean none?)',
  ],
  ['check: { http: "GET health" }', '6:20', 'check.http', 'found "GET health", expected GET, HEAD or OPTIONS'],
  ['check: { http: "GET /a b" }', '6:20', 'check.http', 'expected GET, HEAD or OPTIONS'],
  ['check: { http: "DELETE /a" }', '6:20', 'check.http', 'expected GET, HEAD or OPTIONS'],
  ['check: { tcp: false }', '6:19', 'check.tcp', 'found false, expected true'],
  ['check: { rise: 0 }', '6:20', 'check.rise', 'found 0, expected a whole number from 1 to 100'],
  ['check: { fall: 1.5 }', '6:20', 'check.fall', 'found 1.5, expected a whole number from 1 to 100'],
  ['check: { interval: 2 }', '6:24', 'check.interval', 'found 2, expected a duration such as 500ms, 2s, 5m'],
  ['check: { interval: 1ms }', '6:24', 'check.interval', 'found "1ms", expected a duration from 10ms to 1h'],
  [
    'check: { intervall: 1s }',
    '6:14',
    'check.intervall',
    'found an unknown key, expected one of http, host, headers, expect, tcp, port, address, interval, fastInterval, downInterval, rise, fall (did you mean interval?)',
  ],
  ['timeouts: { queue: -1s }', '6:24', 'timeouts.queue', 'found "-1s", expected a duration'],
  ['timeouts: { queue: 25d }', '6:24', 'timeouts.queue', 'found "25d", expected a duration from 1ms to 24d'],
  ['timeouts: 5s', '6:15', 'timeouts', 'found "5s", expected a map with connect, client, server, check, queue'],
  ['server: { maxConn: 0 }', '6:24', 'server.maxConn', 'found 0, expected a whole number from 1 to 10000000'],
  ['server: { options: [cookie] }', '6:25', 'server.options.0', 'found "cookie", expected one of backup, disabled, maxconn, weight'],
  ['weights: { scale: 0 }', '6:23', 'weights.scale', 'found 0, expected a number above 0, at most 256'],
  ['weights: { default: 0 }', '6:25', 'weights.default', 'found 0, expected a whole number from 1 to 256'],
  ['weights: 2', '6:14', 'weights', 'found 2, expected a map with registered, default, scale, max'],
  ['farWeight: 1', '6:16', 'farWeight', 'found 1, expected a number between 0 and 1, as 0.1'],
  ['guard: { maxLoss: 1.1 }', '6:23', 'guard.maxLoss', 'found 1.1, expected a number from 0 to 1'],
  ['guard: { maxLoss: "50%" }', '6:23', 'guard.maxLoss', 'found "50%", expected a number from 0 to 1'],
  ['allow: { cidrs: [10.0.0.0/8, 10.0.0.0/33] }', '6:34', 'allow.cidrs.1', 'found "10.0.0.0/33", expected an address range'],
  ['allow: { cidrs: ["::/129"] }', '6:22', 'allow.cidrs.0', 'found "::/129", expected an address range'],
  ['allow: { cidrs: 10.0.0.0/8 }', '6:21', 'allow.cidrs', 'found "10.0.0.0/8", expected a list'],
  ['allow: { loopback: yes }', '6:24', 'allow.loopback', 'found "yes", expected true or false'],
  ['where: no', '6:12', 'where', 'found "no", expected a map of labels'],
  ['where: { region: [] }', '6:22', 'where.region', 'found a list, expected a list of 1 to 256 entries'],
  ['where: { region: { not: no, exists: true } }', '6:22', 'where.region', 'expected a value, a list of values'],
  ['maxInstances: 1000000', '6:19', 'maxInstances', 'found 1000000, expected a whole number from 1 to 500000'],
];

describe('a value of a service', () => {
  it.each(VALUES)('%s', (written, at, key, said) => {
    const problems = told(service(written));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(new RegExp(`^${at} services\\.web\\.${key.replaceAll('.', '\\.')}: found `));
    expect(problems[0]).toContain(said);
  });
});

describe('keys whose function is not there', () => {
  it.each(['telemetry'])('%s', (key) => {
    expect(told(`${key}: {}\n`)).toEqual([
      `3:1 ${key}: found an unknown key, expected one of zookeeper, redis, haproxy, proxies, services, discover, register, registrar, dashboard, metrics, log`,
    ]);
  });

  it('in the middle of sections', () => {
    const text = 'haproxy: { oversee: respect }\nlog: { retention: {} }\ndashboard: { listen: "127.0.0.1:1", auth: {} }\n';
    expect(told(text).map((line) => line.split(' found')[0])).toEqual([
      '3:12 haproxy.oversee:',
      '4:8 log.retention:',
      '5:37 dashboard.auth:',
    ]);
    expect(told(service('server: { pool: {} }'))[0]).toMatch(
      /^6:15 services\.web\.server\.pool: found an unknown key, expected one of maxConn,/,
    );
    expect(told(proxy('runtime: "unix:/r"', 'start: true', 'managed: /m', 'metrics: {}'))[0]).toMatch(
      /^8:5 proxies\.local\.metrics: found an unknown key/,
    );
    const redis = problemsOf('zookeeper: { connect: a }\nredis: { url: "redis://a", sentinels: [], cluster: [] }\n');
    expect(redis.map((problem) => [problem.line, problem.column, problem.key])).toEqual([
      [2, 28, 'redis.sentinels'],
      [2, 43, 'redis.cluster'],
    ]);
  });
});

describe('what is missing', () => {
  it('sections, told at the start of the file', () => {
    expect(problemsOf('log: { level: info }\n').map(formatProblem)).toEqual([
      'pointsman.yaml:1:1 redis: found nothing, expected a map with url, prefix',
      'pointsman.yaml:1:1 zookeeper: found nothing, expected a map with connect, root, sessionTimeout, auth',
    ]);
  });

  it('a key, told at the map that lacks it', () => {
    expect(told('services:\n  web: { mode: tcp }\n')).toEqual([
      '4:3 services.web.path: found nothing, expected the path of a znode, such as /services/inventory/instances, without a slash at the end; or { union: [/a, /b] } or { first: [/a, /b] }',
    ]);
  });

  it('everything', () => {
    expect(problemsOf('').map(formatProblem)).toEqual([
      'pointsman.yaml:1:1 found an empty file, expected a map with at least zookeeper and redis',
    ]);
    expect(problemsOf('just text').map(formatProblem)).toEqual([
      'pointsman.yaml:1:1 found no map, expected a map with at least zookeeper and redis',
    ]);
  });
});

describe('the top', () => {
  it('names the colon that is missing', () => {
    const missing = 'zookeeper:\n  connect "127.0.0.1:2181"\n';
    const told = (text: string): string[] => problemsOf(`${text}redis: { url: "redis://a" }\n`).map(formatProblem);
    expect(told(missing)).toEqual([expect.stringMatching(/^pointsman\.yaml:2:3 zookeeper: found .*did you mean "?connect: …"?\?/)]);
    expect(told(`${missing}  root: /a\n`)).toEqual([
      'pointsman.yaml:2:3 found a key without a colon, expected a colon behind the key, as in `key: value`',
    ]);
  });

  it.each([
    ['zookeeper: { connect: "" }', '1:23 zookeeper.connect'],
    ['zookeeper: { connect: "a:0" }', '1:23 zookeeper.connect'],
    ['zookeeper: { connect: "a,,b" }', '1:23 zookeeper.connect'],
    ['zookeeper: { connect: "a/" }', '1:23 zookeeper.connect'],
    ['zookeeper: { connect: "[::1]:2181" }', '1:23 zookeeper.connect'],
    ['zookeeper: { connect: a, root: pointsman }', '1:32 zookeeper.root'],
    ['zookeeper: { connect: a, root: /a/../b }', '1:32 zookeeper.root'],
    ['zookeeper: { connect: a, sessionTimeout: 100ms }', '1:42 zookeeper.sessionTimeout'],
    ['zookeeper: { connect: a, auth: { scheme: sasl, credentials: "a:b" } }', '1:42 zookeeper.auth.scheme'],
    ['zookeeper: { connect: a, auth: { scheme: digest } }', '1:26 zookeeper.auth.credentials'],
  ])('%s', (line, at) => {
    const problems = problemsOf(`${line}\nredis: { url: "redis://a" }\n`).map(formatProblem);
    expect(problems).toHaveLength(1);
    expect(problems[0]?.startsWith(`pointsman.yaml:${at}: found`), problems[0]).toBe(true);
  });

  it.each(['http://a', 'redis:/a', 'redis://', 'redis://a/x', 'redis://a/0?password=b', '127.0.0.1:6379'])('redis.url %s', (url) => {
    const problems = problemsOf(`zookeeper: { connect: a }\nredis: { url: "${url}" }\n`);
    expect(problems.map((problem) => [problem.line, problem.column, problem.key])).toEqual([[2, 15, 'redis.url']]);
  });

  it.each([
    ['haproxy: { defaults: { retryOn: conn-failur } }', '3:33 haproxy.defaults.retryOn'],
    ['haproxy: { defaults: { retryOn: none 503 } }', '3:33 haproxy.defaults.retryOn'],
    ['haproxy: { defaults: { retries: -1 } }', '3:33 haproxy.defaults.retries'],
    ['haproxy: { binary: "haproxy -d" }', '3:20 haproxy.binary'],
    ['haproxy: { reload: { jitter: 2 } }', '3:30 haproxy.reload.jitter'],
    ['log: { level: verbose }', '3:15 log.level'],
    ['log: { retain: { age: 7w } }', '3:23 log.retain.age'],
    ['log: { retain: { events: 10 } }', '3:26 log.retain.events'],
    ['log: { retain: { bytes: 256M } }', '3:25 log.retain.bytes'],
    ['log: { retain: { bytes: 1KB } }', '3:25 log.retain.bytes'],
    ['dashboard: {}', '3:1 dashboard.listen'],
    ['services: []', '3:11 services'],
    ['services: { "a b": { path: /a } }', '3:13 services."a b"'],
    ['services: { a/b: { path: /a } }', '3:13 services."a/b"'],
    ['services: { __proto__: { path: /a } }', '3:13'],
  ])('%s', (line, at) => {
    const problems = told(`${line}\n`);
    expect(problems).toHaveLength(1);
    expect(problems[0]?.startsWith(at), problems[0]).toBe(true);
  });
});

describe('a value of a proxy', () => {
  it.each([
    ['runtime: "unix:run/a.sock"', '5:14 proxies.local.runtime'],
    ['runtime: "/run/a.sock"', '5:14 proxies.local.runtime'],
    ['runtime: "unix:/run/a b.sock"', '5:14 proxies.local.runtime'],
    [`runtime: "unix:/${'a'.repeat(97)}"`, '5:14 proxies.local.runtime'],
    ['runtime: "tcp://10.0.0.1"', '5:14 proxies.local.runtime'],
    ['runtime: "tcp://10.0.0.300:1"', '5:14 proxies.local.runtime'],
    ['runtime: "tls://unix:/run/a.sock"', '5:14 proxies.local.runtime'],
    ['runtime: "tls://10.0.0.1"', '5:14 proxies.local.runtime'],
  ])('%s', (key, at) => {
    const problems = told(proxy(key, 'managed: /m', 'start: true'));
    expect(problems).toHaveLength(1);
    expect(problems[0]?.startsWith(`${at}: found`), problems[0]).toBe(true);
  });

  it.each([
    ['managed: etc/m', '6:14 proxies.local.managed'],
    ['managed: /', '6:14 proxies.local.managed'],
    ['base: "/etc/a b.cfg"', '6:11 proxies.local.base'],
    ['pidFile: run/a.pid', '6:14 proxies.local.pidFile'],
    ['master: "unix:m"', '6:13 proxies.local.master'],
    ['reloadCommand: systemctl reload haproxy', '6:20 proxies.local.reloadCommand'],
    ['reloadCommand: []', '6:20 proxies.local.reloadCommand'],
    ['pool: a b', '6:11 proxies.local.pool'],
    ['services: []', '6:15 proxies.local.services'],
    ['services: ["a b"]', '6:16 proxies.local.services.0'],
  ])('%s', (key, at) => {
    const problems = told(proxy('runtime: "unix:/run/a.sock"', key));
    expect(problems).toHaveLength(1);
    expect(problems[0]?.startsWith(`${at}: found`), problems[0]).toBe(true);
  });
});

describe('the YAML', () => {
  it.each([
    ['log: { level: info }\nlog: { level: info }\n', '4:1 found a key that the map has already, expected each key once'],
    ['log: {}\n---\nlog: {}\n', '4:1 found several YAML documents, expected one'],
    ['log: { level: info\n', '4:1 found bad YAML'],
    ['log: "info\n', '4:1 found bad YAML'],
    ['log: !secret info\n', '3:6 found bad YAML (Unresolved tag), expected valid YAML'],
    ['log: *level\n', '3:6 found an alias of nothing, expected the name of an anchor above it'],
  ])('%j', (text, said) => {
    expect(told(text)[0]?.startsWith(said), told(text)[0]).toBe(true);
  });

  it('may not unfold without end', () => {
    const levels = Array.from({ length: 12 }, (_, level) => `l${level + 1}: &l${level + 1} [${Array(10).fill(`*l${level}`).join(', ')}]`);
    expect(told(['l0: &l0 [a, a]', ...levels, ''].join('\n'))[0]).toMatch(/^1:1 found aliases that unfold to too much/);
  });
});

describe('many problems', () => {
  it('are told all at once, in the order of the file, the rules across keys among them', () => {
    const text = [
      'services:',
      '  a: { path: /a, listen: "127.0.0.1:80", modus: tcp }',
      '  b: { path: /b, listen: "127.0.0.1:80", check: { rise: x } }',
      '  c: { mode: udp }',
      'metric: {}',
      '',
    ].join('\n');
    expect(told(text).map((line) => line.split(': found')[0])).toEqual([
      '4:42 services.a.modus',
      '5:26 services.b.listen',
      '5:57 services.b.check.rise',
      '6:3 services.c.path',
      '6:14 services.c.mode',
      '7:1 metric',
    ]);
  });
});
