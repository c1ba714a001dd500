/** Configs and servers for the tests of what is rendered: complete and plain, each with what the test wants to differ. */
import type { RenderedServer } from '../../shared/haproxy/render-service.ts';
import type { ProxyConfig } from '../../shared/model/proxy-config.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';

export const DEFAULTS: ProxyConfig['defaults'] = {
  timeouts: { connect: 5_000, client: 50_000, server: 50_000, check: 1_000 },
  retries: 3,
  redispatch: true,
  retryOn: 'conn-failure',
};

export function proxyConfig(differs: Partial<ProxyConfig>): ProxyConfig {
  return {
    id: 'local',
    binary: 'haproxy',
    runtime: { kind: 'unix', path: '/run/haproxy/admin.sock' },
    reload: { kind: 'master', socket: { kind: 'unix', path: '/run/haproxy-master.sock' } },
    base: '/etc/haproxy/haproxy.cfg',
    managed: '/etc/haproxy/pointsman.d',
    start: false,
    runtimeOnly: false,
    pool: 'local',
    services: ['*'],
    defaults: DEFAULTS,
    override: 'respect',
    reloadPolicy: { minInterval: 2_000, jitter: 0.2, hardStopAfter: 300_000, maxReloads: 50 },
    rollout: { maxUnavailable: 1, stopOnFailure: true },
    ...differs,
  };
}

export function serviceConfig(differs: Partial<ServiceConfig>): ServiceConfig {
  return {
    name: 'inventory_service',
    path: '/services/inventory_service/instances',
    format: 'auto',
    listen: null,
    mode: 'http',
    balance: 'roundrobin',
    check: { type: 'tcp', interval: 2_000, rise: 2, fall: 3 },
    timeouts: { connect: null, client: null, server: null, check: null, queue: null },
    server: { maxConn: null },
    drainTimeout: 30_000,
    guard: { maxLoss: 0.5, window: 10_000, hold: 300_000 },
    flap: null,
    warmUp: null,
    allow: { cidrs: ['0.0.0.0/0', '::/0'], loopback: false, names: true },
    maxInstances: 10_000,
    ...differs,
  };
}

/** A server of this id at `address`:8080; its name is `s<id>`. */
export function renderedServer(id: number, address: string, differs: Partial<RenderedServer>): RenderedServer {
  const instance = `${address.includes(':') ? `[${address}]` : address}:${differs.port ?? 8080}`;
  return { name: `s${id}`, id, instance, address, port: 8080, weight: 1, up: true, ...differs };
}
