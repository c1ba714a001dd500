/**
 * PURE. The words of `server_options` and `default-server` (HAProxy's manual, 5.2) as a service's `check`, `server` and the like. Words of which pointsman
 * has no key are left with a line each.
 */
import { durationOf } from './haproxy-time.ts';
import type { ServiceTarget } from './service-target.ts';

type Kind = 'time' | 'count' | 'text';

/** Word with one argument → key and kind. */
const KEYS: Readonly<Record<string, readonly [keys: readonly string[], kind: Kind]>> = {
  inter: [['check', 'interval'], 'time'],
  fastinter: [['check', 'fastInterval'], 'time'],
  downinter: [['check', 'downInterval'], 'time'],
  rise: [['check', 'rise'], 'count'],
  fall: [['check', 'fall'], 'count'],
  port: [['check', 'port'], 'count'],
  addr: [['check', 'address'], 'text'],
  slowstart: [['warmUp'], 'time'],
  maxconn: [['server', 'maxConn'], 'count'],
  maxqueue: [['server', 'maxQueue'], 'count'],
  observe: [['server', 'observe'], 'text'],
  'error-limit': [['server', 'errorLimit'], 'count'],
  'on-error': [['server', 'onError'], 'text'],
  'on-marked-down': [['server', 'onMarkedDown'], 'text'],
  source: [['server', 'source'], 'text'],
  verify: [['server', 'tls', 'verify'], 'text'],
  'ca-file': [['server', 'tls', 'ca'], 'text'],
  crt: [['server', 'tls', 'cert'], 'text'],
  'agent-port': [['server', 'agent', 'port'], 'count'],
  'agent-inter': [['server', 'agent', 'interval'], 'time'],
  'agent-addr': [['server', 'agent', 'address'], 'text'],
  'agent-send': [['server', 'agent', 'send'], 'text'],
};
const WHY_NOT: Readonly<Record<string, string>> = {
  weight: 'it is the same for all servers; a weight of its own is in the registration',
  cookie: '`cookie` of the service gives each server a value that follows from its address',
  id: 'pointsman gives each server its id',
  backup: 'all servers of the service would be backups; `fallback` names some that are',
  disabled: 'pointsman says which servers are in',
  'init-addr': 'names are resolved by pointsman, HAProxy sees addresses',
  resolvers: 'names are resolved by pointsman, HAProxy sees addresses',
  'resolve-prefer': 'names are resolved by pointsman, HAProxy sees addresses',
};
/** Without these the servers would not understand what they are sent. */
const SPOKEN = new Set(['proto', 'socks4', 'send-proxy-v2-ssl', 'send-proxy-v2-ssl-cn']);
const WITH_ARGUMENT = new Set(
  'alpn check-sni check-alpn ciphers cookie crl-file id init-addr minconn namespace on-marked-up pool-max-conn proto redir resolve-net resolve-opts resolve-prefer resolvers sni socks4 tcp-ut track usesrc weight'.split(
    ' ',
  ),
);

/** Words, and the option in which they stand. */
export interface ServerWords {
  readonly option: string;
  readonly text: string;
}

/** HAProxy's `ssl-server-verify`: what `ssl` alone means. */
export type DefaultVerify = 'required' | 'none';

/** What stands further back counts. True: the servers are checked. */
export function carryServerWords(parts: readonly ServerWords[], verify: DefaultVerify, target: ServiceTarget): boolean {
  const seen = new Set<string>();
  for (const { option, text } of parts) {
    const words = text.split(/\s+/).filter((word) => word !== '');
    while (words.length > 0) {
      const word = words.shift() ?? '';
      const argument = takesArgument(word) ? (words.shift() ?? '') : null;
      seen.add(word);
      carryWord(word, argument ?? '', `${option} "${argument === null ? word : `${word} ${argument}`}"`, target);
    }
  }
  const tls = [...target.place, 'server', 'tls'];
  if (!seen.has('ssl') && target.draft.get(tls) !== undefined) target.draft.remove(tls, 'there is no `ssl` beside it');
  if (seen.has('ssl') && target.get('server', 'tls', 'verify') === undefined) target.set(['server', 'tls', 'verify'], verify);
  const agent = [...target.place, 'server', 'agent'];
  if (!seen.has('agent-check') && target.draft.get(agent) !== undefined) target.draft.remove(agent, 'there is no `agent-check` beside it');
  return seen.has('check');
}

function takesArgument(word: string): boolean {
  return Object.hasOwn(KEYS, word) || WITH_ARGUMENT.has(word);
}

function carryWord(word: string, argument: string, option: string, target: ServiceTarget): void {
  const at = (...keys: readonly string[]): readonly PropertyKey[] => [...target.place, ...keys];
  const known = Object.hasOwn(KEYS, word) ? KEYS[word] : undefined;
  if (argument.includes('%{')) target.left(option, 'what differs from server to server has no key, but for what the registration says');
  else if (known !== undefined) carryArgument(known, argument, option, target);
  else if (word === 'check') target.draft.note('carried', option, 'check', at('check'));
  else if (word === 'ssl') target.draft.note('carried', option, 'server.tls', at('server', 'tls'));
  else if (word === 'agent-check') target.draft.note('carried', option, 'server.agent', at('server', 'agent'));
  else if (word === 'sni') carrySni(argument, option, target);
  else if (word === 'alpn') target.carry(option, ['server', 'tls', 'alpn'], argument.split(','));
  else if (word === 'send-proxy') target.carry(option, ['server', 'sendProxy'], 'v1');
  else if (word === 'send-proxy-v2') target.carry(option, ['server', 'sendProxy'], 'v2');
  else if (SPOKEN.has(word)) target.unspoken = word;
  else target.left(option, (Object.hasOwn(WHY_NOT, word) ? WHY_NOT[word] : undefined) ?? 'pointsman has no key for it');
}

function carryArgument([keys, kind]: readonly [readonly string[], Kind], argument: string, option: string, target: ServiceTarget): void {
  if (kind === 'count') return target.carry(option, keys, Number(argument));
  if (kind === 'text') return target.carry(option, keys, argument);
  const duration = durationOf(argument);
  if (duration === null) target.left(option, `${argument} is no time of HAProxy's`);
  else target.carry(option, keys, duration, keys[0] === 'warmUp' ? 'of instances that are new, not of those that were down' : undefined);
}

function carrySni(argument: string, option: string, target: ServiceTarget): void {
  const [, name] = /^str\(([^)]+)\)$/.exec(argument) ?? [];
  if (name === undefined) target.left(option, 'only a fixed name, `sni str(NAME)`, has a key');
  else target.carry(option, ['server', 'tls', 'sni'], name);
}
