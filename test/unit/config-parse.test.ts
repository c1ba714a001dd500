/** What a valid config text becomes: every default, every key, and the order of lists. */
import { describe, expect, it } from 'vitest';
import { parseDuration } from '../../shared/config/duration.ts';
import { configOf, LEAST } from '../support/config-text.ts';

const PROXY =
  'proxies: { local: { runtime: "unix:/run/haproxy/admin.sock", master: "unix:/run/master.sock", managed: /etc/haproxy/pointsman.d } }\n';
const SERVICE = 'services: { inventory: { path: /services/inventory } }\n';

it('a runtime socket under TLS, with all of its keys and with none', () => {
  const text = `${LEAST}proxies:
  a: { runtime: "tls://edge.internal:9999", runtimeOnly: true }
  b: { runtime: "tls://[2001:DB8::7]:1", runtimeOnly: true, runtimeTls: { ca: /ca.pem, cert: /c.pem, key: /k.pem, serverName: edge.test } }
`;
  expect(configOf(text).proxies.map(({ runtime }) => runtime)).toEqual([
    { kind: 'tls', host: 'edge.internal', port: 9999, tls: { ca: null, cert: null, key: null, serverName: null } },
    { kind: 'tls', host: '2001:db8::7', port: 1, tls: { ca: '/ca.pem', cert: '/c.pem', key: '/k.pem', serverName: 'edge.test' } },
  ]);
});

describe('defaults', () => {
  const config = configOf(LEAST + PROXY + SERVICE);

  it('of the top', () => {
    const { zookeeper, redis, dashboard, log, file } = config;
    expect({ zookeeper, redis, dashboard, log, file }).toEqual({
      file: null,
      zookeeper: { connect: '127.0.0.1:2181', root: '/pointsman', sessionTimeout: 10_000, auth: null },
      redis: { url: 'redis://127.0.0.1:6379/0', prefix: 'pointsman' },
      dashboard: null,
      log: { level: 'info', retain: { age: 604_800_000, events: 100_000, bytes: 268_435_456 } },
    });
  });

  it('of a proxy', () => {
    expect(config.proxies).toEqual([
      {
        id: 'local',
        binary: 'haproxy',
        runtime: { kind: 'unix', path: '/run/haproxy/admin.sock' },
        reload: { kind: 'master', socket: { kind: 'unix', path: '/run/master.sock' } },
        base: null,
        managed: '/etc/haproxy/pointsman.d',
        start: false,
        runtimeOnly: false,
        pool: 'local',
        services: ['*'],
        override: 'respect',
        defaults: {
          timeouts: { connect: 5_000, client: 50_000, server: 50_000, check: 1_000 },
          retries: 3,
          redispatch: true,
          retryOn: 'conn-failure',
        },
        reloadPolicy: { minInterval: 2_000, jitter: 0.2, hardStopAfter: 300_000, maxReloads: 50 },
        rollout: { maxUnavailable: 1, stopOnFailure: true },
      },
    ]);
  });

  it('of a service', () => {
    expect(config.services).toEqual([
      {
        name: 'inventory',
        path: '/services/inventory',
        format: 'auto',
        listen: null,
        mode: 'http',
        balance: 'roundrobin',
        check: { type: 'tcp', interval: 2_000, rise: 2, fall: 3 },
        timeouts: { connect: null, client: null, server: null, check: null, queue: null },
        server: { maxConn: null },
        drainTimeout: 30_000,
        guard: { maxLoss: 0.5, window: 10_000, hold: 300_000 },
        flap: { transitions: 5, window: 60_000, quarantine: 60_000 },
        warmUp: null,
        allow: { cidrs: ['0.0.0.0/0', '::/0'], loopback: false, names: true },
        maxInstances: 10_000,
      },
    ]);
  });

  it('hold without proxies and services, written empty, as nothing, or not at all', () => {
    for (const rest of ['', 'services: {}\nproxies: {}\n', 'services:\nproxies:\nhaproxy:\nlog:\ndashboard:\n']) {
      const { services, proxies, dashboard, log } = configOf(LEAST + rest);
      expect({ services, proxies, dashboard, log }, rest).toEqual({
        services: [],
        proxies: [],
        dashboard: null,
        log: { level: 'info', retain: { age: 604_800_000, events: 100_000, bytes: 268_435_456 } },
      });
    }
  });
});

