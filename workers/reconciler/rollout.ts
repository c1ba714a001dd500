/**
 * New options go over a fleet a few proxies at a time: a reload, or servers made anew, need one of `rollout.maxUnavailable` slots, and give it back when all
 * is in sync with a worker that stayed, and as many servers are up as before (health-gate.ts). Where that fails, the same options go no further until the proxy that failed has them, an operator resyncs, or there are
 * others. What a command changes in place never asks. A proxy that cannot be reached takes no slot.
 */
import { stampOf } from '../../shared/haproxy/render-global.ts';
import { ANNOUNCE_FRESH_MS } from '../../shared/model/freshness.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import { type Changes, DEFAULTS, type OwnRollout, type RolloutStop } from '../../shared/model/rollout.ts';
import type { Hold } from '../../shared/plan/backend-plan.ts';
import { RolloutStore, type Slot } from '../../shared/redis/rollout-store.ts';
import { countedBefore, judged, longestMs } from './health-gate.ts';
import type { Looked } from './one-service.ts';
import type { ProxyAgent } from './proxy-agent.ts';
import type { Attempt, Outcome } from './reload-attempt.ts';
import { dropRejections, type Rejected } from './reload-request.ts';

/** Before what is loaded without a reload, so that it is no structure's. */
const FORM = 'form ';
/** For the files to be checked, the order, and the new worker to come: more than the deadlines of those together. */
const RELOAD_MS = 120_000;
/** From the reload until all that it loaded is in sync; or for some servers to be made anew, beside the time that those they replace may take to drain. */
const SYNC_MS = 60_000;
/** A worker that lived so long after its reload stays. */
const STAYS_MS = 1_000;
/** Each that waits asks again after this, and a little more for each other one, so that a large fleet asks no more often than a small one. */
const ASK_MS = { first: 250, each: 20, most: 10_000 };
/** What is stopped is looked at again with every full pass. */
const STOPPED_MS = 30_000;

const OTHERS_FIRST: Hold = { why: 'when fewer proxies of the fleet are at work on new options', nextTry: null };

function storeOf({ ports }: ProxyAgent): RolloutStore {
  return new RolloutStore(ports.redis, ports.keys);
}

/** What this proxy has of a rollout. Another process may have begun it. */
export function ownRollout(agent: ProxyAgent): Promise<OwnRollout | null> {
  return storeOf(agent).own(agent.config.id);
}

/** A worker that nobody knew has to prove anew what the slot is held for. */
export async function beginAnew(agent: ProxyAgent): Promise<void> {
  if (agent.rollout !== null && agent.rollout.changes.size > 0) await storeOf(agent).renew(agent.config.id);
}

/** Those that a slot is held for. */
export function servicesOf(rollout: OwnRollout | null): ServiceName[] {
  if (rollout === null) return [];
  const { changes, up } = rollout;
  return [...new Set([...changes.keys(), ...(changes.has(DEFAULTS) ? up.keys() : [])])].filter((what) => what !== DEFAULTS);
}

/** Takes a slot, or says who has them. */
export async function takeSlot(agent: ProxyAgent): Promise<Slot> {
  return storeOf(agent).take(agent.config.id, await slots(agent), RELOAD_MS);
}

/** Whether there is none for this proxy as far as can be seen: asked before anything is looked at for a reload. */
export async function isFull(agent: ProxyAgent): Promise<boolean> {
  const others = await storeOf(agent).others(agent.config.id);
  return others.length > 0 && others.length >= (await slots(agent));
}

/** A count, or below 1 a share of the proxies that are heard of. */
async function slots({ config, ports }: ProxyAgent): Promise<number> {
  const { maxUnavailable } = config.rollout;
  if (maxUnavailable >= 1) return maxUnavailable;
  const now = Date.now();
  const heard = (await ports.proxies.announced()).filter(({ at }) => now - at <= ANNOUNCE_FRESH_MS);
  return Math.max(1, Math.floor(maxUnavailable * heard.length));
}

/**
 * Whether servers of the service may be made anew here with these options now (null), or why not. Each time that some more are begun the slot is held for
 * long enough to see them through.
 */
export async function mayMakeAnew(agent: ProxyAgent, service: ServiceName, form: string, drainTimeout: number): Promise<Hold | null> {
  const made = new Map([[service, `${FORM}${form}`]]);
  const before = await stopOf(agent, service, made);
  if (before !== null) return before;
  const slot = await takeSlot(agent);
  if (!slot.taken) return OTHERS_FIRST;
  // Whose time was over may have given up the very slot, and stopped the rest.
  const now = await stopOf(agent, service, made);
  if (now !== null) await giveUpSlot(agent, slot.before);
  if (now !== null) return now;
  const { id, rollout } = agent.config;
  const own = { changes: new Map([...slot.before, ...made]), up: agent.rollout?.up ?? new Map() };
  await storeOf(agent).hold(id, own, { ms: SYNC_MS + drainTimeout, stops: rollout.stopOnFailure });
  agent.rollout = { ...own, stopped: agent.rollout?.stopped ?? new Map() };
  return null;
}

/** The same for a dry run: no slot is taken. */
export async function mightMakeAnew(agent: ProxyAgent, service: ServiceName, form: string): Promise<Hold | null> {
  const stop = await stopOf(agent, service, new Map([[service, `${FORM}${form}`]]));
  return stop ?? ((await isFull(agent)) ? OTHERS_FIRST : null);
}

async function stopOf(agent: ProxyAgent, service: ServiceName, made: Changes): Promise<Hold | null> {
  const found = (await stopped(agent, made)).get(service);
  return found === undefined ? null : { why: found.message, nextTry: found.nextTry };
}

