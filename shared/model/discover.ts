/**
 * PURE. Services that are found below a znode: which of its children are one, and what is configured for them. Children are named by strangers: one that
 * cannot be a service is refused with the reason, and none shadows a configured service, or one that was found before.
 */
import { isName, type ServiceName } from './ids.ts';
import { isRouteHost, routeKey } from './route.ts';
import type { ServiceConfig } from './service-config.ts';
import { pathsOf } from './service-path.ts';

/** Stands for the service's name in a host. */
export const SERVICE_PLACE = '{service}';

export interface DiscoverConfig {
  /** The parent of the services' znodes. */
  readonly root: string;
  /** The parent of a service's instances, below its znode; null: its znode itself. */
  readonly children: string | null;
  /** With SERVICE_PLACE in it; null: they are backends only. */
  readonly host: string | null;
  readonly like: Omit<ServiceConfig, 'name' | 'path' | 'listen' | 'host' | 'pathPrefix'>;
  readonly maxServices: number;
}

export interface Found {
  readonly discover: DiscoverConfig;
  /** Of the children that count as there. */
  readonly names: Iterable<string>;
}

export interface RefusedChild {
  /** As it is in Zookeeper. */
  readonly name: string;
  readonly root: string;
  readonly reason: string;
}

export interface Discovered {
  readonly services: readonly ServiceConfig[];
  readonly refused: readonly RefusedChild[];
}

export interface Beside {
  readonly configured: readonly ServiceConfig[];
  /** Services found before keep their place when there are too many. */
  readonly before: ReadonlySet<ServiceName>;
  /** Our own znodes. */
  readonly root: string;
}

export function discoveredPath({ root, children }: DiscoverConfig, name: string): string {
  return children === null ? `${root}/${name}` : `${root}/${name}/${children}`;
}

export function discoveredServices(found: readonly Found[], { configured, before, root }: Beside): Discovered {
  const ours = { names: new Set(configured.map(({ name }) => name)), paths: new Set(configured.flatMap(({ path }) => pathsOf(path))) };
  const owners = new Map(configured.flatMap((config) => (routeKey(config) === null ? [] : [[routeKey(config), config.name] as const])));
  const services = new Map<ServiceName, ServiceConfig>();
  const refused: RefusedChild[] = [];
  for (const { discover, names } of found) {
    let count = 0;
    const inOrder = [...names].sort((a, b) => Number(before.has(b)) - Number(before.has(a)) || (a < b ? -1 : 1));
    for (const name of inOrder) {
      const path = discoveredPath(discover, name);
      if (ours.names.has(name) || ours.paths.has(path)) continue;
      const config = serviceOf(discover, name, path);
      const key = typeof config === 'string' ? null : routeKey(config);
      const reason = typeof config === 'string' ? config : whyNot(config);
      if (typeof config === 'string' || reason !== null) {
        refused.push({ name, root: discover.root, reason: reason ?? '' });
        continue;
      }
      services.set(name, config);
      if (key !== null) owners.set(key, name);
      count += 1;
    }

    function whyNot(config: ServiceConfig): string | null {
      const key = routeKey(config);
      const owner = key === null ? undefined : owners.get(key);
      if (`${discover.root}/${config.name}` === root) return "it holds pointsman's own znodes";
      if (services.has(config.name)) return `service ${config.name} was found elsewhere`;
      if (owner !== undefined) return `its host ${config.host} is that of service ${owner}`;
      return count >= discover.maxServices ? `there are more than maxServices (${discover.maxServices})` : null;
    }
  }
  return { services: [...services.values()], refused };
}

/** A text: why it cannot be one. */
function serviceOf({ like, host: template }: DiscoverConfig, name: string, path: string): ServiceConfig | string {
  if (!isName(name)) return 'its name is no name of a service: 1 to 64 letters, digits, `_`, `.`, `-`';
  if (template === null) return { ...like, name, path, listen: null };
  const host = template.replaceAll(SERVICE_PLACE, name.toLowerCase());
  return isRouteHost(host) ? { ...like, name, path, listen: null, host } : `${host} is no host name`;
}
