/** PURE. The files of the demo's parts, as text: what an operator would have written for them. */
import type { ServiceName } from '../../shared/model/ids.ts';
import { instancesPath } from './instance-path.ts';

export const PROXY = 'demo';

export interface ServiceEntry {
  readonly name: ServiceName;
  /** The port of its frontend. */
  readonly port: number;
}

export interface Layout {
  readonly folder: string;
  readonly haproxy: string;
  readonly ports: {
    readonly zookeeper: number;
    readonly redis: number;
    readonly dashboard: number;
    readonly stats: number;
  };
}

/** ms. Zookeeper grants 2 to 20 ticks as a session timeout; its own default tick is 2 s. */
const TICK_MS = 500;

/**
 * Sockets, logs and data have folders of their own: pointsman watches the one of its config, and need not look whenever a log grows.
 */
export const paths = {
  config: (folder: string): string => `${folder}/pointsman.yaml`,
  base: (folder: string): string => `${folder}/haproxy.cfg`,
  managed: (folder: string): string => `${folder}/managed`,
  sockets: (folder: string): string => `${folder}/sockets`,
  runtime: (folder: string): string => `${folder}/sockets/admin.sock`,
  master: (folder: string): string => `${folder}/sockets/master.sock`,
  data: (folder: string): string => `${folder}/data`,
  logs: (folder: string): string => `${folder}/logs`,
  log: (folder: string, name: string): string => `${folder}/logs/${name}.log`,
} as const;

export function pointsmanConfig({ folder, haproxy, ports }: Layout, services: readonly ServiceEntry[]): string {
  return `# The demo's own. Add a service, or change an option, and save: pointsman takes it up while it runs.
zookeeper:
  connect: "127.0.0.1:${ports.zookeeper}"
  sessionTimeout: 4s
redis:
  url: "redis://127.0.0.1:${ports.redis}/0"
haproxy:
  binary: ${haproxy}
  drainTimeout: 10s
proxies:
  ${PROXY}:
    runtime: "unix:${paths.runtime(folder)}"
    master: "unix:${paths.master(folder)}"
    base: ${paths.base(folder)}
    managed: ${paths.managed(folder)}
services:
${services.map(serviceText).join('')}dashboard:
  listen: "127.0.0.1:${ports.dashboard}"
`;
}

function serviceText({ name, port }: ServiceEntry): string {
  return `  ${name}:
    path: ${instancesPath(name)}
    listen: "127.0.0.1:${port}"
    check: { http: GET /health, interval: 1s, rise: 2, fall: 3 }
    timeouts: { server: 15s }
    allow: { loopback: true }
`;
}

/** What the operator has besides pointsman's files: the runtime socket, and here HAProxy's own page of figures. */
export function haproxyBase({ folder, ports }: Layout): string {
  return `global
    stats socket ${paths.runtime(folder)} mode 600 level admin expose-fd listeners
    maxconn 2000
    # Into logs/haproxy.log: servers that go up and down, not every request.
    log stdout format raw local0 notice

defaults
    mode http
    log global
    timeout connect 5s
    timeout client 50s
    timeout server 50s

frontend figures
    bind 127.0.0.1:${ports.stats}
    stats enable
    stats uri /
    stats refresh 2s
`;
}

export function zookeeperConfig({ folder, ports }: Layout): string {
  return `tickTime=${TICK_MS}
dataDir=${paths.data(folder)}
clientPort=${ports.zookeeper}
clientPortAddress=127.0.0.1
maxClientCnxns=0
`;
}

export function redisArguments({ folder, ports }: Layout): string[] {
  const memory = ['--save', '', '--appendonly', 'no', '--maxmemory-policy', 'noeviction'];
  return ['--port', String(ports.redis), '--bind', '127.0.0.1', '--dir', paths.data(folder), '--daemonize', 'no', ...memory];
}

export function zookeeperArguments(classpath: string, configFile: string): string[] {
  const quick = ['-Xmx128m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];
  const options = ['-Dzookeeper.admin.enableServer=false', '-Dzookeeper.4lw.commands.whitelist=srvr', '-Dzookeeper.forceSync=no'];
  return [...quick, ...options, '-cp', classpath, 'org.apache.zookeeper.server.quorum.QuorumPeerMain', configFile];
}
