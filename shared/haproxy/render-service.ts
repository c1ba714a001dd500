/**
 * PURE. `service-<name>.cfg`: one service's frontend (when it listens), backend and servers. Whoever starts HAProxy from it gets
 * the servers as they are desired, with no add, no delete and no reload to follow (I5): a server that may not take traffic yet is `disabled` and
 * waits for its state command, and a draining one is only a comment, so that it does not come back.
 */
import { assert } from '../errors.ts';
import { fallbackServer, LOADING_ID, LOADING_NAME } from '../model/file-server.ts';
import type { InstanceId, ServiceName } from '../model/ids.ts';
import { mayStandBy } from '../model/prefer.ts';
import type { ProxyDefaults } from '../model/proxy-config.ts';
import type { ServiceConfig } from '../model/service-config.ts';
import { checkLines } from './check-lines.ts';
import { defaultsLines, MANAGED_HEADER, RETRIES_MAX, STRUCTURE_VARIABLE_PREFIX, shortHash } from './render-global.ts';
import { ledgerComment } from './render-ledger.ts';
import {
  addressWord,
  balanceLines,
  countWord,
  isRetryOn,
  listenWord,
  nameWord,
  parseListen,
  serverNameWord,
  timeWord,
} from './render-words.ts';
import { fixedWords, type ServerConfig, serverWords } from './server-words.ts';

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
  /** Connections to it at once; missing: as the config has it. */
  readonly maxConn?: number;
  /** It takes requests only while no other server is up. */
  readonly backup?: boolean;
  /** It takes no new requests and is on its way out. */
  readonly draining?: boolean;
  /** Somebody took it out by hand; not with `up`. */
  readonly byHand?: boolean;
}

export interface ServiceInput {
  readonly config: ServiceConfig;
  /** From `structureOf`. */
  readonly structure: string;
  /** `redis.prefix`, so that another installation leaves the backend alone; missing: the file does not say. */
  readonly prefix?: string;
  readonly servers: readonly RenderedServer[];
}

const STRUCTURE = /^[0-9a-z]{1,64}$/;
const PREFIX = /^[A-Za-z0-9_.:-]{1,200}$/;
const COOKIE = /^[A-Za-z0-9!*+.^_|~-]{1,64}$/;

/** The content of the service's file. Servers are ordered by id, so that a change is one line of a diff. */
export function renderService(input: ServiceInput): string {
  const { config, structure, prefix } = input;
  assert(prefix === undefined || PREFIX.test(prefix), `a prefix must be plain, not ${JSON.stringify(prefix)}`);
  assert(STRUCTURE.test(structure), `a structure must be a hash, not ${JSON.stringify(structure)}`);
  const name = nameWord(config.name);
  const servers = [...input.servers].sort((a, b) => a.id - b.id);
  assertDistinct(name, servers);
  const lines = [
    MANAGED_HEADER,
    `# Service ${name}. The line of each server ends with the instance that it stands for and what pointsman made of it.`,
    '',
    'global',
    `    setenv ${STRUCTURE_VARIABLE_PREFIX}${name} ${structure}.${formOf(config)}${prefix === undefined ? '' : `.${prefix}`}`,
    '',
    ...frontendLines(config),
    ...backendLines(config),
    ...servers.map((server) => serverLine(config, server)),
    '',
  ];
  return lines.join('\n');
}

/**
 * A hash of all that HAProxy has to be reloaded for when it changes: the service's sections without their servers, and the defaults that they inherit.
 * Nothing that a command can change is in it, nor what a server can be made anew with.
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
  const sections = [...frontendLines(config), ...backendLines(config)];
  return shortHash([...sections, ...defaultsLines(config.mode, defaults)].join('\n'));
}

/** A hash of the options that a server carries and no command changes: one that was made with others must be made anew. */
export function formOf(config: ServerConfig): string {
  return shortHash(fixedWords(config).join(' '));
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
    ...extraLines(config.extra?.frontend),
    `    default_backend ${config.name}`,
    '',
  ];
}

function backendLines(config: ServiceConfig): string[] {
  return [
    `backend ${config.name} from pointsman-${config.mode}`,
    ...bodyLines(config, cookieLines(config)),
    ...extraLines(config.extra?.backend),
    ...fallbackLines(config),
    ...loadingLines(config),
  ];
}

