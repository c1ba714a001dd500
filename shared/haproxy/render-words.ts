/**
 * PURE. The words that may stand in a managed file. HAProxy's files have no escape that is safe everywhere (a line feed adds a
 * directive, `#` drops the rest, `"` expands variables), so nothing is ever escaped: each word is built from a typed value or
 * matched against a whitelist, and anything else is our own error (an assertion), since the config and the registrations were
 * validated at their boundaries.
 */
import { isIP } from 'node:net';
import { assert } from '../errors.ts';
import { isName } from '../model/ids.ts';
import type { SocketAddress } from '../model/proxy-config.ts';

/** A host's name, and a word of HTTP's: neither HAProxy's syntax nor a second word. */
export const HOST = /^[A-Za-z0-9._-]{1,253}$/;
export const TOKEN = /^[A-Za-z0-9!*+.^_|~/-]{1,64}$/;

/** HAProxy keeps timeouts in a signed 32-bit number of ms. */
const TIME_MAX_MS = 2_147_483_647;
const PORT_MAX = 65_535;

/**
 * The check methods that the config may name: those that neither change anything nor wait for a body.
 * A path: RFC 3986 `pchar`, `/` and `?`, without `'` and `$` (special in HAProxy's files), at most 1,024 characters.
 */
const CHECK_METHODS: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];
const CHECK_PATH = /^\/[A-Za-z0-9._~!&()*+,;=:@%/?-]{0,1023}$/;
/** HAProxy's `retry-on` events (manual, `retry-on`). */
const RETRY_ON = /^(?:none|conn-failure|empty-response|junk-response|response-timeout|0rtt-rejected|all-retryable-errors|[1-5]\d\d)$/;
/** Words, not values: the characters of a unix socket's path that need no quoting. */
const PLAIN_PATH = /^\/[A-Za-z0-9._/+:@-]{0,106}$/;
/** What a comment may repeat: an instance's id is `host:port`, with brackets for IPv6. */
const INSTANCE = /^[A-Za-z0-9_.:[\]-]{1,300}$/;

/** The algorithms that take servers at runtime; a hash must be consistent for that (management guide, `add server`). */
const BALANCE_PLAIN = /^(?:roundrobin|leastconn|first|random(?:\([1-9]\d?\))?)$/;
const BALANCE_HASH =
  /^(?:source|uri(?: (?:whole|path-only|len [1-9]\d{0,3}|depth [1-9]\d{0,2}))*|url_param [A-Za-z0-9_.-]{1,64}|hdr\([A-Za-z0-9-]{1,64}\)(?: use_domain_only)?)$/;

export function nameWord(name: string): string {
  assert(isName(name), `a name in HAProxy's files must be 1 to 64 of A-Z a-z 0-9 _ . -, not ${JSON.stringify(name)}`);
  return name;
}

/** A server's name: HAProxy's characters, `:` included, since it is named as its instance. */
const SERVER_NAME = /^[A-Za-z0-9_.:-]{1,128}$/;

export function serverNameWord(name: string): string {
  assert(SERVER_NAME.test(name), `a server's name must be 1 to 128 of A-Z a-z 0-9 _ . : -, not ${JSON.stringify(name)}`);
  return name;
}

/** A time in HAProxy's words: `5s`, `1500ms`, `5m`. */
export function timeWord(ms: number): string {
  assert(Number.isInteger(ms) && ms >= 1 && ms <= TIME_MAX_MS, `a time must be 1 to ${TIME_MAX_MS} whole ms, not ${ms}`);
  if (ms % 60_000 === 0) return `${ms / 60_000}m`;
  return ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`;
}

export function countWord(value: number, min: number, max: number, what: string): string {
  assert(Number.isInteger(value) && value >= min && value <= max, `${what} must be a whole number from ${min} to ${max}, not ${value}`);
  return String(value);
}

/** `10.0.0.5:8080`, `[2001:db8::1]:8080`: an address to connect to, never a name, and never the unspecified one. */
export function addressWord(address: string, port: number): string {
  const version = isIP(address);
  assert(version !== 0 && !address.includes('%'), `a server's address must be an IP address, not ${JSON.stringify(address)}`);
  assert(address !== '0.0.0.0' && !/^[0:]+$/.test(address), `a server's address must not be the unspecified ${address}`);
  return `${version === 6 ? `[${address}]` : address}:${countWord(port, 1, PORT_MAX, 'a port')}`;
}

/** The address and port of a `listen`: `127.0.0.1:3210`, `[::1]:3210`, `*:3210` (every IPv4 address); null: not of that form. */
export function parseListen(listen: string): { host: string; port: number } | null {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)|(\*?)):(\d{1,5})$/.exec(listen);
  if (match === null) return null;
  const port = Number(match[4]);
  const host = match[1] ?? match[2] ?? '*';
  if (port < 1 || port > PORT_MAX) return null;
  if (match[1] !== undefined) return isIP(host) === 6 ? { host, port } : null;
  return host === '*' || isIP(host) === 4 ? { host, port } : null;
}

/** A path that files and commands take unquoted. */
export function isPlainPath(path: string): boolean {
  return /^\/[A-Za-z0-9._/@+-]+$/.test(path);
}

export function listenWord(listen: string): string {
  const parsed = parseListen(listen);
  assert(parsed !== null, `listen must be address:port, not ${JSON.stringify(listen)}`);
  return `${parsed.host.includes(':') ? `[${parsed.host}]` : parsed.host}:${parsed.port}`;
}

/** The `balance` lines of an algorithm; a hash gets `hash-type consistent`, without which HAProxy takes no servers at runtime. */
export function balanceLines(balance: string): string[] {
  if (BALANCE_PLAIN.test(balance)) return [`balance ${balance}`];
  assert(BALANCE_HASH.test(balance), `balance must be an algorithm that takes servers at runtime, not ${JSON.stringify(balance)}`);
  return [`balance ${balance}`, 'hash-type consistent'];
}

/** Whether it can be rendered: what the config accepts is held to this. */
export function isBalance(balance: string): boolean {
  return BALANCE_PLAIN.test(balance) || BALANCE_HASH.test(balance);
}

export function isCheckMethod(method: string): boolean {
  return CHECK_METHODS.includes(method);
}

export function isCheckPath(path: string): boolean {
  return CHECK_PATH.test(path);
}

export function isRetryOn(words: string): boolean {
  return words.split(' ').every((word) => RETRY_ON.test(word));
}

export function instanceWord(instance: string): string {
  assert(INSTANCE.test(instance), `an instance in a comment must be host:port, not ${JSON.stringify(instance)}`);
  return instance;
}

/** The address of a `stats socket` line: a plain absolute path, or `ipv4@` / `ipv6@` with the port. */
export function socketWord(socket: SocketAddress): string {
  if (socket.kind === 'unix') {
    assert(PLAIN_PATH.test(socket.path), `a socket's path must be absolute and plain, not ${JSON.stringify(socket.path)}`);
    return socket.path;
  }
  const version = isIP(socket.host);
  assert(version !== 0, `a stats socket's address must be an IP address, not ${JSON.stringify(socket.host)}`);
  const port = countWord(socket.port, 1, PORT_MAX, 'a port');
  return version === 6 ? `ipv6@[${socket.host}]:${port}` : `ipv4@${socket.host}:${port}`;
}
