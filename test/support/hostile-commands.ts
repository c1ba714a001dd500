/**
 * Commands with fields that nobody should have let through, and the judgement of what the encoder made of them: nothing, or lines of which the CLI
 * oracle reads exactly the commands that were meant, with the fields as single words.
 */
import { assert } from '../../shared/errors.ts';
import { linesOf } from '../../shared/haproxy/encode.ts';
import type { Capabilities } from '../../shared/model/capabilities.ts';
import type { ServerOptions } from '../../shared/model/server-options.ts';
import type { Command, CommandKind } from '../../shared/plan/command.ts';
import { readCli } from './cli-oracle.ts';
import { HTTP_CHECK } from './samples.ts';

/** What the CLI takes for syntax, what other syntaxes do, and pieces of commands. */
const PIECES = [
  ...[
    ';',
    '\n',
    '\r',
    ' ',
    '\t',
    '\0',
    '\\',
    '\\;',
    '<<',
    ' <<',
    '<<x',
    '/',
    '#',
    '"',
    "'",
    '$',
    '{',
    '@',
    '%',
    ',',
    '\u2028',
    'é',
    '：',
    '\u00a0',
  ],
  ...[
    '\n\n',
    ';set server canary/canary state maint',
    '\ndel server canary/canary',
    ' backup',
    ' weight 256',
    'unix@/run/x.sock',
    '-1',
    '0x50',
  ],
];
const NAMES = ['a', 'web', '10.0.0.1:80', '2001:db8::1:80', 'x'.repeat(128), 'x'.repeat(129), '', '..', '__proto__'];
const ADDRESSES = [
  '10.0.0.1',
  '::1',
  '2001:db8::9',
  '0.0.0.0',
  '::',
  '127.0.0.300',
  'localhost',
  '*',
  'fe80::1%eth0',
  '::ffff:0.0.0.0',
  '',
];
const NUMBERS: readonly unknown[] = [
  0,
  1,
  80,
  256,
  257,
  65_535,
  65_536,
  2 ** 31,
  2 ** 53,
  -1,
  -0,
  1.5,
  1e21,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  '80',
  null,
];
const KINDS: readonly CommandKind[] = [
  ...([
    'add',
    'admit',
    'enable-health',
    'ready',
    'drain',
    'maint',
    'address',
    'weight',
    'shutdown-sessions',
    'delete',
    'max-conn',
    'check-target',
    'agent-target',
  ] as const),
];

/** Chance with a seed, 32 bits of it (xorshift): a million draws take seconds, and the same seed gives the same ones. */
export class Draws {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 1;
  }

  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }

  of<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    assert(item !== undefined, 'there is something to draw from');
    return item;
  }
}

/** Good, or good with something that does not belong there, or neither. */
export function hostileText(draws: Draws, good: readonly string[]): string {
  const base = draws.of(good);
  switch (draws.below(4)) {
    case 0:
      return base;
    case 1: {
      const at = draws.below(base.length + 1);
      return base.slice(0, at) + draws.of(PIECES) + base.slice(at);
    }
    case 2:
      return base + String.fromCharCode(draws.below(draws.below(2) === 0 ? 128 : 65_536));
    default:
      return Array.from({ length: draws.below(6) }, () => draws.of(PIECES)).join('');
  }
}

/** With mostly one field that is bad, so that the first bad one hides no other. `backend`: fixed, for a HAProxy that has it. */
export function hostileCommand(draws: Draws, backend: string | null = null, kinds: readonly CommandKind[] = KINDS): Command {
  const bad = draws.below(7);
  const number = (at: number, good: number): number =>
    bad === at || bad === 6 ? (draws.of<unknown>([...NUMBERS, hostileText(draws, ['80'])]) as number) : good;
  const word = (at: number, goods: readonly string[]): string =>
    bad === at || bad === 6 ? hostileText(draws, goods) : (goods[draws.below(3)] ?? '');
  const command = {
    kind: draws.of(kinds),
    backend: backend ?? word(0, NAMES),
    server: word(1, NAMES),
    address: word(2, ADDRESSES),
    port: number(3, 80),
    id: number(4, 1 + draws.below(1_000_000)),
    weight: number(5, 1),
    checked: draws.below(2) === 0,
    maxConn: number(3, 80),
    config: {
      check: draws.below(2) === 0 ? HTTP_CHECK : { type: 'none' },
      server: draws.below(4) === 0 ? hostileOptions(draws) : { maxConn: null },
    },
  };
  return command as unknown as Command;
}

