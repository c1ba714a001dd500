/**
 * PURE. By what the shared HTTP frontend finds a service: a host, a path prefix, or both. Written in HAProxy's maps and commands as they are, so only
 * whitelisted characters come through; a prefix ends at a slash, so that `/inventory` is not `/inventory2`.
 */
import type { ServiceName } from './ids.ts';

const HOST_MAX = 253;
const PREFIX_MAX = 256;
const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;
const SEGMENT = /^[A-Za-z0-9._~-]+$/;

/** What stands in the map: the beginning of `<host><path>/`, or of `<path>/`, and whose requests these are. */
export type Routes = ReadonlyMap<string, ServiceName>;

/** How the shared frontend finds a service; neither: it does not. */
interface Reached {
  readonly host?: string | undefined;
  readonly pathPrefix?: string | undefined;
}

/** A host name in lower case, without a dot at its end; HAProxy is asked for it as clients write it, in whatever case. Four numbers are an address, and fine. */
export function isRouteHost(host: string): boolean {
  return host.length <= HOST_MAX && host.split('.').every((label) => LABEL.test(label));
}

/** `/`, or plain segments, without a slash at the end, and none of them `.` or `..`. */
export function isPathPrefix(prefix: string): boolean {
  if (prefix === '/') return true;
  const [first, ...segments] = prefix.split('/');
  return first === '' && prefix.length <= PREFIX_MAX && segments.every((one) => SEGMENT.test(one) && one !== '.' && one !== '..');
}

/** null: the service is not reached through the shared frontend. */
export function routeKey({ host, pathPrefix }: Reached): string | null {
  if (host === undefined && pathPrefix === undefined) return null;
  return `${host ?? ''}${pathPrefix === undefined || pathPrefix === '/' ? '' : pathPrefix}/`;
}

/** Whether the text may stand in a map as a key. */
export function isRouteKey(key: string): boolean {
  if (!key.endsWith('/')) return false;
  const slash = key.indexOf('/');
  const [host, prefix] = [key.slice(0, slash), key.slice(slash, -1)];
  return (host === '' || isRouteHost(host)) && prefix !== '/' && isPathPrefix(prefix === '' ? '/' : prefix);
}
