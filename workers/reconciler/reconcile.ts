/**
 * One pass over one proxy, for one job: prove the worker, look at every dirty service (all of them when the worker is new), backend by
 * backend, write down how each stands, and take the marks away that are done. One bad backend never stops the others.
 */
import { errorFields, errorText, PointsmanError } from '../../shared/errors.ts';
import { whyNotManaged } from '../../shared/haproxy/installation.ts';
import { type ObservedProxy, sameWorker } from '../../shared/haproxy/observe.ts';
import { proxyStamp } from '../../shared/haproxy/render-managed.ts';
import { matchesAny } from '../../shared/model/glob.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import { backoff } from '../../shared/runtime/wait.ts';
import { type About, begin, type Start } from './contact.ts';
import { writeMissingFiles } from './files.ts';
import { noteEdits } from './foreign-edits.ts';
import type { Journal } from './journal.ts';
import { type Looked, oneService } from './one-service.ts';
import type { ProxyAgent } from './proxy-agent.ts';
import { askAgainMs, beginAnew, servicesOf, settle } from './rollout.ts';
import { RoutePass } from './route-pass.ts';
import type { PassContext } from './service-pass.ts';

const WAIT_FIRST_MS = 110;
const WAIT_MOST_MS = 1_000;
const STUCK_MOST_MS = 30_000;
const UNREACHABLE_FIRST_MS = 500;
const UNREACHABLE_MOST_MS = 10_000;
const TAKEN_MS = 200;

export interface PassReport {
  readonly outcome: 'done' | 'taken' | 'unreachable' | 'not-managed' | 'called-off';
  readonly services: readonly { readonly service: ServiceName; readonly commands: number; readonly state: string }[];
  readonly detail: string | null;
}

const NOTHING: PassReport = { outcome: 'done', services: [], detail: 'nothing changed' };

export async function reconcile(agent: ProxyAgent, signal: AbortSignal, options: { full: boolean; about?: About }): Promise<PassReport> {
  let starting: Promise<Start | null> = Promise.resolve(null);
  const about = options.about ?? null;
  try {
    const done = await agent.exclusively(
      async (claim) => {
        const started = await starting;
        return started === null ? NOTHING : passProxy(agent, signal, options, () => claim.held(), started);
      },
      {
        about: about?.service ?? null,
        onAsked: (ours) => {
          starting = begin(agent, about, ours);
          starting.catch(() => undefined);
        },
      },
    );
    if (done !== null) return done.value;
  } catch (error) {
    if (!(error instanceof PointsmanError)) throw error;
    // No claim, no lock: only said. (The pass itself answers for its own errors.)
    return await failed(agent, agent.newJournal(), [], error);
  } finally {
    const contact = (await starting.catch(() => null))?.contact;
    if (contact && !(contact instanceof PointsmanError)) contact.connection.close();
  }
  // Who was only readied, and has nothing to tell after all, puts off nobody's look.
  if (about !== null && about.news !== null && (await about.news) === null) return NOTHING;
  await agent.later(TAKEN_MS, 'another worker has the proxy');
  return { outcome: 'taken', services: [], detail: 'another worker has the proxy' };
}

async function passProxy(
  agent: ProxyAgent,
  signal: AbortSignal,
  options: { full: boolean },
  stillClaimed: () => boolean,
  { dirty, worker, forms, contact, ahead, rollout }: Start,
): Promise<PassReport> {
  const journal = agent.newJournal();
  try {
    if (agent.worker === null) await writeMissingFiles(agent);
    if (contact instanceof PointsmanError) throw contact;
    const { proxy, connection, provenAt } = contact;
    agent.forms.read(forms, proxy.identity);
    agent.rollout = rollout;
    const news = await noteWorker(agent, journal, proxy, worker);
    if (news) await beginAnew(agent);
    // What was handed over comes first, and may not be marked yet; what a slot is held for is looked at until it is free, by whoever gets to it.
    const marked = new Set([...(ahead === null ? [] : [ahead.service]), ...dirty.keys(), ...servicesOf(rollout)]);
    const mine = [...marked].filter((service) => matchesAny(agent.config.services, service));
    const services = options.full || news ? await everything(agent, journal, mine, proxy) : mine;
    const unmanaged = agent.config.runtimeOnly ? null : whyNotManaged(proxy.identity.stamp, agent.config.managed, agent.ports.keys.prefix);
    if (unmanaged !== null) return await notManaged(agent, journal, services, unmanaged);
    if (agent.unmanaged) agent.ports.logger.info({ proxy: agent.config.id }, 'haproxy runs with our folder now');
    agent.unmanaged = false;
    const routes = RoutePass.of(agent, connection, proxy.identity, options.full || news);
    return await passServices({ agent, connection, proxy, journal, stillClaimed, signal, routes, provenAt, ahead }, services, dirty);
  } catch (error) {
    if (!(error instanceof PointsmanError)) throw error;
    return await failed(agent, journal, [...dirty.keys()], error);
  } finally {
    await dropStrangers(agent, dirty);
  }
}

