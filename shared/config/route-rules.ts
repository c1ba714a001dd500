/** PURE. The rules of the shared HTTP frontend: who is reached through it, and that no two services claim the same requests. */
import { routeKey } from '../model/route.ts';
import type { DiscoverSection } from './discover-schema.ts';
import type { RuleBreach } from './rules.ts';
import type { ProxySection } from './schema.ts';
import type { ServiceSection } from './service-schema.ts';

export function routes(services: ReadonlyMap<string, Partial<ServiceSection>>): RuleBreach[] {
  const owners = new Map<string, string>();
  return [...services].flatMap(([name, service]) => {
    const { host, mode } = service;
    const key = routeKey(service);
    if (key === null) return [];
    const path = ['services', name, host === undefined ? 'pathPrefix' : 'host'];
    if (mode === 'tcp') return [{ path, found: `${path[2]} with mode: tcp`, expected: 'mode: http, or a listen of its own' }];
    const owner = owners.get(key);
    owners.set(key, owner ?? name);
    return owner === undefined ? [] : [{ path, found: `${key}, which service ${owner} has`, expected: 'a host and pathPrefix of its own' }];
  });
}

export function sharedFrontend(id: string, proxy: ProxySection): RuleBreach[] {
  if (proxy.http === undefined || !proxy.runtimeOnly) return [];
  return [{ path: ['proxies', id, 'http'], found: 'http with runtimeOnly', expected: 'managed files: the frontend is in them' }];
}

export function discovery(entries: readonly DiscoverSection[]): RuleBreach[] {
  const roots = new Set<string>();
  return entries.flatMap(({ root, host, like }, index): RuleBreach[] => {
    const again = roots.has(root);
    roots.add(root);
    return [
      ...(again
        ? [{ path: ['discover', index, 'root'], found: `${root}, which an earlier entry has`, expected: 'a root of its own' }]
        : []),
      ...(host !== undefined && like.mode === 'tcp'
        ? [{ path: ['discover', index, 'host'], found: 'host with mode: tcp', expected: 'mode: http' }]
        : []),
    ];
  });
}