/** What a backend says that is not the service's own: another service may say the same. `own`: lines that are, in their place. */
export function bodyLines(config: Omit<ServiceConfig, 'name' | 'path'>, own: readonly string[] = []): string[] {
  const { timeouts } = config;
  return [
    ...balanceLines(config.balance).map((line) => `    ${line}`),
    // Without it only the first of them would take the requests.
    ...(!mayStandBy(config) ? [] : ['    option allbackups']),
    ...repeatLines(config.mode),
    ...checkLines(config.check).map((line) => `    ${line}`),
    ...retryLines(config),
    ...own,
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

/** The service's own, in place of the proxy's. */
function retryLines({ retries, redispatch, retryOn, mode }: Omit<ServiceConfig, 'name' | 'path'>): string[] {
  assert(retryOn === undefined || isRetryOn(retryOn), `retry-on must be its words, not ${JSON.stringify(retryOn)}`);
  return [
    ...(retries === undefined ? [] : [`    retries ${countWord(retries, 0, RETRIES_MAX, 'retries')}`]),
    ...(redispatch === undefined ? [] : [redispatch ? '    option redispatch 1' : '    no option redispatch']),
    ...(retryOn === undefined || mode !== 'http' ? [] : [`    retry-on ${retryOn}`]),
  ];
}

/** The cookie's value follows from the server's address and the key, so that it is the same on every proxy and after every reload. */
function cookieLines({ cookie, name }: ServiceConfig): string[] {
  if (cookie === undefined) return [];
  assert(COOKIE.test(cookie.name), `a cookie's name must be plain, not ${JSON.stringify(cookie.name)}`);
  return [`    cookie ${cookie.name} insert indirect nocache dynamic`, `    dynamic-cookie-key ${nameWord(name)}`];
}

function extraLines(lines: readonly string[] | undefined): string[] {
  if (lines === undefined || lines.length === 0) return [];
  for (const line of lines) assert(!/\p{Cc}/u.test(line), `a line of the operator's must be one line, not ${JSON.stringify(line)}`);
  return ["    # The operator's own lines (`extra`).", ...lines.map((line) => `    ${line}`)];
}

/** Backup servers: HAProxy turns to them while no other is up. */
function fallbackLines(config: ServiceConfig): string[] {
  return (config.fallback ?? []).map((address, index) => {
    const parsed = parseListen(address);
    assert(parsed !== null, `a fallback must be address:port, not ${JSON.stringify(address)}`);
    const { name, id } = fallbackServer(index);
    const words = serverWords(config, { id, weight: 1 });
    return `    ${['server', name, addressWord(parsed.host, parsed.port), ...words, 'backup'].join(' ')}`;
  });
}

/** HAProxy takes a server at runtime only with files that it has loaded: they are named here by one that is never used. */
function loadingLines(config: ServiceConfig): string[] {
  const { tls } = config.server;
  if (tls === undefined || (tls.ca === undefined && tls.cert === undefined)) return [];
  const words = serverWords({ check: { type: 'none' }, server: { maxConn: null, tls } }, { id: LOADING_ID, weight: 0 });
  return [
    '    # Never used: HAProxy loads the files that servers added at runtime name.',
    `    ${['server', LOADING_NAME, addressWord('127.0.0.1', 1), ...words, 'disabled'].join(' ')}`,
  ];
}

function timeoutLine(kind: string, ms: number | null): string[] {
  return ms === null ? [] : [`    timeout ${kind} ${timeWord(ms)}`];
}

function serverLine(config: ServiceConfig, server: RenderedServer): string {
  const name = serverNameWord(server.name);
  const words = serverWords(config, server);
  if (server.draining === true) return `    # server ${name} id ${server.id} ${ledgerComment(server.instance, 'draining')}`;
  const line = ['server', name, addressWord(server.address, server.port), ...words, ...(server.up ? [] : ['disabled'])].join(' ');
  return `    ${line} ${ledgerComment(server.instance, server.up ? 'ready' : server.byHand === true ? 'by-hand' : 'joining')}`;
}

function assertDistinct(service: ServiceName, servers: readonly RenderedServer[]): void {
  const names = new Set(servers.map((server) => server.name));
  const ids = new Set(servers.map((server) => server.id));
  assert(names.size === servers.length && ids.size === servers.length, `servers of ${service} must have names and ids of their own`);
}