/** Whether another process answers than at the last pass of anybody (`worker`), or of this process. */
async function noteWorker(agent: ProxyAgent, journal: Journal, proxy: ObservedProxy, worker: string | null): Promise<boolean> {
  const { proxies } = agent.ports;
  // Whoever could not reach it before may have been another process.
  if (agent.failures > 0 || agent.worker === null) await proxies.setState(agent.config.id, { unreachable: '' });
  agent.failures = 0;
  const before = worker === null ? null : (JSON.parse(worker) as ObservedProxy['identity']);
  const unknownHere = agent.worker === null || !sameWorker(agent.worker, proxy.identity);
  agent.worker = proxy.identity;
  if (unknownHere) agent.sessions.clear();
  if (before !== null && sameWorker(before, proxy.identity)) return unknownHere;
  agent.written.clear();
  await journal.write(
    [{ type: 'worker', worker: proxy.identity, detail: before === null ? 'first seen' : 'HAProxy was started or reloaded' }],
    Date.now(),
  );
  // Everything is to be looked at, also if this pass does not get to it.
  await proxies.mark([agent.config.id], new Map((await agent.carried()).map((service) => [service, 0])));
  await noteEdits(agent, proxy);
  await proxies.setState(agent.config.id, { worker: JSON.stringify(proxy.identity), version: proxy.version });
  return true;
}

/** What changed first; then all that the proxy carries, or still has though it carries it no longer. */
async function everything(
  agent: ProxyAgent,
  journal: Journal,
  marked: readonly ServiceName[],
  proxy: ObservedProxy | null,
): Promise<ServiceName[]> {
  const [carried, known] = await Promise.all([agent.carried(), journal.loadAll()]);
  const rest = [...new Set([...carried, ...known, ...(proxy?.structures.keys() ?? [])])].filter((service) => !marked.includes(service));
  return [...marked, ...rest.sort()];
}

async function passServices(
  context: PassContext,
  services: readonly ServiceName[],
  dirty: ReadonlyMap<ServiceName, number>,
): Promise<PassReport> {
  const { agent, proxy } = context;
  const applied = new Map<ServiceName, number>();
  const report: PassReport['services'][number][] = [];
  const options = new Map<ServiceName, Looked['options']>();
  const restamped = !agent.config.runtimeOnly && proxy.identity.stamp !== proxyStamp(agent.ports.keys.prefix, agent.config);
  let waiting = 0;
  let asking = 0;
  let stuck = 0;
  let unwritten = 0;
  agent.owes = true;
  for (const service of services) {
    if (context.signal.aborted || !context.stillClaimed()) {
      await agent.later(TAKEN_MS, 'the claim was lost');
      return { outcome: 'called-off', services: report, detail: 'the claim was lost' };
    }
    const looked = await oneService(context, service, restamped);
    waiting += Number(looked.waiting && looked.held === 'no');
    // What goes on is looked at again as soon as what has just begun.
    if (looked.commands > 0 && !looked.stuck) agent.waits = 0;
    asking += Number(looked.held === 'waits');
    stuck += Number(looked.stuck);
    unwritten = Math.max(unwritten, looked.unwritten);
    if (!looked.waiting && looked.unwritten === 0) applied.set(service, looked.revision);
    options.set(service, looked.options);
    report.push({ service, commands: looked.commands, state: looked.state });
  }
  agent.owes = unwritten > 0;
  await context.routes?.finish();
  await agent.ports.proxies.clean(agent.config.id, withMarks(applied, dirty, context.ahead?.service));
  await settle(agent, options, restamped);
  await again(agent, { waiting: waiting > 0, stuck: stuck > 0, asking: asking > 0, unwritten });
  return { outcome: 'done', services: report, detail: null };
}

