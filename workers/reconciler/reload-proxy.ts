/**
 * One reload of one proxy, for one job: render what is wanted, probe new listeners, let HAProxy check a candidate, replace the files, reload, wait
 * until the new worker answers with our stamp, and mark everything to be looked at. A service that is refused keeps its last good file (or
 * none) and is blocked with the reason; the others go on. Nothing is reloaded when the running worker already has what is wanted.
 */
import { errorText, PointsmanError } from '../../shared/errors.ts';
import { listenersOf, probeListeners } from '../../shared/haproxy/bind-probe.ts';
import { type CandidateResult, tryCandidate } from '../../shared/haproxy/candidate.ts';
import { readManaged, removeStale, syncManaged } from '../../shared/haproxy/managed-folder.ts';
import { type ObservedProxy, observeBackends, observeProxy } from '../../shared/haproxy/observe.ts';
import { awaitWorker, reload } from '../../shared/haproxy/reload.ts';
import { proxyStamp, serviceOfFile } from '../../shared/haproxy/render-managed.ts';
import { structureOf } from '../../shared/haproxy/render-service.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { DesiredBackend } from '../../shared/model/desired.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { ReloadWay } from '../../shared/model/proxy-config.ts';
import type { ProxyEvent } from '../../shared/model/proxy-event.ts';
import { Journal } from './journal.ts';
import type { ProxyAgent } from './proxy-agent.ts';
import { noteRejections, RETRY_REJECTED_MS, type Rejected, rejectionOf, wantReload } from './reload-request.ts';
import { type Wanted, wantedFiles } from './wanted-files.ts';

/** From the order to the new worker's first answer; HAProxy took 1.4 s with 10,000 servers. */
const RELOAD_DEADLINE_MS = 30_000;

export interface ReloadReport {
  readonly outcome: 'reloaded' | 'not-needed' | 'refused' | 'failed' | 'taken' | 'too-soon';
  readonly reasons: readonly string[];
  readonly detail: string | null;
  readonly ms: number;
}

export async function reloadProxy(agent: ProxyAgent, way: ReloadWay, signal: AbortSignal, why: string): Promise<ReloadReport> {
  const started = performance.now();
  const state = await agent.ports.proxies.state(agent.config.id);
  if (Date.now() < Number(state.lastReload ?? '0') + agent.config.reloadPolicy.minInterval) {
    await wantReload(agent, why);
    return { outcome: 'too-soon', reasons: [why], detail: 'minInterval is not over', ms: 0 };
  }
  const done = await agent.exclusively(async (claim) => {
    const journal = new Journal(agent.ports.proxies, agent.config.id);
    await journal.loadAll();
    return reloadOnce(agent, way, journal, signal, () => claim.held());
  });
  if (done === null) {
    await agent.ports.queues.wakeReload(agent.config.pool, agent.config.id, 200, { why, time: Date.now() });
    return { outcome: 'taken', reasons: [why], detail: 'another worker has the proxy', ms: 0 };
  }
  await agent.ports.queues.wakeProxy(agent.config.pool, agent.config.id, { why: `reload: ${done.value.outcome}`, time: Date.now() });
  return { ...done.value, ms: Math.round(performance.now() - started) };
}

async function reloadOnce(
  agent: ProxyAgent,
  way: ReloadWay,
  journal: Journal,
  signal: AbortSignal,
  stillClaimed: () => boolean,
): Promise<Omit<ReloadReport, 'ms'>> {
  const { config, ports } = agent;
  const folder = config.managed;
  if (folder === null) return { outcome: 'not-needed', reasons: [], detail: 'runtimeOnly' };
  await ports.proxies.setState(config.id, { reloadDue: '0' });
  const running = await withRuntime(config.runtime, async (connection) => ({
    proxy: await observeProxy(connection),
    backends: await observeBackends(connection),
  }));
  const wanted = await wantedFiles(agent, running.proxy, running.backends);
  if (wanted.reasons.length === 0) return { outcome: 'not-needed', reasons: [], detail: null };

  const { candidate, present } = await tryFiles(agent, folder, wanted, running.proxy);
  const refused = new Map([...candidate.rejected].map(([service, message]) => [service, message]));
  await noteOutcome(agent, wanted, refused);
  await journal.write(blockedEvents(refused, Date.now()), Date.now());
  if (candidate.baseInvalid !== null || candidate.globalRejected !== null) {
    const detail = candidate.baseInvalid ?? candidate.globalRejected ?? '';
    await journal.write(blockedEvents(new Map(wanted.changed.map((service) => [service, detail])), Date.now()), Date.now());
    return { outcome: 'refused', reasons: wanted.reasons, detail };
  }
  if (!differs(present, candidate.accepted) && refused.size > 0)
    return { outcome: 'refused', reasons: wanted.reasons, detail: [...refused.values()].join('; ') };
  if (!stillClaimed() || signal.aborted) return { outcome: 'taken', reasons: wanted.reasons, detail: 'the claim was lost' };
  await syncManaged(folder, candidate.accepted);
  return order(agent, way, journal, wanted, refused, running.proxy, signal);
}

