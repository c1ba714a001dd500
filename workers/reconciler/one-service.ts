/** One service of a pass, from the look to what is written down of it. What goes wrong with it stays with it. */
import { AssertionFailure, errorFields, errorText, PointsmanError } from '../../shared/errors.ts';
import { structureOf } from '../../shared/haproxy/render-service.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { ProxyEvent } from '../../shared/model/proxy-event.ts';
import { needsFile } from './adopted.ts';
import { writeServiceFile } from './files.ts';
import { rejectionOf, stampRejection, wantReload } from './reload-request.ts';
import { stoppedService } from './rollout.ts';
import type { Routed } from './route-pass.ts';
import { isSettled, type PassContext, passService, type ServicePass } from './service-pass.ts';
import { withdrawService } from './withdrawal.ts';

/** When the reconciler looks at everything anyway. */
const FULL_PASS_MS = 30_000;

export interface Looked {
  readonly revision: number;
  readonly commands: number;
  readonly state: string;
  /** Something is left that only time brings. */
  readonly waiting: boolean;
  /** What was sent did not help, or it could not be worked on: again, but ever more slowly. */
  readonly stuck: boolean;
  /** in sync: it runs with its options, and at most waits for sessions to end · waiting: for a reload, and is in sync with those that it runs with. */
  readonly options: 'in sync' | 'waiting' | 'neither';
  /** Servers that are to be made anew with new options wait for the fleet: for a slot, or because the options go no further. */
  readonly held: 'no' | 'waits' | 'stopped';
  /** ms until its file may be written; 0: it is. */
  readonly unwritten: number;
}

const NOTHING_LEFT = { waiting: false, stuck: false, held: 'no', unwritten: 0 } as const;

/** What goes wrong with one backend is its own affair (I10); what goes wrong with the proxy or the claim ends the pass. */
export async function oneService(context: PassContext, service: ServiceName, restamped: boolean): Promise<Looked> {
  const { agent, journal } = context;
  try {
    const pass = await passService(context, service);
    if (!pass.known) return { revision: pass.revision, commands: 0, state: 'not known', options: 'in sync', ...NOTHING_LEFT };
    const routed = await routeService(context, pass);
    const standsAs = await standing(context, pass, restamped);
    const event: ProxyEvent | null =
      standsAs?.type === 'synced' && routed.blocked !== null
        ? { type: 'blocked', service, detail: routed.blocked, nextTry: Date.now() + FULL_PASS_MS }
        : standsAs;
    if (event === null) await forget(context, service);
    else await journal.write([pass.looked === null ? event : { ...event, looked: pass.looked }], Date.now());
    const unwritten = await writeServiceFile(agent, service);
    const waiting = pass.plan.waiting.length > 0 || pass.plan.commands.length > 0;
    const stuck = pass.commands > 0 && pass.plan.commands.length > 0;
    return {
      revision: pass.revision,
      commands: pass.commands + routed.results.length,
      state: event?.type ?? 'not ours',
      options: optionsOf(pass, event, restamped),
      waiting,
      stuck,
      held: heldUp(pass),
      unwritten,
    };
  } catch (error) {
    if (!isOfOneBackend(error)) throw error;
    const detail = errorText(error);
    agent.ports.logger.error({ proxy: agent.config.id, service, ...errorFields(error) }, 'a backend could not be worked on');
    await journal.write([{ type: 'blocked', service, detail, nextTry: Date.now() + FULL_PASS_MS }], Date.now());
    // Its mark stays: a change that comes meanwhile is not lost, and the next full pass looks again.
    return { revision: -1, commands: 0, state: 'blocked', options: 'neither', ...NOTHING_LEFT, stuck: true };
  }
}

/** One that has something else to do is looked at for that. */
function heldUp({ plan, commands }: ServicePass): Looked['held'] {
  const held = plan.anew?.held ?? null;
  if (held === null || commands > 0 || plan.commands.length > 0) return 'no';
  return held.nextTry === null ? 'waits' : 'stopped';
}

function optionsOf({ plan }: ServicePass, event: ProxyEvent | null, restamped: boolean): Looked['options'] {
  if (plan.commands.length > 0 || plan.blocked !== null || plan.anew !== undefined) return 'neither';
  if (event === null || event.type === 'synced' || event.type === 'patching') return 'in sync';
  return plan.reload !== null || restamped ? 'waiting' : 'neither';
}

