/**
 * PURE. `00-pointsman.cfg`: our lines in a `global` section of our own (HAProxy takes several), our stamp, and the named defaults that every
 * service's sections inherit. The operator's own `defaults` do not reach our sections, and ours do not reach his.
 */
import { createHash } from 'node:crypto';
import { assert } from '../errors.ts';
import type { ProxyId } from '../model/ids.ts';
import type { ProxyDefaults, ReloadPolicy, SocketAddress } from '../model/proxy-config.ts';
import { type HttpInput, httpFrontendLines } from './render-http.ts';
import { countWord, isRetryOn, nameWord, socketWord, timeWord } from './render-words.ts';

/** How every managed file begins; a file that does not is not ours, and is left alone. */
export const MANAGED_HEADER = '# Managed by pointsman: written by it alone, edits are overwritten.';

/** The environment variables of a worker by which it says what it was started with (runtime API, `show env`). */
export const STAMP_VARIABLE = 'POINTSMAN_STAMP';
export const STRUCTURE_VARIABLE_PREFIX = 'POINTSMAN_SERVICE_';

/** HAProxy's notices go there, for observers to read over the runtime API (`show events`). */
export const NOTICES_RING = 'pointsman-notices';

/**
 * HAProxy allows 10 connections to its stats sockets in all; the eleventh hangs. Passes, looks, people and one stream of notices per observer share them.
 * An operator's own number is not ours to lower, and ours is read last: so he says it in a variable.
 */
const STATS_MAX_CONNECTIONS = { variable: 'POINTSMAN_STATS_MAXCONN', standard: 100 };
/**
 * Bytes. One notice begins with what it is about (two names of at most 64 characters), and the rest of it is not read; some hundred of them wait for
 * a reader that is late. What does not fit is dropped and counted.
 */
const RING = { line: 192, size: 32_768 };
export const RETRIES_MAX = 100;
const MAX_RELOADS_MAX = 1_000;
/** Redis prefixes, and so stamps: no space, no quote, nothing that HAProxy's files would read. */
const STAMP = /^[A-Za-z0-9_.:/-]{1,200}$/;

export interface GlobalInput {
  /** `redis.prefix`: two installations on one HAProxy do not take each other's stamp for their own. */
  readonly prefix: string;
  readonly proxy: ProxyId;
  readonly defaults: ProxyDefaults;
  readonly policy: ReloadPolicy;
  /** From `stampOf` with the same values. */
  readonly stamp: string;
  /** The shared frontend, if there is one. */
  readonly http?: HttpInput;
  /** Absent: a base file that opens the runtime socket and says where logs go. */
  readonly alone?: Alone;
}

/** What our file has to do because no base file does it. */
export interface Alone {
  /** The runtime socket to open; null: the base file has it. */
  readonly socket: SocketAddress | null;
  /** Whether a base file can say where logs go. */
  readonly logs: boolean;
}

const WITH_BASE: Alone = { socket: null, logs: true };

/** The content of `00-pointsman.cfg`. */
export function renderGlobal(input: GlobalInput): string {
  assert(STAMP.test(input.stamp), `a stamp must be plain, not ${JSON.stringify(input.stamp)}`);
  const { prefix, proxy, defaults, policy, http, alone = WITH_BASE } = input;
  assert(STAMP.test(prefix), `a prefix must be plain, not ${JSON.stringify(prefix)}`);
  const lines = [
    MANAGED_HEADER,
    `# Proxy ${nameWord(proxy)} of installation ${prefix}. Servers change through the runtime API first; these files follow.`,
    '',
    'global',
    '    # What the running worker was started with: shown by `show env` on the runtime socket.',
    `    setenv ${STAMP_VARIABLE} ${input.stamp}`,
    '    # An old worker that still has connections after a reload ends at the latest then.',
    `    hard-stop-after ${timeWord(policy.hardStopAfter)}`,
    '    # So many of them there are at most: the oldest is ended, with the requests that it still has. Only a master (`haproxy -W`) counts.',
    `    mworker-max-reloads ${countWord(policy.maxReloads, 1, MAX_RELOADS_MAX, 'maxReloads')}`,
    '    # The default is 10 for all runtime sockets together, and the eleventh connection hangs. This line wins over that of a base file:',
    `    # for another number, the base file says \`setenv ${STATS_MAX_CONNECTIONS.variable} N\` in its global section.`,
    `    stats maxconn "\${${STATS_MAX_CONNECTIONS.variable}-${STATS_MAX_CONNECTIONS.standard}}"`,
    ...socketLines(alone.socket),
    '',
    '# What the checks find, for pointsman to read as it happens: `show events` on the runtime socket.',
    `ring ${NOTICES_RING}`,
    '    format raw',
    `    maxlen ${RING.line}`,
    `    size ${RING.size}`,
    '',
    'defaults pointsman-http',
    ...httpDefaults(defaults),
    ...logLines('http', alone),
    '',
    'defaults pointsman-tcp',
    ...tcpDefaults(defaults),
    ...logLines('tcp', alone),
    '',
    ...(http === undefined ? [] : httpFrontendLines(http)),
  ];
  return lines.join('\n');
}

