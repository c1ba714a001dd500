/**
 * One reload of one proxy, for one job: render what is wanted, probe new listeners, let HAProxy check a candidate, replace the files, reload, wait
 * until the new worker answers with our stamp, and mark everything to be looked at. A service that is refused keeps its last good file (or
 * none) and is blocked with the reason; the others go on. A reload that fails puts the last good files back, and those that it was for are
 * tried again in turn (reload-turn.ts). Nothing is reloaded when the running worker already has what is wanted.
 */
import { errorText, PointsmanError } from '../../shared/errors.ts';
import { anothersStamp, anothersText } from '../../shared/haproxy/installation.ts';
import { syncManaged } from '../../shared/haproxy/managed-folder.ts';
import { type ObservedProxy, observeBackends, observeProxy } from '../../shared/haproxy/observe.ts';
import { awaitWorker, isThere, reload } from '../../shared/haproxy/reload.ts';
import { proxyStamp, serviceOfFile } from '../../shared/haproxy/render-managed.ts';
import { structureOf } from '../../shared/haproxy/render-service.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { ReloadWay } from '../../shared/model/proxy-config.ts';
import type { ProxyEvent } from '../../shared/model/proxy-event.ts';
import { type Changes, DEFAULTS } from '../../shared/model/rollout.ts';
import { noteLoaded } from './files.ts';
import type { Journal } from './journal.ts';
import { noteOldWorkers } from './old-workers.ts';
import type { ProxyAgent } from './proxy-agent.ts';
import { type Attempt, lost, type Outcome, type ReloadReport, reloadInput, runs, tryFiles } from './reload-attempt.ts';
import { blockedEvents, failed, putBack, refuseAll, unobserved } from './reload-failure.ts';
import { lastReloadIn, noteRejections, RETRY_REJECTED_MS, type Rejected, wantReload } from './reload-request.ts';
import { takeTurn } from './reload-turn.ts';
import { askAgainMs, beginReload, endReload, giveUpSlot, isFull, stopped, takeSlot } from './rollout.ts';
import { type Wanted, wantedFiles } from './wanted-files.ts';

/** For the order to be carried out. */
const ORDER_DEADLINE_MS = 30_000;
/**
 * From then to the new worker's first answer; HAProxy took 1.4 s with 10,000 servers. No server is drained or added meanwhile, so a command that says
 * that it reloaded, and did not, must not take long to be found out.
 */
const WORKER_DEADLINE_MS = 10_000;
/** Refusals told in a job's result; each service has its own. */
const REFUSED_TOLD = 5;

export async function reloadProxy(agent: ProxyAgent, way: ReloadWay, signal: AbortSignal, why: string): Promise<ReloadReport> {
  const started = performance.now();
  const state = await agent.ports.proxies.state(agent.config.id);
  const now = Date.now();
  if (now < lastReloadIn(state, now) + agent.config.reloadPolicy.minInterval) {
    await wantReload(agent, why);
    return { outcome: 'too-soon', reasons: [why], detail: 'minInterval is not over', ms: 0 };
  }
  if (await isFull(agent)) return waits(agent, why);
  const done = await agent.exclusively(async (claim) => {
    const journal = agent.newJournal();
    await journal.loadAll();
    return reloadOnce(agent, way, journal, signal, () => claim.held());
  });
  if (done === null) {
    await agent.ports.queues.wakeReload(agent.config.pool, agent.config.id, 200, { why, time: Date.now() });
    return { outcome: 'taken', reasons: [why], detail: 'another worker has the proxy', ms: 0 };
  }
  if (done.value.outcome === 'waits') return waits(agent, why);
  await agent.ports.queues.wakeProxy(agent.config.pool, agent.config.id, { why: `reload: ${done.value.outcome}`, time: Date.now() });
  return { ...done.value, ms: Math.round(performance.now() - started) };
}

/** As many others as may reload now do, or have yet to prove themselves. */
async function waits(agent: ProxyAgent, why: string): Promise<ReloadReport> {
  const { id, pool } = agent.config;
  await agent.ports.queues.wakeReload(pool, id, Math.round(await askAgainMs(agent)), { why, time: Date.now() });
  return { outcome: 'waits', reasons: [why], detail: 'other proxies of the fleet reload first', ms: 0 };
}

