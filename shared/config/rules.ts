/**
 * PURE. The rules across keys: what each key alone cannot show. Rules about what a section lacks look only at sections that are
 * valid; rules about what two of them share look at every key that is, so that one mistake hides no other.
 */
import { isIP } from 'node:net';
import { posix } from 'node:path';
import { formatListen, formatSocketAddress, isLoopback, type ListenAddress, parseListen } from './address.ts';
import { needsHttp } from './balance.ts';
import { ListenClaims } from './listen-claims.ts';
import { registerOverlaps } from './register-overlaps.ts';
import { registrarListener, registrations } from './register-rules.ts';
import { discovery, routes, sharedFrontend } from './route-rules.ts';
import { type DashboardSection, type ProxySection, proxySchema } from './schema.ts';
import { child, type PartialSections, validKeys } from './sections.ts';
import { serviceOptions } from './service-rules.ts';
import { type ServiceSection, serviceSchema } from './service-schema.ts';

export interface RuleBreach {
  readonly path: readonly (string | number)[];
  readonly found: string;
  readonly expected: string;
}

type Entries<T> = ReadonlyMap<string, T>;

/** `raw` is the plain value of the file, `valid` its sections that are valid by themselves. */
export function breaches(raw: unknown, valid: PartialSections): RuleBreach[] {
  const proxies = validKeys(proxySchema, child(raw, 'proxies'));
  const services = validKeys(serviceSchema, child(raw, 'services'));
  return [
    ...listeners(valid, services, proxies),
    ...registrarListener(valid.registrar),
    ...routes(services),
    ...dashboardOffLoopback(valid.dashboard),
    ...[...valid.services].flatMap(([name, service]) => ofOne(['services', name], service)),
    ...(valid.discover ?? []).flatMap(({ like }, index) => ofOne(['discover', index, 'like'], like)),
    ...discovery(valid.discover ?? []),
    ...[...valid.proxies].flatMap(([id, proxy]) => [
      ...waysToReload(id, proxy),
      ...files(id, proxy),
      ...ownSocket(id, proxy),
      ...tlsKeys(id, proxy),
      ...sharedFrontend(id, proxy),
    ]),
    ...registrations(valid.register ?? [], valid.zookeeper === null ? null : valid.zookeeper.auth !== undefined),
    ...registerOverlaps(valid.register ?? []),
    ...sharedSockets(proxies),
    ...sharedFolders(proxies),
  ];
}

function listeners(
  { dashboard, registrar, metrics }: PartialSections,
  services: Entries<Partial<ServiceSection>>,
  proxies: Entries<Partial<ProxySection>>,
): RuleBreach[] {
  const taken = new ListenClaims();
  const found: RuleBreach[] = [];
  const claim = (address: ListenAddress, owner: string, path: readonly string[]): void => {
    const other = taken.claim(address, owner);
    if (other === null) return;
    const what = `${formatListen(address)}, which ${other.owner} has (${formatListen(other.address)})`;
    found.push({ path, found: what, expected: 'an address and port of its own' });
  };
  if (dashboard !== null) claim(dashboard.listen, 'the dashboard', ['dashboard', 'listen']);
  if (registrar?.listen !== undefined) claim(registrar.listen, 'the registrar', ['registrar', 'listen']);
  if (metrics !== null) claim(metrics.listen, 'the metrics', ['metrics', 'listen']);
  for (const [name, service] of services) {
    const address = service.listen === undefined ? null : parseListen(service.listen);
    if (address !== null) claim(address, `service ${name}`, ['services', name, 'listen']);
  }
  for (const [id, { http, runtimeOnly }] of proxies) {
    const address = http === undefined || runtimeOnly === true ? null : parseListen(http.listen);
    if (address !== null) claim(address, `the shared frontend of proxy ${id}`, ['proxies', id, 'http', 'listen']);
  }
  return found;
}

function dashboardOffLoopback(dashboard: DashboardSection | null): RuleBreach[] {
  if (dashboard === null || isLoopback(dashboard.listen.host)) return [];
  const expected = 'a loopback address such as 127.0.0.1:9080, because the dashboard has no authentication';
  return [{ path: ['dashboard', 'listen'], found: formatListen(dashboard.listen), expected }];
}

function ofOne(at: RuleBreach['path'], service: Omit<ServiceSection, 'path'>): RuleBreach[] {
  return [...twoChecks(at, service), ...httpHash(at, service), ...serviceOptions(at, service)];
}

function twoChecks(at: RuleBreach['path'], service: Omit<ServiceSection, 'path'>): RuleBreach[] {
  if (service.check === 'none' || service.check.http === undefined || service.check.tcp === undefined) return [];
  return [{ path: [...at, 'check'], found: 'http and tcp', expected: 'one of them' }];
}

