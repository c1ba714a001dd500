/** HAProxy's files for the yardsticks: the same options that pointsman writes into its own, so that only the way of a change differs. */
import { serverWords } from '../../shared/haproxy/server-words.ts';
import type { Recipe } from './variant.ts';

export const BACKEND = 'inventory';

/** Up to the end of the backend's own lines. */
export function sections(port: number, recipe: Recipe): string {
  const { check } = recipe;
  return `defaults
    mode http
    timeout connect 5s
    timeout client 50s
    timeout server 50s
    timeout check 1s
    retries 3
    option redispatch 1
    retry-on conn-failure
    option idle-close-on-response

frontend in
    bind 127.0.0.1:${port}
    default_backend ${BACKEND}

backend ${BACKEND}
    balance roundrobin
${check.type === 'http' ? `    option httpchk ${check.method} ${check.path}\n` : ''}`;
}

/** pointsman's own words for a server, with `{id}` for its number. */
export function words({ check }: Recipe): string {
  const list = serverWords({ check, server: { maxConn: null } }, { id: 1, weight: 1 });
  return list.map((word, at) => (list[at - 1] === 'id' ? '{id}' : word)).join(' ');
}

/** The commands after `add server`, with `{server}` for it: with checks, down first, so that it takes no request before `rise` good ones. */
export function admission({ check }: Recipe): string[] {
  if (check.type === 'none') return ['set server {server} state ready'];
  return [
    'enable health {server}',
    'set server {server} state drain',
    'set server {server} health down',
    'set server {server} state ready',
  ];
}
