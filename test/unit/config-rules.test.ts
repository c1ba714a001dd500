/** The rules across keys, each with what breaks it and with its nearest neighbour that does not. */
import { describe, expect, it } from 'vitest';
import { parseListen } from '../../shared/config/address.ts';
import { ListenClaims } from '../../shared/config/listen-claims.ts';
import { must } from '../../shared/errors.ts';
import {
  balanceLines,
  isCheckMethod,
  isCheckPath,
  isRetryOn,
  parseListen as parseRenderedListen,
} from '../../shared/haproxy/render-words.ts';
import { configOf, LEAST, problemsOf } from '../support/config-text.ts';

/** `line:column key: found` of what follows the two lines of LEAST. */
function broken(text: string): string[] {
  return problemsOf(LEAST + text).map((problem) => `${problem.line}:${problem.column} ${problem.key}: ${problem.found}`);
}

const proxy = (rest: string): string => `proxies:\n  local: { runtime: "unix:/run/a.sock", ${rest} }\n`;

describe('listeners', () => {
  const overlap = (a: string, b: string): boolean => {
    const claims = new ListenClaims();
    expect(claims.claim(must(parseListen(a), a), 'a')).toBeNull();
    return claims.claim(must(parseListen(b), b), 'b')?.owner === 'a';
  };

  it.each([
    ['127.0.0.1:80', '127.0.0.1:80'],
    ['0.0.0.0:80', '127.0.0.1:80'],
    ['*:80', '10.0.0.1:80'],
    ['*:80', '0.0.0.0:80'],
    ['[::]:80', '10.0.0.1:80'],
    ['[::]:80', '*:80'],
    ['[::]:80', '[2001:db8::1]:80'],
    ['[2001:DB8:0::1]:80', '[2001:db8::1]:80'],
    ['localhost:80', '127.0.0.1:80'],
  ])('%s and %s overlap', (a, b) => {
    expect([overlap(a, b), overlap(b, a)]).toEqual([true, true]);
  });

  it.each([
    ['127.0.0.1:80', '127.0.0.1:81'],
    ['127.0.0.1:80', '127.0.0.2:80'],
    ['*:80', '*:81'],
    ['*:80', '[2001:db8::1]:80'],
    ['[::1]:80', '127.0.0.1:80'],
  ])('%s and %s do not', (a, b) => {
    expect([overlap(a, b), overlap(b, a)]).toEqual([false, false]);
  });

  it('of two services', () => {
    const text =
      'services:\n  a: { path: /a, listen: "127.0.0.1:80" }\n  b: { path: /b, listen: "*:80" }\n  c: { path: /c, listen: "[::1]:80" }\n';
    expect(broken(text)).toEqual(['5:26 services.b.listen: *:80, which service a has (127.0.0.1:80)']);
  });

  it('of a service and the dashboard', () => {
    const text = 'dashboard: { listen: "localhost:9080" }\nservices: { a: { path: /a, listen: "127.0.0.1:9080" } }\n';
    expect(broken(text)).toEqual(['4:36 services.a.listen: 127.0.0.1:9080, which the dashboard has (localhost:9080)']);
  });
});

describe('the dashboard', () => {
  it.each(['127.0.0.1', '127.1.2.3', '[::1]', 'localhost'])('listens on %s', (host) => {
    expect(broken(`dashboard: { listen: "${host}:9080" }\n`)).toEqual([]);
  });

  it.each(['0.0.0.0', '10.0.0.1', '*', '[::]', '[2001:db8::1]'])('does not listen on %s', (host) => {
    expect(broken(`dashboard: { listen: "${host}:9080" }\n`)).toEqual([`3:22 dashboard.listen: ${host}:9080`]);
  });
});

describe('servers that stand by', () => {
  const of = (rest: string): string[] => broken(`services:\n  a: { path: /a, ${rest} }\n`).map((said) => said.replace(/^\S+ /, ''));

  it.each([
    'prefer: { zone: a }, farWeight: 0.1',
    'server: { options: [backup] }, prefer: { zone: a }',
    'server: { options: [maxconn] }, fallback: ["10.0.0.9:80"]',
  ])('may have %s', (rest) => {
    expect(of(rest)).toEqual([]);
  });

  it.each([
    ['farWeight: 0.1', 'services.a.farWeight: farWeight without prefer'],
    ['prefer: { zone: a }, fallback: ["10.0.0.9:80"]', 'services.a.fallback: fallback with prefer'],
    ['server: { options: [backup] }, fallback: ["10.0.0.9:80"]', 'services.a.fallback: fallback with backup among server.options'],
  ])('may not have %s', (rest, said) => {
    expect(of(rest)).toEqual([said]);
  });
});

