/** One reload under way: what it is for, what came of it so far, and the files that are tried for it. */
import { listenersOf, probeListeners } from '../../shared/haproxy/bind-probe.ts';
import { type CandidateResult, tryCandidate } from '../../shared/haproxy/candidate.ts';
import { readManaged, removeStale } from '../../shared/haproxy/managed-folder.ts';
import type { ObservedProxy } from '../../shared/haproxy/observe.ts';
import type { ReloadInput } from '../../shared/haproxy/reload-command.ts';
import { routesPath } from '../../shared/haproxy/render-http.ts';
import { GLOBAL_FILE, serviceOfFile } from '../../shared/haproxy/render-managed.ts';
import { serviceFileName } from '../../shared/haproxy/render-service.ts';
import { readRoutes } from '../../shared/haproxy/routes.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { ObservedBackend } from '../../shared/model/observed.ts';
import type { ReloadWay } from '../../shared/model/proxy-config.ts';
import type { Routes } from '../../shared/model/route.ts';
import { writeRoutes } from './files.ts';
import type { Journal } from './journal.ts';
import type { ProxyAgent } from './proxy-agent.ts';
import type { Rejected } from './reload-request.ts';
import type { Turn } from './reload-turn.ts';
import type { Wanted } from './wanted-files.ts';

export interface ReloadReport {
  readonly outcome: 'reloaded' | 'not-needed' | 'refused' | 'failed' | 'taken' | 'too-soon' | 'stopped' | 'waits';
  readonly reasons: readonly string[];
  readonly detail: string | null;
  readonly ms: number;
}

export type Outcome = Omit<ReloadReport, 'ms'>;

/** One reload under way. */
export interface Attempt {
  readonly agent: ProxyAgent;
  readonly way: ReloadWay;
  readonly journal: Journal;
  readonly signal: AbortSignal;
  readonly stillClaimed: () => boolean;
  readonly folder: string;
  /** What ran before it. */
  readonly before: ObservedProxy;
  /** By name, as it had them. */
  readonly backends: ReadonlyMap<string, ObservedBackend>;
  readonly wanted: Wanted;
  /** What the new worker shows. */
  readonly stamp: string;
  readonly turn: Turn;
  /** Services that are not loaded by it, so far. */
  readonly refused: Map<ServiceName, Rejected>;
}

/** What HAProxy is reloaded with, and whose place the new worker takes. */
export function reloadInput({ agent, folder, before }: Attempt): ReloadInput {
  const { binary, base, runtime } = agent.config;
  return { binary, base, managed: folder, runtime, worker: before.identity.pid };
}

/** Stands for the shared frontend among the services that listen: no service's name has a colon. */
const SHARED = 'pointsman:http';

/** `shared`: why the shared frontend cannot listen. */
export async function tryFiles(
  attempt: Attempt,
): Promise<{ candidate: CandidateResult; present: Map<string, string>; shared: string | null }> {
  const { agent, folder, wanted, turn, before } = attempt;
  await removeStale(folder, Date.now());
  const { ours, foreign } = await readManaged(folder);
  const present = new Map([...ours, ...wanted.lastGood]);
  for (const [name, text] of present) {
    const service = serviceOfFile(name) ?? '';
    if (wanted.unknown.has(service) || wanted.unrendered.has(service)) wanted.files.set(name, text);
  }
  const loadedFiles = new Map([...present].filter(([name]) => name === GLOBAL_FILE || before.structures.has(serviceOfFile(name) ?? '')));
  const listeners = new Map<ServiceName, string>();
  for (const service of turn.tried.keys()) {
    const listen = wanted.services.get(service)?.config.listen ?? null;
    if (listen !== null) listeners.set(service, listen);
  }
  const { http } = agent.config;
  if (http !== undefined && wanted.restamped) listeners.set(SHARED, http.listen);
  const refused = await probeListeners(listeners, listenersOf(loadedFiles, ownerOf));
  const shared = refused.get(SHARED) ?? null;
  refused.delete(SHARED);
  // HAProxy reads the map with the file that names it.
  await writeRoutes(
    agent,
    [...wanted.services.values()].map(({ config }) => config),
    await keptRoutes(attempt),
  );
  for (const [service, { message }] of turn.held) refused.set(service, message);
  const candidate = await tryCandidate({
    binary: agent.config.binary,
    base: agent.config.base,
    managed: folder,
    wanted: wanted.files,
    present,
    foreign,
    loaded: new Set(before.structures.keys()),
    refused,
  });
  return { candidate, present, shared };
}

/** Of services that run and that are left as they are, since Redis does not know them or they are another's: how the running worker finds them. */
async function keptRoutes({ agent, folder, before, wanted }: Attempt): Promise<Routes> {
  if (agent.config.http === undefined) return new Map();
  const routes = await withRuntime(agent.config.runtime, (connection) => readRoutes(connection, routesPath(folder)));
  const leaves = (service: ServiceName) =>
    before.backends.has(service) && !wanted.services.has(service) && !wanted.removed.includes(service);
  return new Map([...(routes ?? [])].filter(([, service]) => leaves(service)));
}

function ownerOf(file: string): ServiceName | null {
  return file === GLOBAL_FILE ? SHARED : serviceOfFile(file);
}

/** A file of a changed service that does not run is what an attempt that was cut off left there. */
export function runs({ before, wanted }: Attempt, service: ServiceName | null): boolean {
  return service === null || before.structures.has(service) || !wanted.changed.has(service);
}

/** A service that runs is never dropped for want of a text; null: none would be. */
export function lost(wanted: Wanted, before: ObservedProxy, accepted: ReadonlyMap<string, string>): string | null {
  const kept = [...wanted.unrendered.keys(), ...wanted.unknown];
  const service = kept.find((name) => before.structures.has(name) && !accepted.has(serviceFileName(name)));
  return service === undefined ? null : `${service} runs, cannot be rendered, and has no file: a reload would drop it`;
}
