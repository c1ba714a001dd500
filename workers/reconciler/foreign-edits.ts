/**
 * Our files, when somebody else reloads or starts HAProxy: if one was changed by hand, the new worker runs with that, and still says our structure, for
 * that stands in the file. Seen before the files are written again; a reload then loads what they should be. Servers are not compared: whatever
 * a worker has of them is put right at runtime.
 */
import { errorFields, PointsmanError } from '../../shared/errors.ts';
import { anothersStamp } from '../../shared/haproxy/installation.ts';
import { readManaged } from '../../shared/haproxy/managed-folder.ts';
import { type ObservedProxy, sameWorker } from '../../shared/haproxy/observe.ts';
import { shortHash } from '../../shared/haproxy/render-global.ts';
import { GLOBAL_FILE, globalFile, proxyStamp } from '../../shared/haproxy/render-managed.ts';
import { renderService, serviceFileName } from '../../shared/haproxy/render-service.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { WorkerIdentity } from '../../shared/model/observed.ts';
import type { ProxyAgent } from './proxy-agent.ts';
import { wantReload } from './reload-request.ts';

export interface Edits {
  /** `00-pointsman.cfg` */
  readonly global: boolean;
  readonly services: ReadonlySet<ServiceName>;
}

const NONE: Edits = { global: false, services: new Set() };

/** Looks at the files that a worker was started with that is not one of our own reloads', keeps what was changed in them, and asks for a reload. */
export async function noteEdits(agent: ProxyAgent, proxy: ObservedProxy): Promise<void> {
  const { config, ports } = agent;
  if (config.managed === null || proxy.identity.stamp === null || anothersStamp(proxy.identity.stamp, ports.keys.prefix) !== null) return;
  const { ownWorker } = await ports.proxies.state(config.id);
  if (ownWorker !== undefined && sameWorker(JSON.parse(ownWorker) as WorkerIdentity, proxy.identity)) return;
  const { global, services } = await editsIn(agent, proxy, config.managed);
  const files = [...(global ? [GLOBAL_FILE] : []), ...[...services].map(serviceFileName)];
  if (files.length === 0) return;
  ports.logger.warn(
    { proxy: config.id, files },
    'haproxy was started with managed files that somebody else changed; they are written and loaded again',
  );
  const edits = JSON.stringify({ worker: proxy.identity, global, services: [...services] });
  await ports.proxies.setState(config.id, { edits });
  await wantReload(agent, `changed by others: ${files.slice(0, 5).join(', ')}`);
}

/** PURE. What was noted of this worker, of what is stored of the proxy. */
export function notedEdits(state: Readonly<Record<string, string>>, worker: WorkerIdentity): Edits {
  if (state['edits'] === undefined) return NONE;
  const noted = JSON.parse(state['edits']) as { worker: WorkerIdentity; global: boolean; services: ServiceName[] };
  return sameWorker(noted.worker, worker) ? { global: noted.global, services: new Set(noted.services) } : NONE;
}

async function editsIn(agent: ProxyAgent, proxy: ObservedProxy, folder: string): Promise<Edits> {
  const { config, ports } = agent;
  const files = await readManaged(folder).catch((error: unknown) => {
    if (!(error instanceof PointsmanError)) throw error;
    ports.logger.warn({ proxy: config.id, ...errorFields(error) }, 'the managed files cannot be compared');
    return null;
  });
  if (files === null) return NONE;
  const services = new Set<ServiceName>();
  for (const service of await agent.carried()) {
    const text = files.ours.get(serviceFileName(service));
    const structure = proxy.structures.get(service);
    const { backend } = await ports.desired.read(service);
    if (text === undefined || structure === undefined || backend === null) continue;
    const running = await agent.running(backend, structure);
    if (
      running !== null &&
      sectionsOf(text) !== sectionsOf(renderService({ config: running, structure, prefix: ports.keys.prefix, servers: [] }))
    )
      services.add(service);
  }
  const text = files.ours.get(GLOBAL_FILE);
  const ours = proxy.identity.stamp === proxyStamp(ports.keys.prefix, config);
  const global = ours && text !== undefined && shortHash(text) !== shortHash(globalFile(ports.keys.prefix, config));
  return { global, services };
}

/** A service's file without its servers. */
function sectionsOf(text: string): string {
  return shortHash(text.replace(/^ *server .*$/gm, ''));
}