/** A mark of a revision that was read before it counts as seen only when the revision covers it. */
function withMarks(
  applied: ReadonlyMap<ServiceName, number>,
  dirty: ReadonlyMap<ServiceName, number>,
  about: ServiceName | undefined,
): Map<ServiceName, number> {
  return new Map([...applied].filter(([service]) => dirty.has(service) || service === about));
}

async function again(agent: ProxyAgent, left: { waiting: boolean; stuck: boolean; asking: boolean; unwritten: number }): Promise<void> {
  if (!left.waiting && !left.stuck) {
    agent.waits = 0;
    const ask = left.asking ? Math.round(await askAgainMs(agent)) : Number.POSITIVE_INFINITY;
    if (left.unwritten > 0 && left.unwritten <= ask) await agent.later(left.unwritten, 'a managed file to write');
    else if (left.asking) await agent.later(ask, 'new options that other proxies get first');
    return;
  }
  const delay = Math.min(left.stuck ? STUCK_MOST_MS : WAIT_MOST_MS, WAIT_FIRST_MS * 2 ** Math.min(agent.waits, 10));
  agent.waits += 1;
  await agent.later(delay, left.stuck ? 'a backend that could not be brought in sync' : 'servers that leave');
}

async function notManaged(agent: ProxyAgent, journal: Journal, services: readonly ServiceName[], detail: string): Promise<PassReport> {
  if (!agent.unmanaged) {
    agent.ports.logger.error({ proxy: agent.config.id, code: 'HAPROXY_NOT_MANAGED', error: detail }, 'haproxy runs without our folder');
  }
  agent.unmanaged = true;
  await journal.write(
    services.map((service) => ({ type: 'blocked', service, detail, nextTry: null })),
    Date.now(),
  );
  return { outcome: 'not-managed', services: services.map((service) => ({ service, commands: 0, state: 'blocked' })), detail };
}

async function failed(agent: ProxyAgent, journal: Journal, marked: readonly ServiceName[], error: PointsmanError): Promise<PassReport> {
  const detail = errorText(error);
  agent.waits = 0;
  if (error.code === 'CLAIM_LOST' || error.code === 'HAPROXY_NOT_LIVING_WORKER') {
    await agent.later(backoff(agent.failures, { first: WAIT_FIRST_MS, most: UNREACHABLE_MOST_MS }), detail);
    agent.failures += 1;
    return { outcome: 'called-off', services: [], detail };
  }
  const delay = backoff(agent.failures, { first: UNREACHABLE_FIRST_MS, most: UNREACHABLE_MOST_MS });
  if (agent.failures === 0)
    agent.ports.logger.warn({ proxy: agent.config.id, ...errorFields(error) }, 'proxy cannot be worked on, trying again');
  // Also of a proxy that has no backend yet to say it of.
  if (agent.failures === 0) await agent.ports.proxies.setState(agent.config.id, { unreachable: detail });
  agent.failures += 1;
  const nextTry = Date.now() + delay;
  await journal.write(
    (await everything(agent, journal, marked, null)).map((service) => ({ type: 'unreachable', service, detail, nextTry })),
    Date.now(),
  );
  await agent.later(delay, 'the proxy could not be worked on');
  return { outcome: 'unreachable', services: [], detail };
}

/** Marks of services that this proxy does not carry are nobody's work. */
async function dropStrangers(agent: ProxyAgent, dirty: ReadonlyMap<ServiceName, number>): Promise<void> {
  const strangers = [...dirty].filter(([service]) => !matchesAny(agent.config.services, service));
  if (strangers.length > 0) await agent.ports.proxies.clean(agent.config.id, new Map(strangers));
}
