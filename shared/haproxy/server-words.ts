/**
 * PURE. The words after the address, the same in a config file's `server` line and in `add server`, so that a server means the
 * same whichever way it came (manual 5.2; management guide, `add server`). Everything is spelled out: `add server` ignores
 * `default-server`, so a file that used it would differ from the servers added at runtime.
 */
import { isIP } from 'node:net';
import { assert } from '../errors.ts';
import { FILE_SERVER_ID_MAX } from '../model/file-server.ts';
import { type AgentCheck, MAX_CONN_MAX, type ServerOptions, type ServerTls } from '../model/server-options.ts';
import type { CheckConfig, ServiceConfig } from '../model/service-config.ts';
import { HOST, TOKEN } from './render-words.ts';

/** The part of a service's config that its servers carry. */
export type ServerConfig = Pick<ServiceConfig, 'check' | 'server' | 'cookie'>;

export const WEIGHT_MAX = 256;

/**
 * The longest pause between checks while a server is between up and down, or down: quick to admit a good one (rise x 250 ms) and quick to
 * take out a hung one, which answers nothing that the request path could see. A shorter `interval` is kept: checks never get rarer by being in doubt.
 */
const FAST_CHECK_MS = 250;
/** HAProxy keeps check times in a signed 32-bit number of ms. */
const CHECK_INTERVAL_MAX_MS = 2_147_483_647;
const RISE_FALL_MAX = 1_000;
const PORT_MAX = 65_535;
const ERRORS_MAX = 10_000;
/** Words of a file or a command: neither HAProxy's syntax nor a second word. */
const PATH = /^\/[A-Za-z0-9._/@+-]{1,1024}$/;

/** What a server has of its own. */
export interface OwnWords {
  readonly id: number;
  readonly weight: number;
  /** In place of the config's. */
  readonly maxConn?: number | undefined;
  readonly backup?: boolean | undefined;
}

export function serverWords(config: ServerConfig, server: OwnWords): string[] {
  const maxConn = server.maxConn ?? config.server.maxConn;
  return [
    ...checkWords(config.check),
    'weight',
    integer(server.weight, 0, WEIGHT_MAX, 'weight'),
    ...(maxConn === null ? [] : ['maxconn', integer(maxConn, 1, MAX_CONN_MAX, 'maxconn')]),
    // Explicit ids: without one, every server added at runtime sits at the same place of a hash ring, and some get no traffic.
    'id',
    integer(server.id, 1, FILE_SERVER_ID_MAX, 'id'),
    ...(server.backup === true ? ['backup'] : []),
    // Before 3.0 a server added at runtime opens a connection per request unless its pool is set. Idle connections of 1 s block a delete for about 4.5 s.
    'pool-purge-delay',
    '1s',
    'pool-max-conn',
    '-1',
    ...optionWords(config.server),
    ...(config.server.tls === undefined ? [] : tlsWords(config.server.tls, config.check)),
    ...(config.server.agent === undefined ? [] : agentWords(config.server.agent)),
  ];
}

/**
 * The words of which no command changes any: a server that has others must be made anew. What a command changes (weight, maxconn, where checks go and the agent
 * is asked) counts only by being there at all, and the id is the server's own. What the agent is sent can be changed as well, but HAProxy does not show it.
 */
export function fixedWords(config: ServerConfig): string[] {
  const { check, server } = config;
  const maxConn = server.maxConn === null ? null : 1;
  const agent = server.agent === undefined ? {} : { agent: { ...server.agent, ...anyTarget(server.agent) } };
  const fixed = { check: { ...check, ...(check.type === 'none' ? {} : anyTarget(check)) }, server: { ...server, maxConn, ...agent } };
  return serverWords({ ...config, ...fixed }, { id: 1, weight: 1 });
}

function anyTarget({ port, address }: { readonly port?: number; readonly address?: string }): { port?: number; address?: string } {
  return { ...(port !== undefined && { port: 1 }), ...(address !== undefined && { address: '127.0.0.1' }) };
}

