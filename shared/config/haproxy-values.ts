/**
 * PURE. The kinds of values that stand in HAProxy's files and commands as they are. They are whitelisted here, never escaped later; what may hold blanks is
 * written between single quotes, where only `'` means something to HAProxy.
 */
import { isIP } from 'node:net';
import { z } from 'zod';
import { isPathPrefix, isRouteHost } from '../model/route.ts';
import { isHost } from './address.ts';
import { BALANCE, BALANCE_EXPECTED, BALANCE_WITH_ARGUMENTS, balanceRefusal } from './balance.ts';
import { parsed, Refused } from './values.ts';

const REQUEST_PATH_MAX = 1024;
const LINE_MAX = 1_000;
/** What begins a section, makes a server behind our back, or is read before anything else is. */
const NOT_OURS =
  /^(?:global|defaults|frontend|backend|listen|peers|resolvers|userlist|mailers|ring|program|http-errors|cache|fcgi-app|log-forward|log-profile|crt-store|traces|acme|server|server-template|default-server|\..*)$/;

export function balance() {
  return z.union([z.enum(BALANCE), z.string().regex(BALANCE_WITH_ARGUMENTS, { abort: true })], {
    error: (issue) => {
      const refusal = typeof issue.input === 'string' ? balanceRefusal(issue.input) : null;
      return refusal === null ? BALANCE_EXPECTED : `${BALANCE_EXPECTED} (${refusal})`;
    },
  });
}

/** `GET /health`, in its parts. */
export function httpRequest() {
  const expected = 'GET, HEAD or OPTIONS, a blank and a path in plain characters, such as GET /health';
  return parsed(expected, /^(GET|HEAD|OPTIONS) \/[A-Za-z0-9._~!&()*+,;=:@%/?-]*$/, (text) => {
    const [method = '', path = ''] = text.split(' ');
    return path.length <= REQUEST_PATH_MAX ? { method, path } : null;
  });
}

/** HAProxy's `retry-on` words (configuration manual, 2.6), single-spaced. */
export function retryOn() {
  const words = new Set(
    'conn-failure empty-response junk-response response-timeout 0rtt-rejected all-retryable-errors 401 403 404 408 425 500 501 502 503 504'.split(
      ' ',
    ),
  );
  const expected = `none, or some of ${[...words].join(' ')}`;
  return parsed(expected, /^[a-z0-9-]+( +[a-z0-9-]+)*$/, (text) => {
    const chosen = text.split(/ +/);
    return text === 'none' || chosen.every((one) => words.has(one)) ? chosen.join(' ') : null;
  });
}

/** A word of HTTP's `tchar` (RFC 9110), without those that HAProxy reads. */
export function token(expected: string) {
  return z.string({ error: expected }).regex(/^[A-Za-z0-9!*+.^_|~/-]{1,64}$/, { error: expected });
}

/** No `%`: HAProxy reads a header's value as a format. */
export function headerValue() {
  const error = "printable ASCII without `'` and `%`, at most 256 characters";
  return z.string({ error }).regex(/^[ -$&(-~]{0,256}$/, { error });
}

export function plainText() {
  const error = "printable ASCII without `'`, at most 256 characters";
  return z.string({ error }).regex(/^[ -&(-~]{1,256}$/, { error });
}

/** `200`, `200-299,401` */
export function statusCodes() {
  const error = 'codes and ranges from 100 to 599, such as 200 or "200-299,401"';
  return z.string({ error }).regex(/^[1-5]\d\d(-[1-5]\d\d)?(,[1-5]\d\d(-[1-5]\d\d)?){0,15}$/, { error });
}

export function hostName() {
  return parsed('a host name such as inventory.internal', /^[A-Za-z0-9._-]{1,253}$/, (text) => (isHost(text) ? text : null));
}

/** A host of the shared HTTP frontend, in lower case. */
export function routeHost() {
  const expected = 'a host name such as inventory.local, without a port';
  return parsed(expected, /^[A-Za-z0-9._-]{1,253}$/, (text) => (isRouteHost(text.toLowerCase()) ? text.toLowerCase() : null));
}

export function pathPrefix() {
  const expected = 'a path such as /inventory, of letters, digits and `._~-`, without a slash at the end';
  return parsed(expected, /^\/[A-Za-z0-9._~/-]{0,255}$/, (text) => (isPathPrefix(text) ? text : null));
}

export function ipAddress() {
  return parsed('an IP address', /^[0-9A-Fa-f:.]{2,45}$/, (text) => (isIP(text) === 0 ? null : text));
}

/** `10.0.0.9:8080`, `[2001:db8::9]:8080`: an IP address and a port to connect to. */
export function serverAddress() {
  return parsed('an IP address and a port, such as 10.0.0.9:8080', /^(\[[0-9A-Fa-f:.]+\]|[0-9.]+):\d{1,5}$/, (text) => {
    const match = /^(?:\[(.+)\]|(.+)):(\d+)$/.exec(text);
    const [, v6, v4, port] = match ?? [];
    const isAddress = v6 === undefined ? isIP(v4 ?? '') === 4 && !/^0\./.test(v4 ?? '') : isIP(v6) === 6 && !/^[0:]+$/.test(v6);
    return isAddress && Number(port) >= 1 && Number(port) <= 65_535 ? text : null;
  });
}

/** A line of a section, in the operator's own words. */
export function extraLine() {
  const expected = `one line of at most ${LINE_MAX} characters`;
  return parsed(expected, /^[^\p{Cc}]+$/u, (text) => {
    const line = text.trim();
    if (line === '' || line.length > LINE_MAX || /\p{Cc}/u.test(text)) return null;
    return NOT_OURS.test(line.split(/\s/)[0] ?? '')
      ? new Refused('a line of a section: no section, server or default-server of its own')
      : line;
  });
}