function httpHash(at: RuleBreach['path'], service: Omit<ServiceSection, 'path'>): RuleBreach[] {
  if (service.mode === 'http' || !needsHttp(service.balance)) return [];
  return [{ path: [...at, 'balance'], found: `${service.balance} with mode tcp`, expected: 'an algorithm that looks at no request' }];
}

function waysToReload(id: string, proxy: ProxySection): RuleBreach[] {
  const path = ['proxies', id];
  const ways = (['master', 'reloadCommand', 'pidFile'] as const).filter((key) => proxy[key] !== undefined);
  if (proxy.start && proxy.runtimeOnly) return [{ path, found: 'start and runtimeOnly', expected: 'one of them: what we start has files' }];
  if (ways.length > 1) return [{ path, found: ways.join(' and '), expected: 'one way to reload' }];
  if (proxy.start && ways.length === 1 && proxy.master === undefined) {
    return [{ path: [...path, ...ways], found: `${ways[0]} with start`, expected: 'none: what we start we reload as its parent' }];
  }
  if (proxy.start || proxy.runtimeOnly || ways.length === 1) return [];
  return [{ path, found: 'no way to reload', expected: 'master, reloadCommand or pidFile; or start: true; or runtimeOnly: true' }];
}

function files(id: string, proxy: ProxySection): RuleBreach[] {
  if (proxy.runtimeOnly) return [];
  if (proxy.managed === undefined) {
    return [{ path: ['proxies', id], found: 'no managed', expected: 'managed: a folder for our files; or runtimeOnly: true' }];
  }
  if (proxy.base === undefined || !isWithin(proxy.base, proxy.managed)) return [];
  return [
    {
      path: ['proxies', id, 'base'],
      found: `a file inside managed (${proxy.managed})`,
      expected: 'a file outside of it: HAProxy would read it twice',
    },
  ];
}

/** Where no base file does, ours opens the runtime socket, and HAProxy is given no names to resolve. */
function ownSocket(id: string, proxy: ProxySection): RuleBreach[] {
  const { runtime } = proxy;
  if (proxy.runtimeOnly || (!proxy.start && proxy.base !== undefined)) return [];
  if (runtime.kind === 'unix' || (runtime.kind === 'tcp' && isIP(runtime.host) !== 0)) return [];
  const expected = 'unix:/absolute/path, or tcp:// with an IP address, because our own file opens this socket';
  return [{ path: ['proxies', id, 'runtime'], found: formatSocketAddress(runtime), expected }];
}

function tlsKeys(id: string, { runtime, runtimeTls }: ProxySection): RuleBreach[] {
  if (runtimeTls === undefined) return [];
  const path = ['proxies', id, 'runtimeTls'];
  if (runtime.kind !== 'tls')
    return [{ path, found: `runtimeTls with ${formatSocketAddress(runtime)}`, expected: 'runtime: tls://host:port' }];
  if ((runtimeTls.cert === undefined) === (runtimeTls.key === undefined)) return [];
  return [{ path, found: runtimeTls.cert === undefined ? 'key without cert' : 'cert without key', expected: 'both, or neither' }];
}

function sharedSockets(proxies: Entries<Partial<ProxySection>>): RuleBreach[] {
  const owners = new Map<string, string>();
  const found: RuleBreach[] = [];
  for (const [id, proxy] of proxies) {
    for (const key of ['runtime', 'master'] as const) {
      const address = proxy[key];
      if (address === undefined) continue;
      const socket = formatSocketAddress(address);
      // With TLS or without, a port is one socket.
      const place = socket.replace(/^tls:/, 'tcp:');
      const owner = owners.get(place);
      if (owner === undefined) owners.set(place, `${key} of proxy ${id}`);
      else found.push({ path: ['proxies', id, key], found: `${socket}, which is the ${owner}`, expected: 'a socket of its own' });
    }
  }
  return found;
}

function sharedFolders(proxies: Entries<Partial<ProxySection>>): RuleBreach[] {
  const owners = new Map<string, string>();
  const found: RuleBreach[] = [];
  for (const [id, proxy] of proxies) {
    if (proxy.runtimeOnly === true || proxy.managed === undefined) continue;
    const owner = owners.get(proxy.managed);
    if (owner === undefined) owners.set(proxy.managed, id);
    else
      found.push({
        path: ['proxies', id, 'managed'],
        found: `${proxy.managed}, which proxy ${owner} has`,
        expected: 'a folder of its own',
      });
  }
  return found;
}

function isWithin(path: string, folder: string): boolean {
  const relative = posix.relative(folder, path);
  return relative === '' || !(relative === '..' || relative.startsWith('../'));
}