describe('every key', () => {
  const config = configOf(`
zookeeper:
  connect: "zk-1, zk-2:2182,10.0.0.3:2181/prod/eu"
  root: /switchyard
  sessionTimeout: 6s
  auth: { scheme: digest, credentials: "user:pass:word" }
redis: { url: "rediss://user:secret@redis.internal:6380/3", prefix: blue }
haproxy:
  binary: /opt/haproxy/haproxy
  drainTimeout: 1m
  reload: { minInterval: 500ms, jitter: 0, hardStopAfter: 1h, maxReloads: 5 }
  defaults: { timeouts: { connect: 1s, client: 2s, server: 3s, check: 4s }, retries: 0, redispatch: false, retryOn: "conn-failure  503" }
proxies:
  b: { runtime: "tcp://[2001:DB8::7]:9999", runtimeOnly: true, managed: /unused, pool: edge, services: [web-*, api] }
  a: { runtime: "unix:/run/a.sock", reloadCommand: [systemctl, reload, haproxy], base: /etc/haproxy/haproxy.cfg, managed: /etc/haproxy/a.d/ }
  d: { runtime: "tcp://127.0.0.1:9998", start: true, managed: /srv/d }
  c: { runtime: "tcp://edge.internal:9999", pidFile: /run/c.pid, base: /etc/c.cfg, managed: /etc/c.d }
services:
  web:
    path: /web
    format: address
    listen: "[::1]:80"
    mode: tcp
    balance: source
    check: none
    timeouts: { connect: 1ms, client: 1h, server: 1d, check: 20s, queue: 3m }
    server: { maxConn: 200 }
    guard: { maxLoss: 1, window: 0ms, hold: 7d }
    flap: { transitions: 31, window: 1s, quarantine: 1h }
    warmUp: 30s
    allow: { cidrs: ["2001:DB8::/32", 10.0.0.0/8], loopback: true, names: false }
    maxInstances: 7
  api: { path: /api, listen: "*:8080", check: { http: HEAD /up?deep=1, interval: 100ms, rise: 1, fall: 1 } }
  raw: { path: /raw, check: { tcp: true, fall: 9 } }
dashboard: { listen: "localhost:9080" }
log: { level: debug, retain: { age: 2d, events: 5000, bytes: 2GB } }
`);

  it('of the top', () => {
    expect(config.zookeeper).toEqual({
      connect: 'zk-1:2181,zk-2:2182,10.0.0.3:2181/prod/eu',
      root: '/switchyard',
      sessionTimeout: 6_000,
      auth: { scheme: 'digest', credentials: 'user:pass:word' },
    });
    expect(config.redis).toEqual({ url: 'rediss://user:secret@redis.internal:6380/3', prefix: 'blue' });
    expect(config.dashboard).toEqual({ listen: { host: 'localhost', port: 9080 } });
    expect(config.log).toEqual({ level: 'debug', retain: { age: 172_800_000, events: 5_000, bytes: 2 * 1024 ** 3 } });
  });

  it('of proxies, in the order of their ids', () => {
    const [a, b, c, d] = config.proxies;
    expect(config.proxies.map((proxy) => proxy.id)).toEqual(['a', 'b', 'c', 'd']);
    expect(a).toMatchObject({
      binary: '/opt/haproxy/haproxy',
      runtime: { kind: 'unix', path: '/run/a.sock' },
      reload: { kind: 'command', argv: ['systemctl', 'reload', 'haproxy'] },
      base: '/etc/haproxy/haproxy.cfg',
      managed: '/etc/haproxy/a.d',
      defaults: {
        timeouts: { connect: 1_000, client: 2_000, server: 3_000, check: 4_000 },
        retries: 0,
        redispatch: false,
        retryOn: 'conn-failure 503',
      },
      reloadPolicy: { minInterval: 500, jitter: 0, hardStopAfter: 3_600_000, maxReloads: 5 },
    });
    expect(b).toMatchObject({
      runtime: { kind: 'tcp', host: '2001:db8::7', port: 9999 },
      reload: null,
      managed: null,
      runtimeOnly: true,
      pool: 'edge',
      services: ['api', 'web-*'],
    });
    expect(c).toMatchObject({
      runtime: { kind: 'tcp', host: 'edge.internal', port: 9999 },
      reload: { kind: 'pidFile', path: '/run/c.pid' },
    });
    expect(d).toMatchObject({ reload: null, start: true });
  });

  it('of services, in the order of their names', () => {
    const [api, raw, web] = config.services;
    expect(config.services.map((service) => service.name)).toEqual(['api', 'raw', 'web']);
    expect(api).toMatchObject({
      listen: '*:8080',
      check: { type: 'http', method: 'HEAD', path: '/up?deep=1', interval: 100, rise: 1, fall: 1 },
    });
    expect(raw?.check).toEqual({ type: 'tcp', interval: 2_000, rise: 2, fall: 9 });
    expect(web).toEqual({
      name: 'web',
      path: '/web',
      format: 'address',
      listen: '[::1]:80',
      mode: 'tcp',
      balance: 'source',
      check: { type: 'none' },
      timeouts: { connect: 1, client: 3_600_000, server: 86_400_000, check: 20_000, queue: 180_000 },
      server: { maxConn: 200 },
      drainTimeout: 60_000,
      guard: { maxLoss: 1, window: 0, hold: 604_800_000 },
      flap: { transitions: 31, window: 1_000, quarantine: 3_600_000 },
      warmUp: 30_000,
      allow: { cidrs: ['10.0.0.0/8', '2001:db8::/32'], loopback: true, names: false },
      maxInstances: 7,
    });
  });
});

describe('durations', () => {
  it('are a whole number with one unit', () => {
    expect(['500ms', '2s', '5m', '1h', '7d', '0s'].map(parseDuration)).toEqual([500, 2_000, 300_000, 3_600_000, 604_800_000, 0]);
  });

  it('are nothing else', () => {
    for (const text of ['', '2', 's', '-1s', '1.5s', '1 s', '1S', '1s ', '1h30m', '1w', '1000000000000000s'])
      expect(parseDuration(text), text).toBeNull();
  });
});

describe('aliases', () => {
  it('are followed', () => {
    const text = 'services: { a: { path: /a, guard: &g { maxLoss: 0.1 } }, b: { path: /b, guard: *g } }\n';
    expect(configOf(LEAST + text).services.map((service) => service.guard.maxLoss)).toEqual([0.1, 0.1]);
  });
});
