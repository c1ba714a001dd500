/**
 * PURE. The map of routes as a file. It is one on every version: a reload, or whoever starts HAProxy, must have its entries. What changes is changed
 * over the runtime API as well, without a reload.
 */
import { assert } from '../errors.ts';
import type { ServiceName } from '../model/ids.ts';
import { isRouteKey, type Routes, routeKey } from '../model/route.ts';
import type { ServiceConfig } from '../model/service-config.ts';
import { MANAGED_HEADER } from './render-global.ts';
import { nameWord } from './render-words.ts';

/** Of these services; of two that claim one key, the first by name has it. */
export function routesOf(services: Iterable<ServiceConfig>): Map<string, ServiceName> {
  const routes = new Map<string, ServiceName>();
  for (const config of [...services].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const key = routeKey(config);
    if (key !== null && !routes.has(key)) routes.set(key, config.name);
  }
  return routes;
}

/** The content of `routes.map`, sorted, so that a change is one line of a diff. */
export function renderRoutes(routes: Routes): string {
  const entries = [...routes].sort(([a], [b]) => (a < b ? -1 : 1));
  return [MANAGED_HEADER, ...entries.map(([key, service]) => `${routeKeyWord(key)} ${nameWord(service)}`), ''].join('\n');
}

export function routeKeyWord(key: string): string {
  assert(isRouteKey(key), `a route must be a host and path in plain characters, not ${JSON.stringify(key)}`);
  return key;
}
