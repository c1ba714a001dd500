/**
 * PURE. The kinds of values that config keys have, as zod schemas. Each one carries in its error message what it expects, in
 * words that follow "expected …". What HAProxy reads is whitelisted here, never escaped later.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { posix } from 'node:path';
import { z } from 'zod';
import { formatListen, isHost, type ListenAddress, parseListen, parseRuntimeTarget, parseSocketAddress } from './address.ts';
import { DURATION, formatDuration, parseDuration } from './duration.ts';
import { parseSize, SIZE } from './size.ts';

/** HAProxy's and Node's timers end at 2^31 - 1 ms; 24 days is below both. */
export const DURATION_MAX = '24d';

const NAME_EXPECTED = 'a name of at most 64 letters, digits, `_`, `.`, `-`';
const PATH_LENGTH_MAX = 1024;
const REDIS_DATABASE_MAX = 1_000_000;

/** What a parser of a text says instead of a value. */
export class Refused {
  readonly expected: string;
  constructor(expected: string) {
    this.expected = expected;
  }
}

/** A text that `parse` makes a value of, or refuses. The pattern is what the JSON Schema tells editors. */
export function parsed<T>(expected: string, pattern: RegExp, parse: (text: string) => T | Refused | null) {
  return z
    .string({ error: expected })
    .regex(pattern, { error: expected })
    .transform((text, context): T => {
      const value = parse(text);
      if (value !== null && !(value instanceof Refused)) return value;
      context.addIssue({ code: 'custom', message: value instanceof Refused ? value.expected : expected });
      return z.NEVER;
    });
}

/** ms */
export function duration(least: string, most: string = DURATION_MAX) {
  const from = parseDuration(least) ?? 0;
  const to = parseDuration(most) ?? 0;
  return parsed('a duration such as 500ms, 2s, 5m', DURATION, (text) => {
    const ms = parseDuration(text);
    if (ms === null || (ms >= from && ms <= to)) return ms;
    return new Refused(`a duration from ${formatDuration(from)} to ${formatDuration(to)}`);
  });
}

/** bytes */
export function size(least: string, most: string) {
  const from = parseSize(least) ?? 0;
  const to = parseSize(most) ?? 0;
  return parsed('a size such as 64KB, 256MB, 2GB', SIZE, (text) => {
    const bytes = parseSize(text);
    return bytes === null || (bytes >= from && bytes <= to) ? bytes : new Refused(`a size from ${least} to ${most}`);
  });
}

