/**
 * PURE. Commands as lines of the runtime API (management guide, "Unix Socket commands"). Nothing is escaped: every field is whitelisted, and
 * one that does not pass is a programmer's error, since what comes from outside was validated where it came in. So no data can add a
 * command, a word or an address that is not an IP address. One line is one command and gets one reply; no line ends in LF.
 */
import { isIP } from 'node:net';
import { assert } from '../errors.ts';
import type { Capabilities } from '../model/capabilities.ts';
import { MAX_CONN_MAX } from '../model/server-options.ts';
import type { Command } from '../plan/command.ts';
import { serverWords, WEIGHT_MAX } from './server-words.ts';

/** HAProxy takes 64 words and silently drops the rest; its line buffer is 16,384 bytes, and a longer line closes the connection without a word. */
const WORDS_MAX = 60;
export const LINE_BYTES_MAX = 8_000;

/** ms. It holds up the commands behind it, and one that is not enough is made up for by the next look. */
export const REMOVABLE_WAIT_MS = 50;

const NAME = /^[A-Za-z0-9_.:-]{1,128}$/;

/** What a line is, which decides what may be answered. */
export type LineClass = 'add' | 'state' | 'health' | 'address' | 'weight' | 'max-conn' | 'wait' | 'shutdown-sessions' | 'delete';
export interface Line {
  readonly text: string;
  readonly class: LineClass;
}

export function encode(command: Command, capabilities: Capabilities): string[] {
  return linesOf(command, capabilities).map((line) => line.text);
}

export function linesOf(command: Command, capabilities: Capabilities): Line[] {
  const at = `${name(command.backend)}/${name(command.server)}`;
  switch (command.kind) {
    case 'add':
      return addLines(command, at, capabilities);
    case 'admit':
      return [...agentLines(at, command.agent === true), ...(command.checked ? checkedAdmission(at) : uncheckedAdmission(at))];
    case 'enable-health':
      return [line('health', `enable health ${at}`)];
    case 'ready':
    case 'drain':
    case 'maint':
      return [state(at, command.kind)];
    case 'address':
      return [line('address', `set server ${at} addr ${ip(command.address)} port ${port(command.port)}`)];
    case 'weight':
      return [line('weight', `set server ${at} weight ${whole(command.weight, 0, WEIGHT_MAX, 'weight')}`)];
    case 'max-conn':
      return [line('max-conn', `set maxconn server ${at} ${whole(command.maxConn, 0, MAX_CONN_MAX, 'maxconn')}`)];
    case 'check-target':
      return [line('health', `set server ${at} ${targetWords('check', command)}`)];
    case 'agent-target':
      return [line('health', `set server ${at} ${targetWords('agent', command)}`)];
    case 'shutdown-sessions':
      return [line('shutdown-sessions', `shutdown sessions server ${at}`)];
    case 'delete':
      return deleteLines(at, capabilities);
  }
}

function addLines(command: Command & { kind: 'add' }, at: string, capabilities: Capabilities): Line[] {
  const address = isIP(command.address) === 6 ? `[${ip(command.address)}]` : ip(command.address);
  // Before 3.0 a server added at runtime has a dynamic cookie only once its address was changed.
  const moves = command.config.cookie !== undefined && !capabilities.poolsByDefault;
  const first = moves ? (command.port % 65_535) + 1 : command.port;
  const words = ['add', 'server', at, `${address}:${port(first)}`, ...serverWords(command.config, command)];
  const checked = command.config.check.type !== 'none';
  const more = [
    ...(moves ? [line('address', `set server ${at} addr ${ip(command.address)} port ${port(command.port)}`)] : []),
    ...agentLines(at, command.config.server.agent !== undefined),
  ];
  const addition = (last: readonly string[] = []): Line => line('add', [...words, ...last].join(' '));
  if (!checked) return [addition(), ...more, state(at, 'ready')];
  if (!capabilities.initState) return [addition(), ...more, ...checkedAdmission(at)];
  // From 3.1 HAProxy itself holds the server down until `rise` checks in a row have passed.
  return [addition(['init-state', 'fully-down']), ...more, line('health', `enable health ${at}`), state(at, 'ready')];
}

function agentLines(at: string, there: boolean): Line[] {
  return there ? [line('health', `enable agent ${at}`)] : [];
}

function targetWords(
  of: 'check' | 'agent',
  { address, port: to }: { readonly address: string | null; readonly port: number | null },
): string {
  assert(address !== null || to !== null, `another target of the ${of} has another address, port or both`);
  if (address === null) return `${of}-port ${port(to ?? 0)}`;
  return to === null ? `${of}-addr ${ip(address)}` : `${of}-addr ${ip(address)} port ${port(to)}`;
}

/** Idle connections are closed by other threads of HAProxy, mostly within a millisecond; `wait` returns as soon as none is left. */
function deleteLines(at: string, capabilities: Capabilities): Line[] {
  const wait = capabilities.waitRemovable ? [line('wait', `wait ${REMOVABLE_WAIT_MS}ms srv-removable ${at}`)] : [];
  return [...wait, line('delete', `del server ${at}`)];
}

/**
 * Down first, then ready: HAProxy turns the server up after `rise` good checks, and until then no request goes there. A plain `ready`
 * would send traffic before the first check. Drain comes first because only a server out of maint is checked, and drain takes no requests.
 */
function checkedAdmission(at: string): Line[] {
  return [line('health', `enable health ${at}`), state(at, 'drain'), line('health', `set server ${at} health down`), state(at, 'ready')];
}

/** `health up`: a server without a check that was ever set down would stay so, whatever its state. */
function uncheckedAdmission(at: string): Line[] {
  return [line('health', `set server ${at} health up`), state(at, 'ready')];
}

function state(at: string, to: 'ready' | 'drain' | 'maint'): Line {
  return line('state', `set server ${at} state ${to}`);
}

function line(lineClass: LineClass, text: string): Line {
  assert(text.split(' ').length <= WORDS_MAX, `a command may have ${WORDS_MAX} words`);
  assert(text.length < LINE_BYTES_MAX, `a command may have ${LINE_BYTES_MAX} bytes`);
  return { class: lineClass, text };
}

/** A backend's or a server's name in HAProxy's characters. */
export function name(text: string): string {
  assert(typeof text === 'string' && NAME.test(text), `not a name in HAProxy's characters: ${JSON.stringify(text)?.slice(0, 200)}`);
  return text;
}

/** HAProxy would resolve a name never, take a socket's path, and connect an unspecified address to whatever the client dialled. */
function ip(text: string): string {
  const version = typeof text === 'string' ? isIP(text) : 0;
  const unspecified =
    version === 4 ? text.startsWith('0.') : version === 6 && /^\[::(ffff:0:0)?\]$/.test(new URL(`http://[${text.split('%')[0]}]`).hostname);
  assert(version !== 0 && !text.includes('%') && !unspecified, `not an IP address to connect to: ${JSON.stringify(text)?.slice(0, 200)}`);
  return text;
}

/** HAProxy wraps a port beyond the range (70000 becomes 4464). */
function port(value: number): string {
  return whole(value, 1, 65_535, 'port');
}

export function whole(value: number, min: number, max: number, what: string): string {
  assert(
    Number.isInteger(value) && value >= min && value <= max,
    `${what} must be a whole number from ${min} to ${max}, not ${String(value)}`,
  );
  return String(value);
}
