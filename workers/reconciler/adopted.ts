/**
 * With runtimeOnly the operator's own file says what a backend is, and nothing in HAProxy tells which options it was loaded with. So those that a service
 * had when a worker was first seen count as loaded by it; others since then need his file and a reload of his, which another worker shows.
 */
import { sameWorker } from '../../shared/haproxy/observe.ts';
import { structureOf } from '../../shared/haproxy/render-service.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { WorkerIdentity } from '../../shared/model/observed.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import type { ProxyAgent } from './proxy-agent.ts';

interface Adopted {
  readonly worker: WorkerIdentity;
  readonly structure: string;
}

/** Of this process, by proxy; the rest is read once. */
const known = new WeakMap<ProxyAgent, Map<ServiceName, Adopted>>();

/** Why the service is not as configured on this worker though its servers are; null: it is, as far as can be told. `dry`: nothing is kept of it. */
export async function needsFile(agent: ProxyAgent, config: ServiceConfig, worker: WorkerIdentity, dry: boolean): Promise<string | null> {
  const structure = structureOf(config, agent.config.defaults);
  const adopted = await adoptedOf(agent, config.name);
  if (adopted === null || !sameWorker(adopted.worker, worker)) {
    if (!dry) await adopt(agent, config.name, { worker, structure });
    return null;
  }
  if (adopted.structure === structure) return null;
  return "its options changed, and runtimeOnly rules out the reload that they need: bring HAProxy's own file in line, and reload it";
}

async function adoptedOf(agent: ProxyAgent, service: ServiceName): Promise<Adopted | null> {
  const here = known.get(agent)?.get(service);
  if (here !== undefined) return here;
  const json = (await agent.ports.proxies.state(agent.config.id))[field(service)];
  return json === undefined ? null : (JSON.parse(json) as Adopted);
}

async function adopt(agent: ProxyAgent, service: ServiceName, adopted: Adopted): Promise<void> {
  await agent.ports.proxies.setState(agent.config.id, { [field(service)]: JSON.stringify(adopted) });
  const here = known.get(agent) ?? new Map<ServiceName, Adopted>();
  known.set(agent, here.set(service, adopted));
}

function field(service: ServiceName): string {
  return `adopted:${service}`;
}
