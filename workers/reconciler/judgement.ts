/** One backend of a proxy, judged: what is desired of it against what HAProxy has, with what somebody set by hand; and what is planned from that. */
import type { RuntimeConnection } from '../../shared/haproxy/connection.ts';
import { anothersPrefix } from '../../shared/haproxy/installation.ts';
import { type ObservedProxy, observeSessions } from '../../shared/haproxy/observe.ts';
import { formOf, structureOf } from '../../shared/haproxy/render-service.ts';
import type { Looked } from '../../shared/model/by-hand.ts';
import type { DesiredBackend } from '../../shared/model/desired.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { ObservedBackend } from '../../shared/model/observed.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import type { BackendPlan, Hold } from '../../shared/plan/backend-plan.ts';
import { leavingServers } from '../../shared/plan/fit.ts';
import { type BackendInput, planBackend } from '../../shared/plan/plan-backend.ts';
import { foldSessions, type ServerSessions } from '../../shared/plan/sessions.ts';
import type { ProxyAgent } from './proxy-agent.ts';
import { recognise, type Statistics, settled, statistics } from './recognition.ts';
import { mayMakeAnew, mightMakeAnew } from './rollout.ts';

const NOTHING_MADE: ReadonlyMap<string, string> = new Map();
/** Until the fleet is asked, which is only done for what is to begin. */
const NOT_ASKED: Hold = { why: 'when the fleet lets it', nextTry: null };

export interface JudgeContext {
  readonly agent: ProxyAgent;
  readonly connection: RuntimeConnection;
  readonly proxy: ObservedProxy;
}

export interface JudgeInput {
  readonly found: ObservedBackend | null;
  /** How the last look left it. */
  readonly looked: Looked | null;
  readonly keepsStrangers: boolean;
  /** Nothing is done about it: no slot of the fleet is taken. */
  readonly dry?: true;
}

export interface Look {
  readonly plan: BackendPlan;
  readonly looked: Looked | null;
  /** With what somebody set by hand in its place. */
  readonly desired: DesiredBackend | null;
  readonly observed: ObservedBackend | null;
  readonly running: ServiceConfig | null;
  /** What is done to the backend as a whole, when that is anything: it is made before its servers, and goes behind them. Only a dry run asks. */
  readonly section?: { readonly kind: 'add' | 'del'; readonly command: string };
}

export async function judge(
  context: JudgeContext,
  service: ServiceName,
  wanted: DesiredBackend | null,
  { found, looked, keepsStrangers, dry }: JudgeInput,
): Promise<Look> {
  const { agent, connection, proxy } = context;
  const { observed: seen, made } = found === null ? { observed: null, made: NOTHING_MADE } : agent.forms.of(found);
  const running = wanted === null || seen === null ? null : await agent.running(wanted, seen.structure);
  // Until a reload has loaded new options, servers are made with those that their backend runs with.
  const current = wanted === null || running === null ? wanted : { ...wanted, config: running };
  const told: Statistics = current === null || seen === null ? {} : await statistics(connection, current, seen, looked);
  const hand =
    current === null || seen === null
      ? null
      : await recognise(agent, proxy.identity, {
          desired: current,
          observed: seen,
          looked,
          maxConns: told.maxConns,
        });
  const { desired, observed, maxConns } = hand ?? { desired: current, observed: seen };
  const forms = {
    wanted: desired === null ? null : formOf(desired.config),
    made,
    ...(told.backups === undefined ? {} : { backups: told.backups }),
  };
  const leaving = desired === null || observed === null ? [] : leavingServers(desired, observed, forms);
  const sessions = leaving.length > 0 ? await countSessions(agent, connection, service, leaving) : new Map<string, ServerSessions>();
  if (leaving.length === 0) agent.sessions.delete(service);
  const input: BackendInput = {
    backend: service,
    desired,
    structure: agent.config.runtimeOnly || wanted === null ? null : structureOf(wanted.config, agent.config.defaults),
    observed,
    sessions,
    forms,
    ...(maxConns === undefined ? {} : { maxConns }),
    strangersStay: desired === null || observed === null ? null : await agent.strangers.why(desired, observed, Date.now(), keepsStrangers),
    anothers: anothersPrefix(found, proxy.identity.stamp, agent.ports.keys.prefix),
    capabilities: proxy.capabilities,
    runtimeOnly: agent.config.runtimeOnly,
  };
  const plan = await planAsked(agent, input, dry === true);
  const looks = hand === null ? { plan, looked: null } : settled(agent, proxy.identity, plan, hand);
  return { ...looks, desired: wanted === null ? null : { ...(desired ?? wanted), config: wanted.config }, observed: seen, running };
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

/** Servers are begun to be made anew when the fleet lets this proxy. */
async function planAsked(agent: ProxyAgent, input: BackendInput, dry: boolean): Promise<BackendPlan> {
  const plan = planBackend({ ...input, hold: NOT_ASKED });
  const form = input.forms?.wanted ?? null;
  if (!plan.anew?.held || input.desired === null || form === null) return plan;
  const { service, config } = input.desired;
  const hold = dry ? mightMakeAnew(agent, service, form) : mayMakeAnew(agent, service, form, config.drainTimeout);
  return planBackend({ ...input, hold: await hold });
}