/** A service is reached while its backend is there. */
async function routeService(
  { agent, journal, routes, stillClaimed }: PassContext,
  { service, revision, cursor }: ServicePass,
): Promise<Routed> {
  if (routes === null) return { results: [], blocked: null };
  const seen = agent.seen.get(service);
  const reached = seen === undefined || seen.observed === null ? null : seen.desired.config;
  const routed = await routes.settle(service, reached, stillClaimed);
  if (routed.results.length === 0) return routed;
  const reason = reached === null ? 'it is not to be reached any more' : 'it is to be reached by its host and path';
  const results = routed.results.map(({ command, outcome, reply }) => ({ command, reason, outcome, reply, ms: 0 }));
  await journal.write(
    [
      { type: 'patching', service, revision, cursor, commands: results },
      { type: 'commands', service, results },
    ],
    Date.now(),
  );
  return routed;
}

/** That it is known goes last: a crash before leaves the rest to the next pass. */
async function forget({ agent, journal }: PassContext, service: ServiceName): Promise<void> {
  await withdrawService(agent, service);
  await agent.strangers.forget(service);
  await journal.forget(service);
}

/** What says that the proxy, the claim or Redis is the trouble; anything else is this backend's. */
const OF_THE_PASS: ReadonlySet<string> = new Set([
  'HAPROXY_UNREACHABLE',
  'HAPROXY_TIMEOUT',
  'HAPROXY_NOT_LIVING_WORKER',
  'CLAIM_LOST',
  'REDIS_UNREACHABLE',
]);

function isOfOneBackend(error: unknown): boolean {
  if (error instanceof PointsmanError) return !OF_THE_PASS.has(error.code);
  // ioredis throws plain Errors for its connection, and a ReplyError for what Redis refuses.
  const ours =
    error instanceof AssertionFailure || error instanceof TypeError || error instanceof SyntaxError || error instanceof RangeError;
  return ours || (error instanceof Error && error.name === 'ReplyError');
}

type Standing = ProxyEvent & { readonly type: 'synced' | 'patching' | 'drifted' | 'reload-wanted' | 'blocked' };

/** How the backend stands after the look; null: the proxy has nothing of it. */
async function standing(context: PassContext, pass: ServicePass, restamped: boolean): Promise<Standing | null> {
  const { agent } = context;
  const { service, revision, cursor, plan } = pass;
  const config = agent.seen.get(service)?.desired.config ?? null;
  if (plan.blocked !== null) return { type: 'blocked', service, detail: plan.blocked, nextTry: null };
  const reason = plan.reload?.reason ?? (restamped && config !== null ? 'the managed defaults changed' : null);
  if (reason !== null) {
    const own = config === null ? null : await rejectionOf(agent, service, structureOf(config, agent.config.defaults));
    const rejected = own ?? (restamped ? await stampRejection(agent) : null);
    if (rejected !== null && rejected.nextTry > Date.now())
      return { type: 'blocked', service, detail: rejected.message, nextTry: rejected.nextTry };
    const stop = config === null ? null : await stoppedService(agent, service, structureOf(config, agent.config.defaults), restamped);
    if (stop !== null) return { type: 'blocked', service, detail: stop.message, nextTry: stop.nextTry };
    await wantReload(agent, `${service}: ${reason}`);
    return { type: 'reload-wanted', service, detail: reason };
  }
  const hold = plan.anew?.held ?? null;
  if (hold !== null && hold.nextTry !== null) return { type: 'blocked', service, detail: hold.why, nextTry: hold.nextTry };
  if (isSettled(pass) && config !== null && agent.config.runtimeOnly) {
    const why = await needsFile(agent, config, context.proxy.identity);
    if (why !== null) return { type: 'blocked', service, detail: why, nextTry: null };
  }
  if (isSettled(pass)) return config === null ? null : { type: 'synced', service, revision, cursor };
  const detail = [
    ...plan.waiting.map((wait) => `${wait.server}: ${wait.reason}`),
    ...plan.commands.map((next) => `${next.command.server}: ${next.reason}`),
  ];
  return pass.commands > 0 || plan.waiting.length > 0
    ? { type: 'patching', service, revision, cursor, commands: [] }
    : { type: 'drifted', service, detail: detail.slice(0, 5).join('; ') };
}
