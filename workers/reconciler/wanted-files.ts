/** The managed files that a proxy should have now, why a reload is needed for them, and what stands in for a file that is refused. */
import { AssertionFailure, errorText } from '../../shared/errors.ts';
import { anothersPrefix } from '../../shared/haproxy/installation.ts';
import type { ObservedProxy } from '../../shared/haproxy/observe.ts';
import { GLOBAL_FILE, proxyStamp, sharedFiles } from '../../shared/haproxy/render-managed.ts';
import { serviceFileName, structureOf } from '../../shared/haproxy/render-service.ts';
import type { Looked } from '../../shared/model/by-hand.ts';
import type { DesiredBackend } from '../../shared/model/desired.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { ObservedBackend } from '../../shared/model/observed.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { recorded } from '../../shared/plan/overrides.ts';
import { renderDesired, rendered } from './files.ts';
import { notedEdits } from './foreign-edits.ts';
import type { Journal } from './journal.ts';
import type { ProxyAgent } from './proxy-agent.ts';
import { recognise } from './recognition.ts';

const REASONS_MAX = 10;

export interface Wanted {
  readonly services: ReadonlyMap<ServiceName, DesiredBackend>;
  readonly files: Map<string, string>;
  /** Services' files as they run now, with the servers of now, in case the new one is refused. */
  readonly lastGood: ReadonlyMap<string, string>;
  /** Services that run, and of which Redis knows nothing: their files stay as they are. */
  readonly unknown: ReadonlySet<ServiceName>;
  /** Services whose file cannot even be rendered, with the reason. */
  readonly unrendered: ReadonlyMap<ServiceName, string>;
  /** Why a reload is needed, a line per reason, the first of them when they are many; empty: it is not. */
  readonly reasons: readonly string[];
  /** Of each service that is why. */
  readonly why: ReadonlyMap<ServiceName, string>;
  /** The managed defaults change, and with them the stamp. */
  readonly restamped: boolean;
  /** Services whose section changes, with the structure that it gets. */
  readonly changed: ReadonlyMap<ServiceName, string>;
  /** Services that run and are no longer configured. */
  readonly removed: readonly ServiceName[];
}

export async function wantedFiles(
  agent: ProxyAgent,
  proxy: ObservedProxy,
  backends: ReadonlyMap<string, ObservedBackend>,
  journal: Journal,
): Promise<Wanted> {
  const { config, ports } = agent;
  const edits = notedEdits(await ports.proxies.state(config.id), proxy.identity);
  const restamped = proxy.identity.stamp !== proxyStamp(ports.keys.prefix, config);
  const wanted = {
    services: new Map<ServiceName, DesiredBackend>(),
    files: new Map<string, string>(),
    lastGood: new Map<string, string>(),
    unrendered: new Map<ServiceName, string>(),
    unknown: new Set<ServiceName>(),
    why: new Map<ServiceName, string>(),
    restamped,
    changed: new Map<ServiceName, string>(),
    removed: [] as ServiceName[],
  };
  const found = new Map<ServiceName, Looked>();
  for (const service of await agent.carried()) {
    const read = (await ports.desired.read(service)).backend;
    const observed = backends.get(service) ?? null;
    if (read === null || anothersPrefix(observed, proxy.identity.stamp, ports.keys.prefix) !== null) continue;
    const backend = await asLeftByHand(agent, proxy, read, observed, { journal, found });
    wanted.services.set(service, backend);
    const loaded = proxy.structures.get(service) ?? null;
    const file = serviceFileName(service);
    const text = rendered(() => renderDesired(agent, backend, backend.config, observed));
    if (text instanceof AssertionFailure) {
      wanted.unrendered.set(service, errorText(text));
      const before = loaded === null ? null : await ports.proxies.loaded(config.id, service);
      const lastGood = before === null ? null : rendered(() => renderLoaded(agent, backend, before, loaded, observed));
      if (typeof lastGood === 'string') wanted.lastGood.set(file, lastGood);
      continue;
    }
    wanted.files.set(file, text);
    const running = await agent.running(backend, loaded);
    if (running !== null) wanted.lastGood.set(file, renderDesired(agent, backend, running, observed));
    const structure = structureOf(backend.config, config.defaults);
    if (loaded === structure && !edits.services.has(service)) continue;
    wanted.changed.set(service, structure);
    const what = loaded === null ? 'the backend is not loaded' : loaded === structure ? 'others changed its file' : 'its options changed';
    wanted.why.set(service, `${service}: ${what}`);
  }
  for (const service of proxy.structures.keys()) {
    if (wanted.services.has(service)) continue;
    if ((await ports.desired.read(service)).known) {
      wanted.removed.push(service);
      wanted.why.set(service, `${service}: no longer configured`);
    } else wanted.unknown.add(service);
  }
  await journal.note(found);
  const configs = [...wanted.services.values()].map((backend) => backend.config);
  for (const [name, text] of sharedFiles(ports.keys.prefix, config, configs)) wanted.files.set(name, text);
  const ofAll = restamped ? ['the managed defaults changed'] : edits.global ? [`others changed ${GLOBAL_FILE}`] : [];
  return { ...wanted, reasons: shortened([...ofAll, ...wanted.why.values()]) };
}

/** What was set by hand just before a reload is not lost by it: it is recorded, and the files have it. */
async function asLeftByHand(
  agent: ProxyAgent,
  { identity }: ObservedProxy,
  desired: DesiredBackend,
  observed: ObservedBackend | null,
  { journal, found }: { journal: Journal; found: Map<ServiceName, Looked> },
): Promise<DesiredBackend> {
  const looked = journal.looked(desired.service);
  if (observed === null || agent.config.override === 'repair') return desired;
  const hand = await recognise(agent, identity, { desired, observed, looked, maxConns: undefined });
  if (looked !== null) found.set(desired.service, { ...looked, overrides: recorded(hand.overrides) });
  return hand.desired;
}

/** They are kept with the job, with the proxy, and in its log: as many as a person reads. */
function shortened(reasons: readonly string[]): string[] {
  const more = reasons.length - REASONS_MAX;
  return more > 0 ? [...reasons.slice(0, REASONS_MAX), `and ${more} more`] : [...reasons];
}

/** null: the config is not the one that the backend runs with. */
function renderLoaded(
  agent: ProxyAgent,
  desired: DesiredBackend,
  config: ServiceConfig,
  loaded: string | null,
  observed: ObservedBackend | null,
): string | null {
  return structureOf(config, agent.config.defaults) === loaded ? renderDesired(agent, desired, config, observed) : null;
}
