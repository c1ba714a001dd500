/**
 * PURE. A service as the program runs it. What is off is left out, so that a config that says nothing of an option reads, and is published, as it was before
 * there was the option.
 */
import type { DiscoverConfig } from '../model/discover.ts';
import type { AgentCheck, ServerOptions, ServerTls } from '../model/server-options.ts';
import type { CheckConfig, HttpCheck, ServiceConfig } from '../model/service-config.ts';
import type { ServicePath } from '../model/service-path.ts';
import type { CheckSection } from './check-schema.ts';
import type { DiscoverSection } from './discover-schema.ts';
import type { HaproxySection } from './schema.ts';
import type { ServerSection } from './server-schema.ts';
import type { ServiceSection } from './service-schema.ts';
import { preferOf, whereOf } from './where-schema.ts';

export function serviceConfig(name: string, service: ServiceSection, haproxy: HaproxySection): ServiceConfig {
  const { timeouts, cookie, retries, redispatch, retryOn, fallback, extra } = service;
  return {
    name,
    path: servicePath(service.path),
    format: service.format,
    ...said<Pick<ServiceConfig, 'endpoint'>>({ endpoint: service.endpoint }),
    ...(service.where === undefined ? {} : { where: whereOf(service.where) }),
    ...(service.prefer === undefined ? {} : { prefer: preferOf(service.prefer) }),
    ...said<Pick<ServiceConfig, 'farWeight' | 'weights'>>({ farWeight: service.farWeight, weights: service.weights }),
    listen: service.listen ?? null,
    ...said<Pick<ServiceConfig, 'host' | 'pathPrefix'>>({ host: service.host, pathPrefix: service.pathPrefix }),
    mode: service.mode,
    balance: service.balance,
    check: checkConfig(service.check),
    timeouts: {
      connect: timeouts.connect ?? null,
      client: timeouts.client ?? null,
      server: timeouts.server ?? null,
      check: timeouts.check ?? null,
      queue: timeouts.queue ?? null,
    },
    server: serverOptions(service.server),
    ...said<Pick<ServiceConfig, 'cookie' | 'retries' | 'redispatch' | 'retryOn' | 'fallback'>>({
      cookie,
      retries,
      redispatch,
      retryOn,
      fallback,
    }),
    ...(extra === undefined ? {} : { extra: said<NonNullable<ServiceConfig['extra']>>(extra) }),
    drainTimeout: haproxy.drainTimeout,
    guard: service.guard,
    flap: service.flap,
    warmUp: service.warmUp ?? null,
    allow: { ...service.allow, cidrs: [...service.allow.cidrs].sort() },
    maxInstances: service.maxInstances,
  };
}

function servicePath(path: ServiceSection['path']): ServicePath {
  if (typeof path === 'string') return path;
  return path.first === undefined ? { union: [...(path.union ?? [])].sort() } : { first: path.first };
}

export function discoverConfig({ root, children, host, like, maxServices }: DiscoverSection, haproxy: HaproxySection): DiscoverConfig {
  const { name: _name, path: _path, listen: _listen, ...template } = serviceConfig('', { ...like, path: '' }, haproxy);
  return { root, children: children ?? null, host: host ?? null, like: template, maxServices };
}

function serverOptions({ maxConn, options, tls, agent, ...others }: ServerSection): ServerOptions {
  return {
    maxConn: maxConn ?? null,
    ...(options === undefined || options.length === 0 ? {} : { options: [...new Set(options)].sort() }),
    ...said<Omit<ServerOptions, 'maxConn' | 'options' | 'tls' | 'agent'>>(others),
    ...(tls === undefined ? {} : { tls: said<ServerTls>(tls) }),
    ...(agent === undefined ? {} : { agent: said<AgentCheck>(agent) }),
  };
}

function checkConfig(check: CheckSection): CheckConfig {
  if (check === 'none') return { type: 'none' };
  const { http, host, headers, expect, tcp: _said, ...numbers } = check;
  if (http === undefined) return { type: 'tcp', ...said<Numbers>(numbers) };
  const request = { host, headers, expect: expect === undefined ? undefined : said<NonNullable<HttpCheck['expect']>>(expect) };
  return { type: 'http', ...http, ...said<HttpCheck>(request), ...said<Numbers>(numbers) };
}

type Numbers = Omit<Extract<CheckConfig, { type: 'tcp' }>, 'type'>;

/** Without what was not written. */
function said<T extends object>(values: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(values).filter(([, one]) => one !== undefined)) as T;
}
