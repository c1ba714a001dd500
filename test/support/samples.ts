/** Values that tests start from. */
import { capabilitiesOf } from '../../shared/haproxy/capabilities.ts';
import type { DesiredBackend, DesiredServer } from '../../shared/model/desired.ts';
import type { ObservedBackend, ObservedServer } from '../../shared/model/observed.ts';
import type { CheckConfig, ServiceConfig } from '../../shared/model/service-config.ts';

export const HAPROXY_2_6 = capabilitiesOf('2.6.12-1+deb12u4');
export const HAPROXY_3_4 = capabilitiesOf('3.4.0-abcdef');

export const HTTP_CHECK: CheckConfig = httpCheck(2_000);

/** `interval`: ms */
export function httpCheck(interval: number): CheckConfig {
  return { type: 'http', method: 'GET', path: '/health', interval, rise: 2, fall: 3 };
}

export function serviceConfig(overrides: Partial<ServiceConfig> = {}): ServiceConfig {
  return {
    name: 'web',
    path: '/services/web/instances',
    format: 'auto',
    listen: null,
    mode: 'http',
    balance: 'roundrobin',
    check: HTTP_CHECK,
    timeouts: { connect: null, client: null, server: null, check: null, queue: null },
    server: { maxConn: null },
    drainTimeout: 30_000,
    guard: { maxLoss: 0.5, window: 10_000, hold: 300_000 },
    flap: null,
    warmUp: null,
    allow: { cidrs: ['0.0.0.0/0', '::/0'], loopback: true, names: true },
    maxInstances: 10_000,
    ...overrides,
  };
}

/** Ready at 10.0.0.<id>:80. */
export function desiredServer(id: number, overrides: Partial<DesiredServer> = {}): DesiredServer {
  const address = `10.0.0.${id}`;
  return { instance: `${address}:80`, name: `${address}:80`, id, address, port: 80, weight: 1, admin: 'ready', ...overrides };
}

/** Read completely; the instances of the sample servers that are not listed went by decision. */
export function desiredBackend(
  servers: readonly DesiredServer[],
  config: ServiceConfig = serviceConfig(),
  overrides: Partial<DesiredBackend> = {},
): DesiredBackend {
  const gone = new Set(Array.from({ length: 255 }, (_, id) => `10.0.0.${id}:80`));
  return {
    service: config.name,
    revision: 1,
    cursor: '1-0',
    config,
    complete: true,
    gone,
    released: null,
    servers: new Map(servers.map((server) => [server.name, server])),
    ...overrides,
  };
}

/** Up, ready, checked, at 10.0.0.<id>:80. */
export function observedServer(id: number, overrides: Partial<ObservedServer> = {}): ObservedServer {
  const address = `10.0.0.${id}`;
  const state = {
    weight: 1,
    admin: 'ready',
    operation: 'running',
    check: 'passed',
    checkPort: 0,
    checkAddress: null,
    checking: true,
    agent: null,
  } as const;
  return { name: `${address}:80`, id, address, port: 80, ...state, ...overrides };
}

export function observedBackend(servers: readonly ObservedServer[], structure: string | null = 's1'): ObservedBackend {
  return { name: 'web', structure, form: null, servers: new Map(servers.map((server) => [server.name, server])) };
}