async function reloadOnce(
  agent: ProxyAgent,
  way: ReloadWay,
  journal: Journal,
  signal: AbortSignal,
  stillClaimed: () => boolean,
): Promise<Outcome> {
  const { config, ports } = agent;
  const folder = config.managed;
  if (folder === null) return { outcome: 'not-needed', reasons: [], detail: 'runtimeOnly' };
  await ports.proxies.setState(config.id, { reloadDue: '0' });
  const running = await withRuntime(config.runtime, async (connection) => ({
    proxy: await observeProxy(connection),
    backends: await observeBackends(connection),
  })).catch(pointsmanError);
  if (running instanceof PointsmanError) return unobserved(agent, running);
  const others = anothersStamp(running.proxy.identity.stamp, ports.keys.prefix);
  if (others !== null) return { outcome: 'not-needed', reasons: [], detail: anothersText(others) };
  const wanted = await wantedFiles(agent, running.proxy, running.backends, journal);
  if (wanted.reasons.length === 0) {
    for (const [service, desired] of wanted.services) {
      if (!wanted.unrendered.has(service)) await noteLoaded(agent, desired, running.proxy.structures.get(service) ?? null);
    }
    return { outcome: 'not-needed', reasons: [], detail: null };
  }
  const slot = await takeSlot(agent);
  if (!slot.taken) return { outcome: 'waits', reasons: wanted.reasons, detail: null };
  return withSlot(
    { agent, way, journal, signal, stillClaimed, folder, before: running.proxy, backends: running.backends },
    wanted,
    slot.before,
  );
}

async function withSlot(of: Omit<Attempt, 'wanted' | 'stamp' | 'turn' | 'refused'>, wanted: Wanted, before: Changes): Promise<Outcome> {
  const { agent, journal } = of;
  const { config, ports } = agent;
  const stops = await stopped(agent, wanted.changed);
  const stop = stops.get(DEFAULTS);
  if (wanted.restamped && stop !== undefined) {
    await giveUpSlot(agent, before);
    await journal.write(blockedEvents(new Map([...wanted.services.keys()].map((service) => [service, stop]))), Date.now());
    return { outcome: 'stopped', reasons: wanted.reasons, detail: stop.message };
  }
  const stamp = proxyStamp(ports.keys.prefix, config);
  const state = await ports.proxies.state(config.id);
  const turn = takeTurn({ changed: wanted.changed, restamped: wanted.restamped, stamp, state, now: Date.now(), stopped: stops });
  const attempt: Attempt = { ...of, wanted, stamp, turn, refused: new Map(turn.held) };
  if (turn.refused !== null) {
    await giveUpSlot(agent, before);
    await refuseAll(attempt, turn.refused);
    return { outcome: 'refused', reasons: wanted.reasons, detail: turn.refused.message };
  }
  const begun = await beginReload(attempt, before);
  const outcome = await attemptReload(attempt);
  await endReload(attempt, outcome, before, begun);
  return outcome;
}

async function attemptReload(attempt: Attempt): Promise<Outcome> {
  const { agent, turn } = attempt;
  const outcome = await tryReload(attempt).catch(pointsmanError);
  if (!(outcome instanceof PointsmanError)) {
    if (turn.left && outcome.outcome !== 'taken') await wantReload(agent, 'services to be tried one at a time');
    return outcome;
  }
  return failed(attempt, outcome);
}