describe('a proxy', () => {
  it.each([
    ['master: "unix:/run/m.sock", managed: /m'],
    ['reloadCommand: [reload], managed: /m'],
    ['pidFile: /run/a.pid, managed: /m, base: /etc/haproxy/haproxy.cfg'],
    ['start: true, managed: /m'],
    ['start: true, master: "unix:/run/m.sock", managed: /m'],
    ['runtimeOnly: true'],
    ['start: true, managed: /m, base: /m2/haproxy.cfg'],
    ['start: true, managed: /m/d, base: /m/haproxy.cfg'],
  ])('may have %s', (rest) => {
    expect(broken(proxy(rest))).toEqual([]);
  });

  it.each([
    ['managed: /m', '4:3 proxies.local: no way to reload'],
    ['master: "unix:/run/m.sock"', '4:3 proxies.local: no managed'],
    ['start: true', '4:3 proxies.local: no managed'],
    ['master: "unix:/run/m.sock", pidFile: /run/a.pid, managed: /m', '4:3 proxies.local: master and pidFile'],
    ['reloadCommand: [a], pidFile: /run/a.pid, managed: /m', '4:3 proxies.local: reloadCommand and pidFile'],
    ['start: true, runtimeOnly: true', '4:3 proxies.local: start and runtimeOnly'],
    ['start: true, pidFile: /run/a.pid, managed: /m', '4:63 proxies.local.pidFile: pidFile with start'],
    ['start: true, managed: /m, base: /m/haproxy.cfg', '4:73 proxies.local.base: a file inside managed (/m)'],
    ['start: true, managed: /m, base: /n/../m/a.cfg', '4:73 proxies.local.base: a file inside managed (/m)'],
    ['master: "unix:/run/a.sock", managed: /m', '4:49 proxies.local.master: unix:/run/a.sock, which is the runtime of proxy local'],
  ])('may not have %s', (rest, said) => {
    expect(broken(proxy(rest))).toEqual([said]);
  });

  it('shares neither its sockets nor its folder', () => {
    const text = [
      'proxies:',
      '  a: { runtime: "unix:/run/a.sock", start: true, managed: /m }',
      '  b: { runtime: "unix:/run/a.sock", start: true, managed: /m/ }',
      '  c: { runtime: "tcp://[::1]:1", runtimeOnly: true, managed: /m }',
      '  d: { runtime: "tcp://[0::1]:1", runtimeOnly: true }',
      '',
    ].join('\n');
    expect(broken(text)).toEqual([
      '5:17 proxies.b.runtime: unix:/run/a.sock, which is the runtime of proxy a',
      '5:59 proxies.b.managed: /m, which proxy a has',
      '7:17 proxies.d.runtime: tcp://[::1]:1, which is the runtime of proxy c',
    ]);
  });

  it('opens a tcp:// socket of its own only under an IP address', () => {
    const text = (host: string, rest: string): string => `proxies: { a: { runtime: "tcp://${host}:1", managed: /m, ${rest} } }\n`;
    expect(broken(text('edge', 'start: true'))).toEqual(['3:26 proxies.a.runtime: tcp://edge:1']);
    expect(broken(text('edge', 'pidFile: /p'))).toEqual(['3:26 proxies.a.runtime: tcp://edge:1']);
    expect(broken(text('edge', 'pidFile: /p, base: /b'))).toEqual([]);
    expect(broken(text('10.0.0.1', 'start: true'))).toEqual([]);
  });

  it('is reached with TLS where HAProxy was set up for it, which our own file does not', () => {
    const text = (rest: string): string => `proxies: { a: { runtime: "tls://10.0.0.1:1", managed: /m, ${rest} } }\n`;
    expect(broken(text('start: true'))).toEqual(['3:26 proxies.a.runtime: tls://10.0.0.1:1']);
    expect(broken(text('pidFile: /p'))).toEqual(['3:26 proxies.a.runtime: tls://10.0.0.1:1']);
    expect(broken(text('pidFile: /p, base: /b'))).toEqual([]);
    expect(broken(text('runtimeOnly: true, runtimeTls: { ca: /ca }'))).toEqual([]);
    expect(broken(text('runtimeOnly: true, runtimeTls: { cert: /c, key: /k }'))).toEqual([]);
    expect(broken(text('runtimeOnly: true, runtimeTls: { cert: /c }'))).toEqual(['3:78 proxies.a.runtimeTls: cert without key']);
    expect(broken(text('runtimeOnly: true, runtimeTls: { key: /k }'))).toEqual(['3:78 proxies.a.runtimeTls: key without cert']);
    expect(broken(proxy('runtimeOnly: true, runtimeTls: { ca: /ca }'))).toEqual([
      '4:60 proxies.local.runtimeTls: runtimeTls with unix:/run/a.sock',
    ]);
    const two =
      'proxies:\n  a: { runtime: "tcp://10.0.0.1:1", runtimeOnly: true }\n  b: { runtime: "tls://10.0.0.1:1", runtimeOnly: true }\n';
    expect(broken(two)).toEqual(['5:17 proxies.b.runtime: tls://10.0.0.1:1, which is the runtime of proxy a']);
  });
});