export function count(least: number, most: number) {
  const error = `a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
}

export function share() {
  const error = 'a number from 0 to 1';
  return z.number({ error }).min(0, { error }).max(1, { error });
}

/** A share, neither none nor all. */
export function part() {
  const error = 'a number between 0 and 1, as 0.1';
  return z.number({ error }).gt(0, { error }).lt(1, { error });
}

export function factor(most: number) {
  const error = `a number above 0, at most ${most}`;
  return z.number({ error }).gt(0, { error }).max(most, { error });
}

export function countOrShare(min: number, max: number) {
  const error = `a whole number from ${min} to ${max}, or a share between 0 and 1`;
  return z.union([z.int({ error }).min(min, { error }).max(max, { error }), z.number({ error }).gt(0, { error }).lt(1, { error })], {
    error,
  });
}

export function truth() {
  return z.boolean({ error: 'true or false' });
}

export function word<const T extends readonly [string, ...string[]]>(words: T) {
  return z.enum(words, { error: words.length === 1 ? words[0] : `one of ${words.join(', ')}` });
}

export function list<T extends z.ZodType>(item: T, least: number, most: number) {
  const error = `a list of ${least} to ${most} entries`;
  return z.array(item, { error }).min(least, { error }).max(most, { error });
}

export function map<T extends z.core.$ZodLooseShape>(shape: T) {
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'invalid_type' ? `a map with ${Object.keys(shape).join(', ')}` : undefined),
  });
}

/** Things under names of the operator's choice. */
export function named<T extends z.ZodType>(item: T, what: string) {
  return z.record(nameText(), item, { error: (issue) => (issue.code === 'invalid_type' ? `a map of ${what} by name` : undefined) });
}

export function nameText() {
  return z.string({ error: NAME_EXPECTED }).regex(/^[A-Za-z0-9_.-]{1,64}$/, { error: NAME_EXPECTED });
}

/** A name, or a glob with `*`. */
export function nameGlob() {
  const error = 'a name, or a glob with `*`';
  return z.string({ error }).regex(/^[A-Za-z0-9_.*-]{1,64}$/, { error });
}

/** The canonical text of an `address:port`. */
export function listen() {
  const expected = 'address:port, such as 127.0.0.1:3210, "[::1]:3210" or "*:3210"';
  return parsed(expected, /^\S+:\d{1,5}$/, (text) => {
    const address = parseListen(text);
    return address === null || address.host === 'localhost' ? null : formatListen(address);
  });
}

/** An `address:port` in its parts; `localhost` is allowed. */
export function listenParts() {
  return parsed('address:port, such as 127.0.0.1:9080', /^\S+:\d{1,5}$/, (text): ListenAddress | null => parseListen(text));
}

export function socketAddress() {
  return parsed('unix:/absolute/path (at most 97 plain characters) or tcp://host:port', /^(unix:\/|tcp:\/\/)\S+$/, parseSocketAddress);
}

/** A socket of a worker, which HAProxy may also open with TLS. */
export function runtimeTarget() {
  const expected = 'unix:/absolute/path (at most 97 plain characters), tcp://host:port or tls://host:port';
  return parsed(expected, /^(unix:\/|tcp:\/\/|tls:\/\/)\S+$/, parseRuntimeTarget);
}

export function hostName() {
  return parsed('a host name', /^[A-Za-z0-9.-]{1,253}$/, (text) => (isHost(text) && !isIPv4(text) ? text : null));
}

/** A normal absolute path in plain characters, as HAProxy's command line and files take it unquoted. */
export function filePath() {
  const expected = 'an absolute path of letters, digits and `._/@+-`';
  return parsed(expected, /^\/[A-Za-z0-9._/@+-]+$/, (text) => {
    const path = posix.normalize(text).replace(/\/$/, '');
    return path !== '' && text.length <= PATH_LENGTH_MAX ? path : null;
  });
}

/** A command's name, to be found on the PATH, or its absolute path. */
export function binary() {
  const expected = 'a command name, or an absolute path';
  return parsed(expected, /^(\/[A-Za-z0-9._/@+-]+|[A-Za-z0-9._+-]+)$/, (text) => (text.length <= PATH_LENGTH_MAX ? text : null));
}

export function znodePath() {
  const expected = 'the path of a znode, such as /services/inventory/instances, without a slash at the end';
  return parsed(expected, /^\//, (text) => (isZnodePath(text) ? text : null));
}

/** Zookeeper's connect string, normalised: no blanks, every port written, the chroot kept. */
export function connectString() {
  const expected = 'host:port[,host:port…][/chroot]';
  return parsed(expected, /^[^\s,/]/, (text) => {
    const slash = text.indexOf('/');
    const servers = (slash < 0 ? text : text.slice(0, slash)).split(',').map((server) => server.trim());
    const chroot = slash < 0 ? '' : text.slice(slash);
    if (servers.some((server) => server.includes('[')))
      return new Refused(`${expected}; the client library takes no IPv6 literals, use a name`);
    const withPorts = servers.map(serverWithPort);
    if (withPorts.includes(null) || (chroot !== '' && !isZnodePath(chroot))) return null;
    return withPorts.join(',') + chroot;
  });
}

export function redisUrl() {
  const expected = 'redis://[user:password@]host[:port][/database], or rediss:// for TLS';
  return parsed(expected, /^rediss?:\/\/[^\s]+$/, (text) => {
    const url = URL.parse(text);
    if (url === null || url.hostname === '' || url.search !== '' || url.hash !== '') return null;
    const database = /^\/?(\d*)$/.exec(url.pathname);
    return database !== null && Number(database[1]) <= REDIS_DATABASE_MAX ? text : null;
  });
}

/** The canonical text of an address range: `10.0.0.0/8`, `2001:db8::/32`. */
export function cidr() {
  return parsed('an address range such as 10.0.0.0/8 or "2001:db8::/32"', /^[0-9A-Fa-f.:]+\/\d{1,3}$/, (text) => {
    const [address = '', bits = ''] = text.split('/');
    const most = isIPv4(address) ? 32 : isIPv6(address) ? 128 : -1;
    return Number(bits) <= most ? text.toLowerCase() : null;
  });
}

function isZnodePath(path: string): boolean {
  if (!path.startsWith('/') || path.length > PATH_LENGTH_MAX || /[\p{Cc}\p{Cs}\p{Co}\ufff0-\uffff]/u.test(path)) return false;
  return path
    .slice(1)
    .split('/')
    .every((part) => part !== '' && part !== '.' && part !== '..');
}

function serverWithPort(text: string): string | null {
  const [host = '', port = '2181', ...rest] = text.split(':');
  if (rest.length > 0 || !isHost(host) || !/^\d{1,5}$/.test(port)) return null;
  return Number(port) >= 1 && Number(port) <= 65535 ? `${host}:${Number(port)}` : null;
}
