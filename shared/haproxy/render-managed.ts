/** PURE. The managed folder of a proxy as it should be: every file's name and content, in the order in which HAProxy loads them. */
import { assert } from '../errors.ts';
import { isName, type ServiceName } from '../model/ids.ts';
import type { ProxyConfig } from '../model/proxy-config.ts';
import type { ServiceConfig } from '../model/service-config.ts';
import { type Alone, type GlobalInput, renderGlobal, stampOf } from './render-global.ts';
import { type RenderedServer, renderService, serviceFileName, structureOf } from './render-service.ts';
import { renderShapes, SHAPES_FILE } from './render-shapes.ts';

export const GLOBAL_FILE = '00-pointsman.cfg';

export interface ManagedInput {
  /** `redis.prefix` */
  readonly prefix: string;
  readonly proxy: Pick<ProxyConfig, 'id' | 'runtime' | 'base' | 'start' | 'defaults' | 'reloadPolicy' | 'http' | 'managed'>;
  readonly services: readonly { readonly config: ServiceConfig; readonly servers: readonly RenderedServer[] }[];
}

export function managedFiles(input: ManagedInput): Map<string, string> {
  const { prefix, proxy } = input;
  const files = sharedFiles(
    prefix,
    proxy,
    input.services.map(({ config }) => config),
  );
  const services = [...input.services].sort((a, b) => (a.config.name < b.config.name ? -1 : 1));
  for (const { config, servers } of services) {
    const structure = structureOf(config, proxy.defaults);
    files.set(serviceFileName(config.name), renderService({ config, structure, prefix, servers }));
  }
  return files;
}

/** The files that are no service's, in the order in which HAProxy loads them. */
export function sharedFiles(prefix: string, proxy: ManagedInput['proxy'], configs: readonly ServiceConfig[]): Map<string, string> {
  const files = new Map([[GLOBAL_FILE, globalFile(prefix, proxy)]]);
  const { http } = proxy;
  if (http === undefined) return files;
  return files.set(SHAPES_FILE, renderShapes([...configs, ...(http.likes ?? [])], proxy.defaults));
}

/** `00-pointsman.cfg` of this proxy. */
export function globalFile(prefix: string, proxy: ManagedInput['proxy']): string {
  return renderGlobal({ ...globalInput(prefix, proxy), stamp: proxyStamp(prefix, proxy) });
}

/** The stamp that a worker of this proxy shows once it runs with our files. */
export function proxyStamp(prefix: string, proxy: ManagedInput['proxy']): string {
  const known = stamps.get(proxy);
  if (known?.prefix === prefix) return known.stamp;
  const stamp = stampOf(globalInput(prefix, proxy));
  stamps.set(proxy, { prefix, stamp });
  return stamp;
}

/** Every pass asks, and rendering takes longer than all else that it does about it. A proxy's config is never changed, only replaced. */
const stamps = new WeakMap<ManagedInput['proxy'], { readonly prefix: string; readonly stamp: string }>();

function globalInput(prefix: string, proxy: ManagedInput['proxy']): Omit<GlobalInput, 'stamp'> {
  const { id, defaults, reloadPolicy, http, managed } = proxy;
  const shared = http === undefined || managed === null ? {} : { http: { listen: http.listen, folder: managed } };
  return { prefix, proxy: id, defaults, policy: reloadPolicy, alone: aloneOf(proxy), ...shared };
}

/**
 * Our own file opens the runtime socket of a HAProxy that we start, and where there is no base file. A base file that opens the
 * same path does no harm (tried on 2.6): the later line, ours, has the path.
 */
function aloneOf(proxy: ManagedInput['proxy']): Alone {
  const { runtime } = proxy;
  if (!proxy.start && proxy.base !== null) return { socket: null, logs: true };
  assert(runtime.kind !== 'tls', 'a runtime socket with TLS is of the base file');
  return { socket: runtime, logs: proxy.base !== null };
}

/** The service of a managed file's name; null: not a service file. */
export function serviceOfFile(file: string): ServiceName | null {
  const name = /^service-(.+)\.cfg$/.exec(file)?.[1];
  return name !== undefined && isName(name) ? name : null;
}