describe('a service', () => {
  it('has one check', () => {
    expect(broken('services:\n  a: { path: /a, check: { http: GET /, tcp: true } }\n')).toEqual(['4:18 services.a.check: http and tcp']);
  });

  it.each(['uri', 'uri depth 2', 'url_param id', 'hdr(x-user)'])('balances by %s only with mode http', (balance) => {
    const text = (mode: string): string => `services: { a: { path: /a, mode: ${mode}, balance: "${balance}" } }\n`;
    expect(broken(text('http'))).toEqual([]);
    expect(broken(text('tcp'))).toEqual([`3:48 services.a.balance: ${balance} with mode tcp`]);
  });
});

describe('what the config accepts, the renderer takes', () => {
  const service = (keys: string) => must(configOf(`${LEAST}services: { a: { path: /a, ${keys} } }\n`).services[0], 'the service');

  it.each([
    'roundrobin',
    'leastconn',
    'random',
    'random(2)',
    'first',
    'source',
    'uri',
    'uri whole len 3',
    'url_param id',
    'hdr(host) use_domain_only',
  ])('balance %s', (balance) => {
    expect(balanceLines(service(`balance: "${balance}"`).balance)[0]).toBe(`balance ${balance}`);
  });

  it.each(['static-rr', 'rdp-cookie', 'uri foo', 'random()', 'hdr()', 'source x', 'roundrobin\\n  x'])('not balance %s', (balance) => {
    expect(() => balanceLines(balance)).toThrow('assertion failed');
    expect(problemsOf(`${LEAST}services: { a: { path: /a, balance: "${balance}" } }\n`)).toHaveLength(1);
  });

  it.each(['127.0.0.1:1', '[2001:DB8::1]:65535', '*:80', '0.0.0.0:80'])('listen %s', (listen) => {
    expect(parseRenderedListen(must(service(`listen: "${listen}"`).listen, 'listen'))).not.toBeNull();
  });

  it.each(['GET /', 'HEAD /a-b_c.d~e!f&g()*+,;=:@%20/h?i', 'OPTIONS /*'])('check %s', (http) => {
    const { check } = service(`check: { http: "${http}" }`);
    expect(check.type === 'http' && isCheckMethod(check.method) && isCheckPath(check.path)).toBe(true);
  });

  it('retryOn', () => {
    const words =
      'conn-failure empty-response junk-response response-timeout 0rtt-rejected all-retryable-errors 401 403 404 408 425 500 501 502 503 504';
    const { proxies } = configOf(
      `${LEAST}haproxy: { defaults: { retryOn: "${words}" } }\nproxies: { a: { runtime: "unix:/a", runtimeOnly: true } }\n`,
    );
    expect(proxies[0]?.defaults.retryOn).toBe(words);
    expect(isRetryOn(words)).toBe(true);
  });
});
