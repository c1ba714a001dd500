/**
 * PURE. What a backend can be made from at runtime (HAProxy 3.4, `add backend … from`): a named defaults section for each way in which services without a
 * listener of their own are configured. A new service that is like one before needs no reload.
 */

import type { ProxyDefaults } from '../model/proxy-config.ts';
import { routeKey } from '../model/route.ts';
import type { ServiceConfig } from '../model/service-config.ts';
import { defaultsLines, MANAGED_HEADER, shortHash } from './render-global.ts';
import { bodyLines } from './render-service.ts';

export const SHAPES_FILE = '05-shapes.cfg';

type Shaped = Omit<ServiceConfig, 'name' | 'path'>;

/**
 * The name of the section that holds all that the service's backend needs; null: there cannot be one, because it is not reached by the shared frontend alone,
 * or has lines that are its own (a cookie's key, servers in the file, lines of the operator's).
 */
export function shapeOf(config: Shaped, defaults: ProxyDefaults): string | null {
  const { listen, cookie, fallback, extra, server, mode } = config;
  const own =
    cookie !== undefined || fallback !== undefined || extra !== undefined || server.tls?.ca !== undefined || server.tls?.cert !== undefined;
  if (listen !== null || mode !== 'http' || routeKey(config) === null || own) return null;
  return `pointsman-like-${shortHash([...defaultsLines(mode, defaults), ...bodyLines(config)].join('\n'))}`;
}

/**
 * The content of `05-shapes.cfg`. No section has a `log` line, not even `log global`: the worker of HAProxy 3.4.0 corrupts its memory and dies within some requests
 * to a backend that inherits one to a ring at runtime. So its notices of such a backend's servers are not heard of, and the observer's poll sees what changed.
 */
export function renderShapes(configs: Iterable<Shaped>, defaults: ProxyDefaults): string {
  const sections = new Map<string, string[]>();
  for (const config of configs) {
    const shape = shapeOf(config, defaults);
    if (shape !== null) sections.set(shape, [`defaults ${shape}`, ...defaultsLines('http', defaults), ...bodyLines(config), '']);
  }
  const inOrder = [...sections].sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    MANAGED_HEADER,
    '# What backends are made from at runtime, where HAProxy can (from 3.4 on).',
    '',
    ...inOrder.flatMap(([, lines]) => lines),
  ].join('\n');
}