/** Files on disk, then the order to reload, then a new worker that proves it runs with them. */
async function order(
  agent: ProxyAgent,
  way: ReloadWay,
  journal: Journal,
  wanted: Wanted,
  refused: ReadonlyMap<ServiceName, string>,
  before: ObservedProxy,
  signal: AbortSignal,
): Promise<Omit<ReloadReport, 'ms'>> {
  const { config, ports } = agent;
  const services = [...wanted.services.keys()].filter((service) => !refused.has(service));
  const detail = wanted.reasons.join('; ');
  ports.logger.info({ proxy: config.id, reasons: wanted.reasons }, 'reloading haproxy');
  await journal.write(
    each(
      wanted.changed.filter((service) => !refused.has(service)),
      (service) => ({ type: 'reloading', service, detail }),
    ),
    Date.now(),
  );
  await ports.proxies.setState(config.id, { lastReload: String(Date.now()), lastReloadReason: detail });
  try {
    await reload(way, {
      binary: config.binary,
      base: config.base,
      managed: config.managed ?? '',
      runtime: config.runtime,
      signal,
      deadlineMs: RELOAD_DEADLINE_MS,
    });
    const structures = new Map(
      services.map((service) => [service, structureOf((wanted.services.get(service) as DesiredBackend).config, config.defaults)] as const),
    );
    await awaitWorker({
      runtime: config.runtime,
      before: before.identity,
      stamp: proxyStamp(ports.keys.prefix, config),
      structures,
      deadlineMs: RELOAD_DEADLINE_MS,
    });
  } catch (error) {
    if (!(error instanceof PointsmanError)) throw error;
    const message = errorText(error);
    ports.logger.error({ proxy: config.id, error: message }, 'haproxy did not reload');
    await noteOutcome(agent, wanted, new Map(wanted.changed.map((service) => [service, message])));
    await journal.write(blockedEvents(new Map(wanted.changed.map((service) => [service, message])), Date.now()), Date.now());
    return { outcome: 'failed', reasons: wanted.reasons, detail: message };
  }
  await journal.write(
    each(
      wanted.changed.filter((service) => !refused.has(service)),
      (service) => ({ type: 'reloaded', service, detail }),
    ),
    Date.now(),
  );
  await ports.proxies.setLoaded(
    config.id,
    services.map((service) => (wanted.services.get(service) as DesiredBackend).config),
  );
  await ports.proxies.mark([config.id], new Map([...wanted.services].map(([service, desired]) => [service, desired.revision])));
  return { outcome: 'reloaded', reasons: wanted.reasons, detail: null };
}

async function tryFiles(
  agent: ProxyAgent,
  folder: string,
  wanted: Wanted,
  proxy: ObservedProxy,
): Promise<{ candidate: CandidateResult; present: Map<string, string> }> {
  await removeStale(folder, Date.now());
  const { ours, foreign } = await readManaged(folder);
  const present = new Map([...ours, ...wanted.lastGood]);
  for (const [name, text] of ours) if (wanted.unknown.has(serviceOfFile(name) ?? '')) wanted.files.set(name, text);
  const loadedFiles = new Map([...present].filter(([name]) => proxy.structures.has(serviceOfFile(name) ?? '')));
  const listeners = new Map<ServiceName, string>();
  for (const service of wanted.changed) {
    const listen = wanted.services.get(service)?.config.listen ?? null;
    if (listen !== null) listeners.set(service, listen);
  }
  const refused = new Map([...(await probeListeners(listeners, listenersOf(loadedFiles, serviceOfFile))), ...wanted.unrendered]);
  for (const service of wanted.changed) {
    const rejected = await rejectionOf(
      agent,
      service,
      structureOf((wanted.services.get(service) as DesiredBackend).config, agent.config.defaults),
    );
    if (rejected !== null && rejected.nextTry > Date.now()) refused.set(service, rejected.message);
  }
  const candidate = await tryCandidate({
    binary: agent.config.binary,
    base: agent.config.base,
    managed: folder,
    wanted: wanted.files,
    present,
    foreign,
    loaded: new Set(proxy.structures.keys()),
    refused,
  });
  return { candidate, present };
}

async function noteOutcome(agent: ProxyAgent, wanted: Wanted, refused: ReadonlyMap<ServiceName, string>): Promise<void> {
  const outcomes = new Map<ServiceName, Rejected | null>();
  for (const service of wanted.changed) {
    const message = refused.get(service);
    const structure = structureOf((wanted.services.get(service) as DesiredBackend).config, agent.config.defaults);
    const known = message === undefined ? null : await rejectionOf(agent, service, structure);
    const standing = known !== null && known.nextTry > Date.now();
    if (!standing) outcomes.set(service, message === undefined ? null : { structure, message, nextTry: Date.now() + RETRY_REJECTED_MS });
  }
  await noteRejections(agent, outcomes);
}

function blockedEvents(refused: ReadonlyMap<ServiceName, string>, now: number): ProxyEvent[] {
  return [...refused].map(([service, detail]) => ({ type: 'blocked', service, detail, nextTry: now + RETRY_REJECTED_MS }));
}

function each(services: readonly ServiceName[], event: (service: ServiceName) => ProxyEvent): ProxyEvent[] {
  return services.map(event);
}

function differs(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size !== b.size || [...a].some(([name, text]) => b.get(name) !== text);
}
