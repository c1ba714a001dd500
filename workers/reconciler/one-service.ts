/** One service of a pass, from the look to what is written down of it. What goes wrong with it stays with it. */
import { AssertionFailure, errorFields, errorText, PointsmanError } from '../../shared/errors.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { ProxyEvent } from '../../shared/model/proxy-event.ts';
import { writeServiceFile } from './files.ts';
import { wantReload } from './reload-request.ts';
import type { Routed } from './route-pass.ts';
import { type PassContext, passService, type ServicePass } from './service-pass.ts';
import { FULL_PASS_MS, standing } from './standing.ts';
import { withdrawService } from './withdrawal.ts';

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
    const config = agent.seen.get(service)?.desired.config ?? null;
    const standsAs = await standing(context, pass, { config, restamped });
    if (standsAs?.type === 'reload-wanted') await wantReload(agent, `${service}: ${standsAs.detail}`);
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
