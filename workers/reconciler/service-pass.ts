/**
 * One look at one backend of one proxy: observe, plan, apply, observe again. Says how it ended; never throws for this backend's sake
 * (a lost connection or claim ends the whole pass, and does throw).
 */
import { PointsmanError } from '../../shared/errors.ts';
import { applyCommands, type CommandResult } from '../../shared/haproxy/apply.ts';
import type { RuntimeConnection } from '../../shared/haproxy/connection.ts';
import { type ObservedProxy, observeBackend, observeMaxConns, observeSessions } from '../../shared/haproxy/observe.ts';
import { formOf, structureOf } from '../../shared/haproxy/render-service.ts';
import type { DesiredBackend } from '../../shared/model/desired.ts';
import { matchesAny } from '../../shared/model/glob.ts';
import type { EventId, ServiceName } from '../../shared/model/ids.ts';
import type { ObservedBackend } from '../../shared/model/observed.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { type BackendPlan, isEmpty } from '../../shared/plan/backend-plan.ts';
import { commandText } from '../../shared/plan/command-text.ts';
import { leavingServers } from '../../shared/plan/fit.ts';
import { planBackend } from '../../shared/plan/plan-backend.ts';
import { foldSessions, type ServerSessions } from '../../shared/plan/sessions.ts';
import type { Ahead } from './contact.ts';
import { noteLoaded } from './files.ts';
import type { Journal } from './journal.ts';
import type { ProxyAgent } from './proxy-agent.ts';
import type { RoutePass } from './route-pass.ts';
import { withdrawVerdicts } from './withdrawal.ts';

const NOTHING_MADE: ReadonlyMap<string, string> = new Map();
/** Covers no mark. */
const NO_REVISION = -1;
/** Commands of one look that are kept in the proxy's stream; the rest is counted. */
const RECORDED_MAX = 200;

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
  readonly plan: BackendPlan;
}

export interface Look {
  readonly plan: BackendPlan;
  readonly observed: ObservedBackend | null;
  readonly running: ServiceConfig | null;
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
  const first = await judge(context, service, desired, observed, true);
  if (first.plan.commands.length === 0) {
    if (!(await hasLanded(ahead))) return unknown(service, NO_REVISION, 0);
    await remember(agent, service, desired, first);
    return { service, revision, cursor, known, commands: 0, plan: first.plan };
  }
  const results = await apply(context, { service, revision, cursor }, first.plan);
  if (!(await hasLanded(ahead))) return unknown(service, NO_REVISION, first.plan.commands.length);
  const seen = await observeBackend(context.connection, service);
  if (seen !== null) await keepForms(agent, results, seen);
  const second = await judge(context, service, desired, seen, false);
  await remember(agent, service, desired, second);
  return { service, revision, cursor, known, commands: first.plan.commands.length, plan: second.plan };
}

function unknown(service: ServiceName, revision: number, commands: number): ServicePass {
  const plan = { backend: service, commands: [], waiting: [], reload: null, blocked: null };
  return { service, revision, cursor: null, known: false, commands, plan };
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
): Promise<Look> {
  return judge(context, service, desired, await observeBackend(context.connection, service), false);
}

async function judge(
  context: Pick<PassContext, 'agent' | 'connection' | 'proxy'>,
  service: ServiceName,
  desired: DesiredBackend | null,
  found: ObservedBackend | null,
  keepsStrangers: boolean,
): Promise<Look> {
  const { agent, connection, proxy } = context;
  const { observed, made } = found === null ? { observed: null, made: NOTHING_MADE } : agent.forms.of(found);
  const running = desired === null || observed === null ? null : await agent.running(desired, observed.structure);
  // Until a reload has loaded new options, servers are made with those that their backend runs with.
  const current = desired === null || running === null ? desired : { ...desired, config: running };
  const forms = { wanted: current === null ? null : formOf(current.config), made };
  const leaving = current === null || observed === null ? [] : leavingServers(current, observed, forms);
  const sessions = leaving.length > 0 ? await countSessions(agent, connection, service, leaving) : new Map<string, ServerSessions>();
  if (leaving.length === 0) agent.sessions.delete(service);
  const plan = planBackend({
    backend: service,
    desired: current,
    structure: agent.config.runtimeOnly || desired === null ? null : structureOf(desired.config, agent.config.defaults),
    observed,
    sessions,
    forms,
    ...(await limits(connection, service, current, observed)),
    strangersStay: desired === null || observed === null ? null : await agent.strangers.why(desired, observed, Date.now(), keepsStrangers),
    capabilities: proxy.capabilities,
    runtimeOnly: agent.config.runtimeOnly,
  });
  return { plan, observed, running };
}

