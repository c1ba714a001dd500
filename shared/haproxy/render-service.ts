/**
 * PURE. `service-<name>.cfg`: one service's frontend (when it listens), backend and servers. Whoever starts HAProxy from it gets
 * the servers as they are desired, with no add, no delete and no reload to follow (I5): a server that may not take traffic yet is `disabled` and
 * waits for its state command, and a draining one is only a comment, so that it does not come back.
 */
import { assert } from '../errors.ts';
import type { InstanceId, ServiceName } from '../model/ids.ts';
import type { ProxyDefaults } from '../model/proxy-config.ts';
import type { ServiceConfig } from '../model/service-config.ts';
import { defaultsLines, MANAGED_HEADER, STRUCTURE_VARIABLE_PREFIX, shortHash } from './render-global.ts';
import { ledgerComment } from './render-ledger.ts';
import { addressWord, balanceLines, isCheckMethod, isCheckPath, listenWord, nameWord, serverNameWord, timeWord } from './render-words.ts';
import { serverWords } from './server-words.ts';

export interface RenderedServer {
  /** The server's name in HAProxy. */
  readonly name: string;
  readonly id: number;
  readonly instance: InstanceId;
  /** An IP address, canonical, without brackets. */
  readonly address: string;
  readonly port: number;
  /** 0..256 */
  readonly weight: number;
  /** false: it takes no traffic before a good check. */
  readonly up: boolean;
  /** It takes no new requests and is on its way out. */
  readonly draining?: boolean;
}

export interface ServiceInput {
  readonly config: ServiceConfig;
  /** From `structureOf`. */
  readonly structure: string;
  readonly servers: readonly RenderedServer[];
}

/** Stands in for any server in the structure: what differs from server to server is left out of it. */
const CANONICAL_SERVER = { id: 1, weight: 1 };
const STRUCTURE = /^[0-9a-z]{1,64}$/;

/** The content of the service's file. Servers are ordered by id, so that a change is one line of a diff. */
export function renderService(input: ServiceInput): string {
  const { config, structure } = input;
  assert(STRUCTURE.test(structure), `a structure must be a hash, not ${JSON.stringify(structure)}`);
  const name = nameWord(config.name);
  const servers = [...input.servers].sort((a, b) => a.id - b.id);
  assertDistinct(name, servers);
  const lines = [
    MANAGED_HEADER,
    `# Service ${name}. The line of each server ends with the instance that it stands for and what pointsman made of it.`,
    '',
    'global',
    `    setenv ${STRUCTURE_VARIABLE_PREFIX}${name} ${structure}`,
    '',
    ...frontendLines(config),
    ...backendLines(config),
    ...servers.map((server) => serverLine(config, server)),
    '',
  ];
  return lines.join('\n');
}

/**
 * A hash of all that HAProxy has to be reloaded for when it changes: the service's sections without their servers, the options that
 * every server carries, and the defaults that they inherit. Nothing that a command can change is in it.
 */
export function structureOf(config: ServiceConfig, defaults: ProxyDefaults): string {
  const key = JSON.stringify([config, defaults]);
  const known = structures.get(key);
  if (known !== undefined) return known;
  const [oldest] = structures.keys();
  if (structures.size >= STRUCTURES_MAX && oldest !== undefined) structures.delete(oldest);
  const structure = hashStructure(config, defaults);
  structures.set(key, structure);
  return structure;
}

/** It is asked for several times at every look, and rendering to compare would be most of a look's work. */
const structures = new Map<string, string>();
const STRUCTURES_MAX = 5_000;

function hashStructure(config: ServiceConfig, defaults: ProxyDefaults): string {
  const sections = renderService({ config, structure: '0', servers: [] });
  const options = serverWords(config, CANONICAL_SERVER).join(' ');
  return shortHash([sections, options, ...defaultsLines(config.mode, defaults)].join('\n'));
}

/**
 * The name of a service's frontend. HAProxy takes no frontend and backend of one name from 3.3 on; no service's name has a colon,
 * so this one is free.
 */
export function frontendName(service: ServiceName): string {
  return `${nameWord(service)}:in`;
}

export function serviceFileName(service: ServiceName): string {
  return `service-${nameWord(service)}.cfg`;
}

function frontendLines(config: ServiceConfig): string[] {
  if (config.listen === null) return [];
  return [
    `frontend ${frontendName(config.name)} from pointsman-${config.mode}`,
    `    bind ${listenWord(config.listen)}`,
    ...timeoutLine('client', config.timeouts.client),
    `    default_backend ${config.name}`,
    '',
  ];
}

function backendLines(config: ServiceConfig): string[] {
  const { timeouts } = config;
  return [
    `backend ${config.name} from pointsman-${config.mode}`,
    ...balanceLines(config.balance).map((line) => `    ${line}`),
    ...repeatLines(config.mode),
    ...checkLines(config),
    ...timeoutLine('connect', timeouts.connect),
    ...timeoutLine('server', timeouts.server),
    ...timeoutLine('check', timeouts.check),
    ...timeoutLine('queue', timeouts.queue),
  ];
}

/** `retry-on` may name failures after the request was sent; the manual leaves it to the config to keep what is not safe to repeat out of that. */
function repeatLines(mode: ServiceConfig['mode']): string[] {
  if (mode !== 'http') return [];
  return [
    '    # Whatever retry-on says: only these are sent again once they were sent; others only when no connection came about.',
    '    http-request disable-l7-retry unless { method GET HEAD OPTIONS }',
  ];
}

function checkLines(config: ServiceConfig): string[] {
  if (config.check.type !== 'http') return [];
  const { method, path } = config.check;
  assert(isCheckMethod(method), `a check's method must be GET, HEAD or OPTIONS, not ${JSON.stringify(method)}`);
  assert(isCheckPath(path), `a check's path must be a plain path, not ${JSON.stringify(path)}`);
  return [`    option httpchk ${method} ${path}`];
}

function timeoutLine(kind: string, ms: number | null): string[] {
  return ms === null ? [] : [`    timeout ${kind} ${timeWord(ms)}`];
}

function serverLine(config: ServiceConfig, server: RenderedServer): string {
  const name = serverNameWord(server.name);
  const words = serverWords(config, server);
  if (server.draining === true) return `    # server ${name} id ${server.id} ${ledgerComment(server.instance, 'draining')}`;
  const line = ['server', name, addressWord(server.address, server.port), ...words, ...(server.up ? [] : ['disabled'])].join(' ');
  return `    ${line} ${ledgerComment(server.instance, server.up ? 'ready' : 'joining')}`;
}

function assertDistinct(service: ServiceName, servers: readonly RenderedServer[]): void {
  const names = new Set(servers.map((server) => server.name));
  const ids = new Set(servers.map((server) => server.id));
  assert(names.size === servers.length && ids.size === servers.length, `servers of ${service} must have names and ids of their own`);
}