/**
 * `<prefix>/<proxy>/<hash>`: which installation and proxy, and a hash of everything else in the file. A worker whose stamp differs runs with another
 * global file, or without ours.
 */
export function stampOf(input: Omit<GlobalInput, 'stamp'>): string {
  return `${input.prefix}/${input.proxy}/${shortHash(renderGlobal({ ...input, stamp: 'none' }))}`;
}

/** The part of the defaults that a service of this mode inherits, as text. */
export function defaultsLines(mode: 'http' | 'tcp', defaults: ProxyDefaults): string[] {
  return mode === 'http' ? httpDefaults(defaults) : tcpDefaults(defaults);
}

/**
 * 12 hex digits: enough to tell two configs of one service apart, short enough to read. Comments do not count: a new pointsman that explains
 * a line better must not reload a fleet.
 */
export function shortHash(content: string): string {
  const directives = content.split('\n').filter((line) => !/^\s*(?:#|$)/.test(line));
  return createHash('sha256').update(directives.join('\n')).digest('hex').slice(0, 12);
}

function socketLines(socket: SocketAddress | null): string[] {
  if (socket === null) return [];
  return [
    '    # The runtime API, for pointsman alone; `expose-fd listeners` hands the listening sockets to the next worker at a reload.',
    `    stats socket ${socketWord(socket)}${socket.kind === 'unix' ? ' mode 600' : ''} level admin expose-fd listeners`,
  ];
}

function logLines(mode: 'http' | 'tcp', alone: Alone): string[] {
  return [
    ...(alone.logs ? ["    # To wherever the base file's `log` lines say.", '    log global', `    option ${mode}log`] : []),
    '    # Servers that go up or down. Requests are logged at level info, and so stay out.',
    `    log ring@${NOTICES_RING} local0 notice`,
  ];
}

function httpDefaults(defaults: ProxyDefaults): string[] {
  assert(isRetryOn(defaults.retryOn), `retryOn must be HAProxy's retry-on words, not ${JSON.stringify(defaults.retryOn)}`);
  return [
    '    mode http',
    ...commonDefaults(defaults),
    '    # Which failures are tried again at all.',
    `    retry-on ${defaults.retryOn}`,
    '    # At a reload, idle keep-alive connections are closed after their next response: none is cut while a request is on its way.',
    '    option idle-close-on-response',
  ];
}

function tcpDefaults(defaults: ProxyDefaults): string[] {
  return ['    mode tcp', ...commonDefaults(defaults)];
}

function commonDefaults(defaults: ProxyDefaults): string[] {
  const { timeouts } = defaults;
  return [
    `    timeout connect ${timeWord(timeouts.connect)}`,
    `    timeout client ${timeWord(timeouts.client)}`,
    `    timeout server ${timeWord(timeouts.server)}`,
    '    # Without it, a check of a hung server takes a whole interval to fail.',
    `    timeout check ${timeWord(timeouts.check)}`,
    `    retries ${countWord(defaults.retries, 0, RETRIES_MAX, 'retries')}`,
    ...(defaults.redispatch
      ? ['    # The first retry already goes to another server.', '    option redispatch 1']
      : ['    no option redispatch']),
    '    # Written out because its default is another one from HAProxy 3.3 on.',
    '    balance roundrobin',
  ];
}