/** What HAProxy lets in at once is asked only where that can be changed. */
async function limits(
  connection: RuntimeConnection,
  service: ServiceName,
  desired: DesiredBackend | null,
  observed: ObservedBackend | null,
): Promise<{ maxConns?: ReadonlyMap<string, number> }> {
  if (desired === null || observed === null || desired.config.server.maxConn === null || observed.servers.size === 0) return {};
  const maxConns = await observeMaxConns(connection, service);
  return maxConns === null ? {} : { maxConns };
}

async function keepForms(agent: ProxyAgent, results: readonly CommandResult[], seen: ObservedBackend): Promise<void> {
  const forms = agent.forms.note(results, seen);
  if (forms !== null) await agent.ports.proxies.setState(agent.config.id, { forms });
}

/** Only of servers that are leaving: how long they have been counted is how long they have been at it. */
async function countSessions(
  agent: ProxyAgent,
  connection: RuntimeConnection,
  service: ServiceName,
  leaving: readonly string[],
): Promise<ReadonlyMap<string, ServerSessions>> {
  const all = (await observeSessions(connection, service)) ?? new Map<string, number>();
  const named = new Set(leaving);
  const counts = new Map([...all].filter(([server]) => named.has(server)));
  const before = agent.sessions.get(service);
  const at = performance.now();
  const folded = foldSessions(before?.counts ?? new Map(), counts, before === undefined ? 0 : at - before.at);
  agent.sessions.set(service, { at, counts: folded });
  return folded;
}

/**
 * What is about to be sent leaves for the proxy's stream first. Its answer is not waited for: the record is on its way even if this process dies with the
 * commands sent, and what is to be done is derived again from the desired state, which is persisted.
 */
async function apply(
  context: PassContext,
  of: Pick<ServicePass, 'service' | 'revision' | 'cursor'>,
  plan: BackendPlan,
): Promise<readonly CommandResult[]> {
  const { service } = of;
  const { agent, journal, connection, proxy } = context;
  const announced = plan.commands.slice(0, RECORDED_MAX).map(({ command, reason }) => ({ command: commandText(command), reason }));
  const recorded = journal.write([{ type: 'patching', ...of, commands: announced }], Date.now());
  recorded.catch(() => undefined);
  const { results, failed } = await applyCommands(connection, plan.commands, {
    capabilities: proxy.capabilities,
    expected: proxy.identity,
    ...(context.provenAt === undefined ? {} : { provenAt: context.provenAt }),
    stillClaimed: context.stillClaimed,
    signal: context.signal,
  });
  await recorded;
  const told = results.slice(0, RECORDED_MAX).map(({ command, reason, outcome, reply, ms }) => ({
    command: commandText(command),
    reason,
    outcome,
    reply,
    ms: Math.round(ms * 1000) / 1000,
  }));
  await journal.write([{ type: 'commands', service, results: told }], Date.now());
  await withdrawVerdicts(agent, service, results);
  for (const { command, outcome, reply } of results) {
    if (outcome === 'refused')
      agent.ports.logger.warn({ proxy: agent.config.id, command: commandText(command), reply }, 'haproxy refused a command');
  }
  if (failed instanceof PointsmanError && failed.code !== 'HAPROXY_REPLY_UNEXPECTED') throw failed;
  if (failed !== null)
    agent.ports.logger.warn({ proxy: agent.config.id, service, error: failed.message }, 'haproxy gave an unexpected reply');
  return results;
}

async function remember(
  agent: ProxyAgent,
  service: ServiceName,
  desired: DesiredBackend | null,
  { observed, running }: Look,
): Promise<void> {
  if (desired === null) {
    agent.seen.delete(service);
    return;
  }
  agent.seen.set(service, { desired, observed, running });
  await noteLoaded(agent, desired, observed?.structure ?? null);
}

export function isSettled(pass: ServicePass): boolean {
  return isEmpty(pass.plan);
}