function checkWords(check: CheckConfig): string[] {
  if (check.type === 'none') return [];
  const fast = check.fastInterval ?? Math.min(FAST_CHECK_MS, check.interval);
  return [
    'check',
    ...['inter', time(check.interval, 'check interval')],
    ...['fastinter', time(fast, 'fast interval')],
    ...['downinter', time(check.downInterval ?? fast, 'down interval')],
    ...['rise', integer(check.rise, 1, RISE_FALL_MAX, 'rise')],
    ...['fall', integer(check.fall, 1, RISE_FALL_MAX, 'fall')],
    ...(check.port === undefined ? [] : ['port', integer(check.port, 1, PORT_MAX, 'check port')]),
    ...(check.address === undefined ? [] : ['addr', ip(check.address, 'check address')]),
  ];
}

function optionWords(options: ServerOptions): string[] {
  const { maxQueue, observe, errorLimit, onError, onMarkedDown, sendProxy, source } = options;
  return [
    ...(maxQueue === undefined ? [] : ['maxqueue', integer(maxQueue, 1, MAX_CONN_MAX, 'maxqueue')]),
    ...(observe === undefined ? [] : ['observe', word(observe, TOKEN, 'observe')]),
    ...(errorLimit === undefined ? [] : ['error-limit', integer(errorLimit, 1, ERRORS_MAX, 'error-limit')]),
    ...(onError === undefined ? [] : ['on-error', word(onError, TOKEN, 'on-error')]),
    ...(onMarkedDown === undefined ? [] : ['on-marked-down', word(onMarkedDown, TOKEN, 'on-marked-down')]),
    ...(sendProxy === undefined ? [] : [sendProxy === 'v1' ? 'send-proxy' : 'send-proxy-v2']),
    ...(source === undefined ? [] : ['source', ip(source, 'source')]),
  ];
}

/** Checks use TLS as the server does, unless they go elsewhere; then it must be said, and their name and protocols in any case. */
function tlsWords({ verify, ca, cert, sni, alpn }: ServerTls, check: CheckConfig): string[] {
  const protocols = alpn === undefined ? [] : [alpn.map((one) => word(one, TOKEN, 'alpn')).join(',')];
  const host = sni === undefined ? [] : [word(sni, HOST, 'sni')];
  const checked = check.type !== 'none';
  return [
    'ssl',
    'verify',
    verify === 'none' ? 'none' : 'required',
    ...(ca === undefined ? [] : ['ca-file', word(ca, PATH, 'ca')]),
    ...(cert === undefined ? [] : ['crt', word(cert, PATH, 'cert')]),
    ...host.flatMap((name) => ['sni', `str(${name})`, ...(checked ? ['check-sni', name] : [])]),
    ...protocols.flatMap((list) => ['alpn', list, ...(checked ? ['check-alpn', list] : [])]),
    ...(checked ? ['check-ssl'] : []),
  ];
}

function agentWords({ port, interval, address, send }: AgentCheck): string[] {
  return [
    'agent-check',
    ...['agent-port', integer(port, 1, PORT_MAX, 'agent port')],
    ...['agent-inter', time(interval, 'agent interval')],
    ...(address === undefined ? [] : ['agent-addr', ip(address, 'agent address')]),
    ...(send === undefined ? [] : ['agent-send', word(send, TOKEN, 'agent send')]),
  ];
}

/** HAProxy wraps or accepts numbers out of range, so the range is ours to hold. */
function integer(value: number, min: number, max: number, what: string): string {
  assert(Number.isInteger(value) && value >= min && value <= max, `${what} must be a whole number from ${min} to ${max}, not ${value}`);
  return String(value);
}

function time(ms: number, what: string): string {
  return `${integer(ms, 1, CHECK_INTERVAL_MAX_MS, what)}ms`;
}

/** In brackets, HAProxy does not take the last part of an IPv6 address for a port. */
function ip(text: string, what: string): string {
  const version = isIP(text);
  assert(version !== 0 && !text.includes('%'), `${what} must be an IP address, not ${JSON.stringify(text)}`);
  return version === 6 ? `[${text}]` : text;
}

function word(text: string, form: RegExp, what: string): string {
  assert(form.test(text), `${what} must be one plain word, not ${JSON.stringify(text)}`);
  return text;
}
