/** PURE. A service's lines in Synapse's shared frontend as `host` and `pathPrefix`, where they are no more than one host, one path, or both. */
import type { OldMap } from './old-map.ts';
import type { ServiceTarget } from './service-target.ts';

const HOST = /^acl (\S+) (hdr|hdr_dom|hdr_beg|req\.hdr)\([Hh]ost\)(?: -i)? (\S+)$/;
const PATH = /^acl (\S+) path_beg(?: -i)? (\S+)$/;
const USE = /^use_backend (\S+) if ((?:\S+ ?)+)$/;

/** `open`: there is a shared frontend at all. `backend`: what the service's backend is called there. */
export function carrySharedFrontend(haproxy: OldMap, open: boolean, backend: string, target: ServiceTarget): void {
  const lines = haproxy.takeLines('shared_frontend');
  const option = (line: string): string => `${haproxy.at('shared_frontend')} "${line}"`;
  if (lines.length === 0) return;
  if (!open) {
    for (const line of lines) target.left(option(line), 'there is no shared_frontend of the whole with a `bind`');
    return;
  }
  const hosts = lines.filter((line) => HOST.test(line));
  const paths = lines.filter((line) => PATH.test(line));
  const uses = lines.filter((line) => USE.test(line));
  const acls = [...hosts, ...paths].map((line) => (HOST.exec(line) ?? PATH.exec(line))?.[1]);
  const [, used, condition = ''] = USE.exec(uses[0] ?? '') ?? [];
  const simple = lines.length === acls.length + 1 && uses.length === 1 && hosts.length <= 1 && paths.length <= 1;
  if (!simple || used !== backend || condition.trim().split(' ').sort().join(' ') !== acls.sort().join(' ')) {
    for (const line of lines)
      target.left(option(line), 'the shared frontend goes by one host and one path of a service: give it `host` and `pathPrefix`');
    return;
  }
  for (const line of hosts) {
    const [, , match, host = ''] = HOST.exec(line) ?? [];
    const exact = match === 'hdr' || match === 'req.hdr';
    target.carry(option(line), ['host'], host, exact ? undefined : 'only this host, and none that it is a part of');
  }
  for (const line of paths)
    target.carry(option(line), ['pathPrefix'], PATH.exec(line)?.[2], 'this path and what is below it, not what begins like it');
  const where = hosts.length > 0 ? 'host' : 'pathPrefix';
  for (const line of uses) target.draft.note('carried', option(line), where, [...target.place, where]);
}
