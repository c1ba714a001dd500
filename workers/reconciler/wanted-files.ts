/** The managed files that a proxy should have now, why a reload is needed for them, and what stands in for a file that is refused. */
import { AssertionFailure, errorText } from '../../shared/errors.ts';
import type { ObservedProxy } from '../../shared/haproxy/observe.ts';
import { GLOBAL_FILE, globalFile, proxyStamp } from '../../shared/haproxy/render-managed.ts';
import { serviceFileName, structureOf } from '../../shared/haproxy/render-service.ts';
import type { DesiredBackend } from '../../shared/model/desired.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { ObservedBackend } from '../../shared/model/observed.ts';
import { renderDesired } from './files.ts';
import type { ProxyAgent } from './proxy-agent.ts';

export interface Wanted {
  readonly services: ReadonlyMap<ServiceName, DesiredBackend>;
  readonly files: Map<string, string>;
  /** Services' files as they run now, with the servers of now, in case the new one is refused. */
  readonly lastGood: ReadonlyMap<string, string>;
  /** Services that run, and of which Redis knows nothing: their files stay as they are. */
  readonly unknown: ReadonlySet<ServiceName>;
  /** Services whose file cannot even be rendered, with the reason. */
  readonly unrendered: ReadonlyMap<ServiceName, string>;
  /** Why a reload is needed, a line per reason; empty: it is not. */
  readonly reasons: string[];
  /** Services whose section changes. */
  readonly changed: readonly ServiceName[];
}

export async function wantedFiles(
  agent: ProxyAgent,
  proxy: ObservedProxy,
  backends: ReadonlyMap<string, ObservedBackend>,
): Promise<Wanted> {
  const { config, ports } = agent;
  const wanted = {
    services: new Map<ServiceName, DesiredBackend>(),
    files: new Map([[GLOBAL_FILE, globalFile(ports.keys.prefix, config)]]),
    lastGood: new Map<string, string>(),
    unrendered: new Map<ServiceName, string>(),
    unknown: new Set<ServiceName>(),
    reasons: proxy.identity.stamp === proxyStamp(ports.keys.prefix, config) ? [] : ['the managed defaults changed'],
    changed: [] as ServiceName[],
  };
  for (const service of await agent.carried()) {
    const { backend } = await ports.desired.read(service);
    if (backend === null) continue;
    wanted.services.set(service, backend);
    const loaded = proxy.structures.get(service) ?? null;
    const observed = backends.get(service) ?? null;
    try {
      wanted.files.set(serviceFileName(service), renderDesired(agent, backend, backend.config, observed));
    } catch (error) {
      if (!(error instanceof AssertionFailure)) throw error;
      wanted.unrendered.set(service, errorText(error));
      continue;
    }
    const running = await agent.running(backend, loaded);
    if (running !== null) wanted.lastGood.set(serviceFileName(service), renderDesired(agent, backend, running, observed));
    if (loaded === structureOf(backend.config, config.defaults)) continue;
    wanted.changed.push(service);
    wanted.reasons.push(loaded === null ? `${service}: the backend is not loaded` : `${service}: its options changed`);
  }
  for (const service of proxy.structures.keys()) {
    if (wanted.services.has(service)) continue;
    if ((await ports.desired.read(service)).known) wanted.reasons.push(`${service}: no longer configured`);
    else wanted.unknown.add(service);
  }
  return wanted;
}
