/** PURE. One of a Nerve service's `checks` as one of a registration's. */
import type { Draft, Place } from './draft.ts';
import { secondsOf } from './haproxy-time.ts';
import { isMap, type OldMap } from './old-map.ts';
import { oldText } from './old-text.ts';

/** Nerve's own defaults, in seconds and counts; written out, because ours are others. */
const DEFAULTS = { interval: 0.5, timeout: 0.1, rise: 1, fall: 1 };
const KINDS = new Set(['http', 'tcp', 'redis', 'rabbitmq', 'noop']);

/** Why such a check cannot be done here, so that its service is left; null: it can. */
export function whyNotCheck(type: unknown): string | null {
  if (typeof type === 'string' && KINDS.has(type)) return null;
  return `a check of type ${JSON.stringify(type ?? null)}: write what its gem does as \`exec: [program, arguments]\``;
}

/** Where the instance is, which Nerve checks unless a check says otherwise. */
export interface CheckedInstance {
  readonly host: unknown;
  readonly port: unknown;
  readonly interval: unknown;
}

export function carryCheck(check: OldMap, place: Place, instance: CheckedInstance, draft: Draft): void {
  const type = check.take('type');
  const carry = (key: string, to: readonly string[], value: unknown, why?: string): void =>
    draft.carry(check.at(key), [...place, ...to], value, why);
  if (type === 'http') carryHttp(check, place, draft);
  else if (type === 'redis') carry('type', ['redis'], true, 'PING alone, without the EXISTS that Nerve asks behind it');
  else if (type === 'rabbitmq') {
    carry('type', ['tcp'], true, 'a connection is enough; a program in `exec` can publish and consume as Nerve did');
    for (const key of ['username', 'password']) if (check.take(key) !== undefined) draft.left(check.at(key), 'a TCP check logs in nowhere');
  } else carry('type', ['tcp'], true);
  const { host = instance.host, port = instance.port } = { host: check.take('host'), port: check.take('port') };
  if (host !== instance.host && host !== undefined) carry('host', ['address'], host === 'localhost' ? '127.0.0.1' : host);
  if (port !== instance.port) carry('port', ['port'], Number(port));
  carryTimes(check, place, instance.interval, draft);
  if (check.take('name') !== undefined) draft.left(check.at('name'), 'a check is named by its number');
  for (const key of check.rest) draft.left(check.at(key), 'no option of a check that is known');
}

function carryTimes(check: OldMap, place: Place, interval: unknown, draft: Draft): void {
  draft.set([...place, 'interval'], secondsOf(interval) ?? secondsOf(DEFAULTS.interval));
  const timeout = check.take('timeout');
  const longest = Math.max(
    ...[timeout, check.take('read_timeout'), check.take('open_timeout'), check.take('ssl_timeout')].map((value) => Number(value ?? 0)),
  );
  const duration = secondsOf(longest > 0 ? longest : DEFAULTS.timeout);
  for (const key of ['timeout', 'read_timeout', 'open_timeout', 'ssl_timeout']) {
    if (!check.has(key)) continue;
    const same = secondsOf(check.take(key)) === duration;
    draft.carry(check.at(key), [...place, 'timeout'], duration, same ? undefined : 'one time for all of the check: the longest');
  }
  if (draft.get([...place, 'timeout']) === undefined) draft.set([...place, 'timeout'], duration);
  for (const key of ['rise', 'fall'] as const) {
    const value = check.take(key);
    if (value === undefined) draft.set([...place, key], DEFAULTS[key]);
    else draft.carry(check.at(key), [...place, key], Number(value));
  }
}

function carryHttp(check: OldMap, place: Place, draft: Draft): void {
  const uri = check.take('uri');
  draft.note('carried', check.at('type'), 'check.http', place);
  draft.carry(check.at('uri'), [...place, 'http'], `GET ${oldText(uri)}`);
  const ssl = check.take('ssl');
  if (ssl === true) draft.carry(check.at('ssl'), [...place, 'tls', 'verify'], 'none');
  else if (ssl !== undefined) draft.left(check.at('ssl'), 'false is what there is');
  const expect = check.take('expect');
  if (expect !== undefined) draft.carry(check.at('expect'), [...place, 'expect', 'body'], oldText(expect));
  const headers = check.take('headers');
  for (const [name, value] of Object.entries(isMap(headers) ? headers : {})) {
    const to = name.toLowerCase() === 'host' ? ['host'] : ['headers', name];
    draft.carry(`${check.at('headers')}.${name}`, [...place, ...to], oldText(value));
  }
}
