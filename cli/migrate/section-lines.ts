/** PURE. The lines of a Synapse service's `frontend`, `backend` and `listen`: what pointsman has a key for becomes that key, the rest `extra`. */

import { balanceRefusal } from '../../shared/config/balance.ts';
import { carryCheckLine } from './check-lines.ts';
import { carryCommon } from './common-lines.ts';
import type { OldMap } from './old-map.ts';
import { belongsTo, isGone, type Section } from './section-keywords.ts';
import type { ServerWords } from './server-words.ts';
import type { ServiceTarget } from './service-target.ts';

const SECTIONS: readonly Section[] = ['frontend', 'backend'];
/** The managed sections have these lines by themselves, or need none. */
const OURS = /^(?:log global|option httplog|option tcplog|hash-type consistent|id \d+|enabled|load-server-state-from-file .*)$/;
/** What HAProxy would refuse, and the whole service with it. */
const REFUSED: readonly (readonly [RegExp, string])[] = [
  [/^(?:option external-check|external-check )/, 'it needs `external-check` in the base file: with that, write it into `extra`'],
  [/^use-server /, 'servers have other names here'],
];
const COOKIE = /^cookie (\S+)((?: \S+)*)$/;
/** `server NAME 10.0.0.9:8080 … backup` */
const SERVER = /^server \S+ (\S+)((?: \S+)*)$/;

/** The words of `default-server` lines, for what `server_options` say behind them. */
export function carrySections(haproxy: OldMap, target: ServiceTarget): ServerWords[] {
  const servers: ServerWords[] = [];
  for (const key of ['frontend', 'backend', 'listen'] as const) {
    for (const line of haproxy.takeLines(key)) {
      const option = `${haproxy.at(key)} "${line}"`;
      const sections = SECTIONS.filter((section) => (key === 'listen' || key === section) && belongsTo(section, line));
      const words = /^default-server (.+)$/.exec(line)?.[1];
      if (words !== undefined && sections.includes('backend')) servers.push({ option: `${haproxy.at(key)} default-server`, text: words });
      else carryLine(line, option, sections, target);
    }
  }
  return servers;
}

function carryLine(line: string, option: string, sections: readonly Section[], target: ServiceTarget): void {
  if (sections.length === 0) return target.left(option, 'Synapse discards it: it knows no such keyword for that section');
  if (isGone(line)) return target.left(option, 'HAProxy no longer has it');
  const refused = REFUSED.find(([pattern]) => pattern.test(line));
  if (refused !== undefined) return target.left(option, refused[1]);
  if (OURS.test(line)) return target.left(option, 'the managed sections need no such line, or have it by themselves');
  if (carryCommon(line, option, target.draft, target.place) || carryCheckLine(line, option, target)) return;
  if (carryKey(line, option, target)) return;
  for (const section of sections) {
    if (section === 'backend' || target.listens) target.add(option, ['extra', section], line);
    else if (sections.length === 1) target.left(option, 'the service has no port, so there is no frontend for it');
  }
}

/** Whether the line is a key of its own. */
function carryKey(line: string, option: string, target: ServiceTarget): boolean {
  const [word = '', first = ''] = line.split(' ');
  const rest = line.slice(line.indexOf(' ') + 1);
  switch (word) {
    case 'mode':
      if (first === 'http' || first === 'tcp') target.carry(option, ['mode'], first);
      else target.left(option, 'pointsman has mode http and tcp');
      return true;
    case 'balance':
      carryBalance(rest, option, target);
      return true;
    case 'hash-type':
      target.left(option, 'HAProxy adds servers at run time only with hash-type consistent, which is written where it matters');
      return true;
    case 'cookie':
      carryCookie(line, option, target);
      return true;
    case 'server':
      carryServer(line, option, target);
      return true;
    case 'bind':
    case 'default_backend':
      target.left(option, 'the frontend has its own `listen`, and leads to the service');
      return true;
    case 'disabled':
      target.left(option, 'there is no key to switch a section off: take the service out of the config');
      return true;
    default:
      return false;
  }
}

function carryBalance(text: string, option: string, target: ServiceTarget): void {
  const refusal = balanceRefusal(text);
  if (refusal === null) target.carry(option, ['balance'], text);
  else if (text === 'static-rr') target.carry(option, ['balance'], 'roundrobin', refusal);
  else target.left(option, `the service has another balance: ${refusal}`);
}

function carryCookie(line: string, option: string, target: ServiceTarget): void {
  const [, name = '', words = ''] = COOKIE.exec(line) ?? [];
  if (!/ insert\b/.test(words)) target.left(option, 'pointsman has cookies that HAProxy inserts, and no others');
  else if (words === ' insert indirect nocache') target.carry(option, ['cookie', 'name'], name);
  else target.carry(option, ['cookie', 'name'], name, 'it is written as `insert indirect nocache`');
}

function carryServer(line: string, option: string, target: ServiceTarget): void {
  const [, address = '', words = ''] = SERVER.exec(line) ?? [];
  if (/ backup\b/.test(words)) target.add(option, ['fallback'], address, 'its other words are those of all servers');
  else target.left(option, 'a server that takes requests besides the registered ones: register it, or make it a `fallback`');
}