/** ms until a proxy without a slot asks again. */
export async function askAgainMs({ ports }: ProxyAgent): Promise<number> {
  const all = (await ports.proxies.announced()).length;
  return Math.min(ASK_MS.most, ASK_MS.first + ASK_MS.each * all) * (0.75 + Math.random() / 2);
}

/** What goes no further and is wanted here, but for what stopped at this proxy itself: that is tried again in its own time. */
export async function stopped(agent: ProxyAgent, changed: Changes): Promise<Map<ServiceName, Rejected>> {
  const stops = await storeOf(agent).stops();
  const wanted = new Map([...changed, [DEFAULTS, defaultsId(agent)]]);
  const others = stops.filter(({ what, proxy, structure }) => proxy !== agent.config.id && wanted.get(what) === structure);
  // Of several that it stopped at the first is told.
  return new Map(others.toReversed().map((stop) => [stop.what, held(stop)]));
}

/** Of one service that waits for a reload; null: nothing stops it. */
export async function stoppedService(
  agent: ProxyAgent,
  service: ServiceName,
  structure: string,
  restamped: boolean,
): Promise<Rejected | null> {
  const stops = await stopped(agent, new Map([[service, structure]]));
  return stops.get(service) ?? (restamped ? (stops.get(DEFAULTS) ?? null) : null);
}

function held({ proxy, structure, reason }: RolloutStop): Rejected {
  return { structure, message: `rollout stopped at ${proxy}: ${reason}`, nextTry: Date.now() + STOPPED_MS };
}

/** The managed defaults, the same for every proxy that has them. */
function defaultsId({ config, ports }: ProxyAgent): string {
  const alone = { socket: null, logs: true };
  return stampOf({ prefix: ports.keys.prefix, proxy: 'fleet', defaults: config.defaults, policy: config.reloadPolicy, alone });
}

/** Before the files are touched: should this host be gone with the reload, it is known what for. Answers what the slot is for from now on. */
export async function beginReload(attempt: Attempt, before: Changes): Promise<Pick<OwnRollout, 'changes' | 'up'>> {
  const { agent, turn, wanted } = attempt;
  const own = await ownRollout(agent);
  const earlier = [...(own?.up ?? [])].filter(([service]) => before.has(service) || before.has(DEFAULTS));
  const changes = new Map([...before, ...turn.tried, ...(wanted.restamped ? [[DEFAULTS, defaultsId(agent)] as const] : [])]);
  const begun = { changes, up: new Map([...earlier, ...countedBefore(attempt, own)]) };
  await storeOf(agent).hold(agent.config.id, begun, { ms: RELOAD_MS, stops: agent.config.rollout.stopOnFailure });
  return begun;
}

/** What failed goes no further; what was loaded has to be in sync, and its servers up, before the slot is free. */
export async function endReload(
  attempt: Attempt,
  { outcome }: Outcome,
  before: Changes,
  begun: Pick<OwnRollout, 'changes' | 'up'>,
): Promise<void> {
  const { agent, turn, wanted, refused, signal } = attempt;
  const { id, rollout } = agent.config;
  const store = storeOf(agent);
  const failed = new Map([...refused].filter(([service, { structure }]) => !turn.held.has(service) && structure !== ''));
  const ids = [...failed].map(([what, { structure, message }]) => {
    return [what, { structure: what === DEFAULTS ? defaultsId(agent) : structure, reason: message }] as const;
  });
  if (rollout.stopOnFailure) await store.stop(id, new Map(ids), Date.now());
  // Nobody knows how it ended: whoever takes over has the slot, until its time is over.
  if (outcome === 'taken' || signal.aborted) return;
  const loaded = [...begun.changes].filter(([what]) => !failed.has(what));
  const changes = outcome === 'reloaded' ? new Map([...before, ...loaded]) : before;
  if (changes.size === 0) return store.release(id);
  const up = new Map([...begun.up].filter(([service]) => changes.has(service) || changes.has(DEFAULTS)));
  await store.hold(id, { changes, up }, { ms: SYNC_MS + longestMs(agent, up, wanted.services), stops: rollout.stopOnFailure });
}

/** A reload was not needed after all. */
export async function giveUpSlot(agent: ProxyAgent, before: Changes): Promise<void> {
  if (before.size === 0) await storeOf(agent).release(agent.config.id);
}

/** After a pass: what is in sync now. A worker that has yet to show that it stays is looked at again. */
export async function settle(agent: ProxyAgent, looked: ReadonlyMap<ServiceName, Looked['options']>, restamped: boolean): Promise<void> {
  if (agent.rollout === null) return;
  const those = (options: Looked['options']): ServiceName[] => [...looked].filter(([, is]) => is === options).map(([service]) => service);
  const waiting = [...those('waiting'), ...(restamped ? [DEFAULTS] : [])];
  const found = { ...judged(agent, agent.rollout, those('in sync'), !restamped), waiting };
  const after = await storeOf(agent).settle(agent.config.id, found, STAYS_MS);
  for (const { what, reason } of found.ill.filter((ill) => after.stopped.includes(ill.what)))
    agent.ports.logger.error({ proxy: agent.config.id, what, reason }, 'new options go no further');
  if (after.held) await agent.later(STAYS_MS, 'its reload has to prove itself');
}

/** By an operator: what stopped is tried again, at once also where it failed. */
export async function goOn(
  ports: Pick<ProxyAgent['ports'], 'redis' | 'keys' | 'proxies'>,
  services: readonly ServiceName[] | null,
): Promise<void> {
  const store = new RolloutStore(ports.redis, ports.keys);
  const chosen = (await store.stops()).filter(({ what }) => services === null || services.includes(what));
  for (const { what, proxy } of chosen) await dropRejections(ports.proxies, proxy, what === DEFAULTS ? null : what);
  await store.clear(chosen);
}