const PATHS = ['/etc/ssl/ca.pem', '/a-b/c_d.crt', '/x'];

function hostileOptions(draws: Draws): unknown {
  const bad = draws.below(8);
  const text = (at: number, goods: readonly string[]): string => (bad === at ? hostileText(draws, goods) : draws.of(goods));
  return {
    maxConn: draws.below(2) === 0 ? null : 5,
    source: text(0, ADDRESSES),
    onError: text(1, ['mark-down']),
    tls: { verify: 'required', ca: text(2, PATHS), cert: text(3, PATHS), sni: text(4, ['a.internal']), alpn: [text(5, ['h2'])] },
    agent: { port: 9_000, interval: 1_000, address: text(6, ADDRESSES), send: text(7, ['hi']) },
  };
}

/** The lines, or null: the encoder refused. Throws when it made something that is not what was meant. */
export function encodedOrRefused(command: Command, capabilities: Capabilities): string[] | null {
  let lines: readonly { readonly text: string }[];
  try {
    lines = linesOf(command, capabilities);
  } catch (error) {
    if (String(error).includes('assertion failed')) return null;
    throw error;
  }
  const texts = lines.map((line) => line.text);
  const read = readCli(`${texts.join('\n')}\n`);
  const wrong = (what: string): never => {
    throw new Error(`${what}: ${JSON.stringify(command)} became ${JSON.stringify(texts)}`);
  };
  if (read.length !== texts.length) wrong(`${read.length} commands are read of ${texts.length} lines`);
  for (const { words, payload } of read) {
    if (payload !== null) wrong('a payload');
    if (words.length > 60) wrong('too many words');
    if (words[whereAt(words)] !== `${command.backend}/${command.server}`) wrong('not the server that was meant');
    if (!isMeant(words, command)) wrong('not the words that were meant');
  }
  return texts;
}

function whereAt(words: readonly string[]): number {
  return words[0] === 'shutdown' || words[0] === 'wait' || words[1] === 'maxconn' ? 3 : 2;
}

/** Each option stands there as one word. */
function areMeant(words: readonly string[], { source, onError, tls, agent }: ServerOptions): boolean {
  const said = [source, onError, tls?.ca, tls?.cert, tls?.sni === undefined ? undefined : `str(${tls.sni})`, agent?.address, agent?.send];
  return said.every((word) => word === undefined || words.includes(word) || words.includes(`[${word}]`));
}

/** Every word is one that the encoder's own text has, or a field as it is. */
function isMeant(words: readonly string[], command: Command): boolean {
  const [first, , , ...rest] = words;
  if (first === 'add' && command.kind === 'add') {
    const { address, port, id, weight } = command;
    const at = rest[0] === `${address.includes(':') ? `[${address}]` : address}:${port}`;
    const value = (key: string): string | undefined => rest[rest.indexOf(key) + 1];
    const once = ['weight', 'id', 'source', 'ca-file', 'crt', 'agent-send'].every((key) => rest.filter((word) => word === key).length <= 1);
    return at && value('id') === String(id) && value('weight') === String(weight) && once && areMeant(rest, command.config.server);
  }
  if (first === 'wait') return rest.length === 1 && command.kind === 'delete' && words[1] === '50ms' && words[2] === 'srv-removable';
  if (first === 'del' || first === 'enable') return rest.length === 0;
  if (first === 'shutdown') return words.length === 4;
  if (first !== 'set') return false;
  if (words[1] === 'maxconn') return command.kind === 'max-conn' && words[4] === String(command.maxConn) && words.length === 5;
  const [what, value, ...more] = rest;
  if (command.kind === 'check-target' || command.kind === 'agent-target')
    return (
      what === `${command.kind.slice(0, 5)}-addr` &&
      value === command.address &&
      more.join(' ') === (command.port === null ? '' : `port ${command.port}`)
    );
  if (what === 'state' || what === 'health') return more.length === 0 && /^(ready|drain|maint|up|down)$/.test(value ?? '');
  if (command.kind === 'weight') return what === 'weight' && value === String(command.weight) && more.length === 0;
  return command.kind === 'address' && what === 'addr' && value === command.address && more.join(' ') === `port ${command.port}`;
}
