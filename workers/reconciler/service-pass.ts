/**
 * One look at one backend of one proxy: observe, plan, apply, observe again. Says how it ended; never throws for this backend's sake
 * (a lost connection or claim ends the whole pass, and does throw).
 */
import type { CommandResult } from '../../shared/haproxy/apply.ts';
import type { RuntimeConnection } from '../../shared/haproxy/connection.ts';
import { type ObservedProxy, observeBackend } from '../../shared/haproxy/observe.ts';
import type { Looked } from '../../shared/model/by-hand.ts';
import type { DesiredBackend } from '../../shared/model/desired.ts';
import { matchesAny } from '../../shared/model/glob.ts';
import type { EventId, ServiceName } from '../../shared/model/ids.ts';
import type { ObservedBackend } from '../../shared/model/observed.ts';
import { type BackendPlan, isEmpty } from '../../shared/plan/backend-plan.ts';
import { RELOADS } from '../../shared/plan/reloads.ts';
import type { Ahead } from './contact.ts';
import { noteLoaded } from './files.ts';
import type { Journal } from './journal.ts';
import { judge, type Look } from './judgement.ts';
import { asMade, goingBackend, makeBackend, type Of, publishMade, shapeFor, takeAway } from './made-section.ts';
import type { ProxyAgent } from './proxy-agent.ts';
import type { RoutePass } from './route-pass.ts';
import { sendPlan } from './send-plan.ts';

/** Covers no mark. */
const NO_REVISION = -1;

export interface PassContext {
  readonly agent: ProxyAgent;
  readonly connection: RuntimeConnection;
  readonly proxy: ObservedProxy;
  readonly journal: Journal;
  readonly stillClaimed: () => boolean;
  readonly signal: AbortSignal;
  /** null: the proxy has no shared frontend. */
  readonly routes: RoutePass | null;
  /** When the connection was last proven to be to the living worker (performance.now()). */
  readonly provenAt?: number;
  /** What was asked of Redis beforehand. */
  readonly ahead?: Ahead | null;
}

export interface ServicePass {
  readonly service: ServiceName;
  /** The revision of the desired state that was looked at. */
  readonly revision: number;
  /** The last event of the service's log that is folded into it; null: the service is not configured. */
  readonly cursor: EventId | null;
  /** false: Redis has nothing of the service, so there is nothing to say or do. */
  readonly known: boolean;
  readonly commands: number;
  /** What HAProxy refused in this pass. */
  readonly refused: readonly CommandResult[];
  readonly plan: BackendPlan;
  /** For the next look; null: nothing can be said. */
  readonly looked: Looked | null;
}

export async function passService(context: PassContext, service: ServiceName): Promise<ServicePass> {
  const { agent, journal } = context;
  const ahead = context.ahead?.service === service ? context.ahead : null;
  const [{ revision, cursor, known, backend }, observed] = await Promise.all([
    ahead?.desired ?? agent.ports.desired.read(service),
    ahead?.observed ?? observeBackend(context.connection, service),
    journal.load([service], ahead?.backends),
  ]);
  journal.causedBy(service, cursor);
  // Redis has nothing of it (lost, or not told yet): that is no reason to change anything.
  if (!known) {
    agent.seen.delete(service);
    return unknown(service, revision, 0);
  }
  // A service that the proxy carries no longer is taken away, whatever it should have elsewhere.
  const desired = matchesAny(agent.config.services, service) ? backend : null;
  const of = { service, revision, cursor };
  const going = desired === null ? await goingBackend(context, of, observed) : null;
  if (going !== null) return passGoing(context, of, going, observed);
  const made = desired !== null && observed === null && (await makeBackend(context, of, desired));
  const there = made ? await observeBackend(context.connection, service) : observed;
  if (there !== null && !made) await publishMade(context, there);
  // Of one that was just made nobody took a server away.
  const looked = made ? null : journal.looked(service);
  const first = await judge(context, service, desired, { found: there, looked, keepsStrangers: true });
  if (first.plan.commands.length === 0) {
    if (!(await hasLanded(ahead))) return unknown(service, NO_REVISION, 0);
    await remember(agent, service, first);
    return { ...of, known, commands: Number(made), refused: [], plan: first.plan, looked: first.looked };
  }
  const { look: second, refused } = await patch(context, of, desired, first);
  if (!(await hasLanded(ahead))) return unknown(service, NO_REVISION, first.plan.commands.length);
  await remember(agent, service, second);
  return { ...of, known, commands: first.plan.commands.length, refused, plan: second.plan, looked: second.looked };
}