async function tryReload(attempt: Attempt): Promise<Outcome> {
  const { wanted, turn, refused, journal, folder, before } = attempt;
  const { candidate, present, shared } = await tryFiles(attempt);
  const nextTry = Date.now() + RETRY_REJECTED_MS;
  for (const [service, message] of candidate.rejected) {
    const structure = turn.tried.get(service);
    if (structure !== undefined) refused.set(service, { structure, message, nextTry });
  }
  for (const [service, message] of wanted.unrendered) refused.set(service, { structure: '', message, nextTry });
  const detail = candidate.baseInvalid ?? candidate.globalRejected ?? shared ?? lost(wanted, before, candidate.accepted);
  if (detail !== null) {
    const reason = { structure: attempt.stamp, message: detail, nextTry };
    await refuseAll(attempt, reason);
    // The operator's own file is this host's affair.
    if (candidate.baseInvalid === null && wanted.restamped) refused.set(DEFAULTS, reason);
    return { outcome: 'refused', reasons: wanted.reasons, detail };
  }
  await noteRejections(attempt.agent, new Map([...refused].filter(([service]) => turn.tried.has(service))));
  await journal.write(blockedEvents(refused), Date.now());
  const lastGood = new Map([...present].filter(([file]) => runs(attempt, serviceOfFile(file))));
  if (!differs(lastGood, candidate.accepted) && refused.size > 0) {
    return { outcome: 'refused', reasons: wanted.reasons, detail: refusedText(refused) };
  }
  if (!attempt.stillClaimed() || attempt.signal.aborted) return { outcome: 'taken', reasons: wanted.reasons, detail: 'the claim was lost' };
  try {
    await syncManaged(folder, candidate.accepted);
    return await order(attempt);
  } catch (error) {
    if (error instanceof PointsmanError) await putBack(attempt, lastGood);
    throw error;
  }
}

/** Files on disk, then the order to reload, then a new worker that proves it runs with them. */
async function order(attempt: Attempt): Promise<Outcome> {
  const { agent, way, journal, wanted, refused, turn, before, signal } = attempt;
  const { config, ports } = agent;
  const loading = [...wanted.services].filter(([service]) => !refused.has(service));
  const changing = [...turn.tried.keys()].filter((service) => !refused.has(service));
  const detail = wanted.reasons.join('; ');
  ports.logger.info({ proxy: config.id, reasons: wanted.reasons }, 'reloading haproxy');
  await journal.write(
    each(changing, (service) => ({ type: 'reloading', service, detail: wanted.why.get(service) ?? detail })),
    Date.now(),
  );
  await ports.proxies.setState(config.id, { lastReload: String(Date.now()), lastReloadReason: detail, lastReloadFailed: '' });
  const { runtime } = config;
  const begun = performance.now();
  const structures = new Map(loading.map(([service, desired]) => [service, structureOf(desired.config, config.defaults)] as const));
  let worker: ObservedProxy;
  try {
    await reload(way, { ...reloadInput(attempt), signal, deadlineMs: ORDER_DEADLINE_MS });
    worker = await awaitWorker({
      runtime,
      before: before.identity,
      stamp: attempt.stamp,
      structures,
      isThere: () => isThere(way, config.binary),
      deadlineMs: WORKER_DEADLINE_MS,
    });
  } catch (error) {
    await ports.proxies.setState(config.id, { lastReloadFailed: errorText(error) });
    await ports.proxies.countReload(config.id, 'failed');
    throw error;
  }
  await ports.proxies.countReload(config.id, 'done');
  await ports.proxies.setState(config.id, { ownWorker: JSON.stringify(worker.identity) });
  await noteOldWorkers(ports, config, worker.identity.pid);
  ports.logger.info({ proxy: config.id, reasons: wanted.reasons, ms: Math.round(performance.now() - begun) }, 'haproxy reloaded');
  await noteRejections(agent, new Map(changing.map((service) => [service, null])), null);
  await journal.write(
    each(changing, (service) => ({ type: 'reloaded', service, detail: wanted.why.get(service) ?? detail })),
    Date.now(),
  );
  await ports.proxies.setLoaded(
    config.id,
    loading.map(([, desired]) => desired.config),
  );
  await ports.proxies.mark([config.id], new Map([...wanted.services].map(([service, desired]) => [service, desired.revision])));
  return { outcome: 'reloaded', reasons: wanted.reasons, detail: null };
}

function refusedText(refused: ReadonlyMap<ServiceName, Rejected>): string {
  const messages = [...refused.values()].slice(0, REFUSED_TOLD).map(({ message }) => message);
  return [...messages, ...(refused.size > REFUSED_TOLD ? [`and ${refused.size - REFUSED_TOLD} more`] : [])].join('; ');
}

function pointsmanError(error: unknown): PointsmanError {
  if (error instanceof PointsmanError) return error;
  throw error;
}

function each(services: readonly ServiceName[], event: (service: ServiceName) => ProxyEvent): ProxyEvent[] {
  return services.map(event);
}

function differs(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size !== b.size || [...a].some(([name, text]) => b.get(name) !== text);
}