interface Patched {
  /** After the commands. */
  readonly look: Look;
  readonly refused: readonly CommandResult[];
}

/** Sends what was planned, and looks again. */
async function patch(context: PassContext, of: Of, desired: DesiredBackend | null, first: Look): Promise<Patched> {
  const results = await sendPlan(context, of, first);
  const seen = await observeBackend(context.connection, of.service);
  if (seen !== null) await keepForms(context.agent, results, seen);
  const input = { found: seen, looked: context.journal.looked(of.service), keepsStrangers: false };
  const refused = results.filter(({ outcome }) => outcome === 'refused');
  return { look: await judge(context, of.service, desired, input), refused };
}

/** No request finds it any more; then its servers go as those of any service do, and then it. */
async function passGoing(context: PassContext, of: Of, going: DesiredBackend, observed: ObservedBackend | null): Promise<ServicePass> {
  context.agent.seen.delete(of.service);
  await context.routes?.settle(of.service, null, context.stillClaimed);
  const before = { found: observed, looked: context.journal.looked(of.service), keepsStrangers: false };
  const first = await judge(context, of.service, going, before);
  const { look: last, refused } = first.plan.commands.length === 0 ? { look: first, refused: [] } : await patch(context, of, going, first);
  const commands = first.plan.commands.length;
  const nothing: BackendPlan = { backend: of.service, commands: [], waiting: [], reload: null, blocked: null };
  const pass = { ...of, known: true, commands, refused, looked: last.looked };
  if (last.observed === null) return { ...pass, plan: nothing };
  if (!isEmpty(last.plan) || last.observed.servers.size > 0) return { ...pass, plan: last.plan };
  const gone = await takeAway(context, of);
  return { ...pass, commands: commands + 1, plan: gone ? nothing : { ...nothing, reload: { reason: RELOADS.removed.reason } } };
}

function unknown(service: ServiceName, revision: number, commands: number): ServicePass {
  const plan = { backend: service, commands: [], waiting: [], reload: null, blocked: null };
  return { service, revision, cursor: null, known: false, commands, refused: [], plan, looked: null };
}

/**
 * What is handed over is acted on while its commit is on its way: the events that it follows from are in the log, so whoever folds them gets there too.
 * But its revision is only a revision once it is committed; until then no mark is taken away for it.
 */
async function hasLanded(ahead: Ahead | null): Promise<boolean> {
  try {
    await ahead?.committed;
    return true;
  } catch {
    return false;
  }
}

/** What a proxy's plan for a service is now; changes nothing. */
export async function look(
  context: Pick<PassContext, 'agent' | 'connection' | 'proxy'>,
  service: ServiceName,
  desired: DesiredBackend | null,
  looked: Looked | null,
): Promise<Look> {
  const observed = await observeBackend(context.connection, service);
  const going = desired === null ? await goingBackend(context, { service, revision: NO_REVISION, cursor: null }, observed) : null;
  const shape = desired === null || observed !== null ? null : shapeFor(context, desired.config);
  if (desired !== null && shape !== null) {
    const found = asMade(context.agent, desired);
    const section = { kind: 'add', command: `add backend ${service} from ${shape}` } as const;
    return { ...(await judge(context, service, desired, { found, looked: null, keepsStrangers: false, dry: true })), section };
  }
  const seen = await judge(context, service, going ?? desired, { found: observed, looked, keepsStrangers: false, dry: true });
  const section = { kind: 'del', command: `del backend ${service}` } as const;
  return going !== null && observed?.servers.size === 0 ? { ...seen, section } : seen;
}

async function keepForms(agent: ProxyAgent, results: readonly CommandResult[], seen: ObservedBackend): Promise<void> {
  const forms = agent.forms.note(results, seen);
  if (forms !== null) await agent.ports.proxies.setState(agent.config.id, { forms });
}

async function remember(agent: ProxyAgent, service: ServiceName, { desired, observed, running }: Look): Promise<void> {
  if (desired === null) {
    agent.seen.delete(service);
    return;
  }
  agent.seen.set(service, { desired, observed, running });
  await noteLoaded(agent, desired, observed?.structure ?? null);
}
