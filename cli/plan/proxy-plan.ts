/**
 * What would be sent to a proxy now: the reconcile worker's own look at each service, without its commands. A proxy that cannot be reached from here
 * is answered from what Redis has stored of it. This is the shape of `--json` (format 1). Times are ms since the epoch.
 */
import type { BackendSnapshot } from '../../machines/backend.ts';
import { errorText, PointsmanError } from '../../shared/errors.ts';
import { anothersStamp, anothersText } from '../../shared/haproxy/installation.ts';
import { type ObservedProxy, observeProxy } from '../../shared/haproxy/observe.ts';
import { proxyStamp } from '../../shared/haproxy/render-managed.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import { matchesAny } from '../../shared/model/glob.ts';
import type { ProxyId, ServiceName } from '../../shared/model/ids.ts';
import type { ProxyConfig } from '../../shared/model/proxy-config.ts';
import { commandText } from '../../shared/plan/command-text.ts';
import type { Ports } from '../../workers/app.ts';
import { ProxyAgent } from '../../workers/reconciler/proxy-agent.ts';
import { RoutePass } from '../../workers/reconciler/route-pass.ts';
import { look } from '../../workers/reconciler/service-pass.ts';
import { standing } from '../../workers/reconciler/standing.ts';
import { type OverrideStatus, overridesStatus } from '../status/overrides.ts';
import { type BackendStatus, backendStatus } from '../status/report.ts';
import { readBreaker } from '../status/stored-breaker.ts';

export const PLAN_FORMAT = 1;

export interface ServicePlan {
  readonly service: ServiceName;
  readonly commands: readonly { readonly command: string; readonly reason: string }[];
  /** What time must bring first. */
  readonly waiting: readonly { readonly server: string; readonly reason: string }[];
  /** Why HAProxy has to be reloaded for it. */
  readonly reload: string | null;
  readonly blocked: string | null;
  /** What somebody set on HAProxy by hand, and is left so. */
  readonly overrides: readonly OverrideStatus[];
}

export type ProxyPlan =
  | {
      readonly proxy: ProxyId;
      readonly reached: true;
      readonly version: string;
      readonly worker: number;
      /** Services that it has and whose plan is empty. */
      readonly settled: number;
      /** The others, and those with overrides. */
      readonly services: readonly ServicePlan[];
    }
  | {
      readonly proxy: ProxyId;
      readonly reached: false;
      /** Why not. */
      readonly error: string;
      readonly hint: string;
      /** As the reconcile worker that reaches it saw them last; empty: nobody ever did. */
      readonly stored: readonly BackendStatus[];
    };

/** Whether nothing is to be done for it, nor waited for. */
export function isQuietService({ commands, waiting, reload, blocked }: ServicePlan): boolean {
  return commands.length === 0 && waiting.length === 0 && reload === null && blocked === null;
}

/** Throws only what Redis throws. */
export async function planProxy(config: ProxyConfig, ports: Ports): Promise<ProxyPlan> {
  const agent = new ProxyAgent(config, ports);
  const hangs = await hangsNow(config.id, ports);
  if (hangs !== null) return storedPlan(config.id, ports, hangs);
  try {
    return await withRuntime(config.runtime, async (connection) => {
      const proxy = await observeProxy(connection);
      if (proxy.stopping) throw stopping(config.id, proxy.identity.pid);
      agent.forms.read((await ports.proxies.state(config.id))['forms'] ?? '', proxy.identity);
      const carried = await services(agent, proxy);
      const routes = RoutePass.of(agent, connection, proxy.identity, true);
      const plans: ServicePlan[] = [];
      let settled = 0;
      for (const service of carried) {
        const plan = await planService({ agent, connection, proxy, routes }, service);
        if (plan === 'gone') continue;
        if (plan === 'settled' || isQuietService(plan)) settled += 1;
        if (plan !== 'settled') plans.push(plan);
      }
      const { version, identity } = proxy;
      return { proxy: config.id, reached: true, version, worker: identity.pid, settled, services: plans };
    });
  } catch (error) {
    if (!(error instanceof PointsmanError) || !error.code.startsWith('HAPROXY_')) throw error;
    return storedPlan(config.id, ports, { error: errorText(error), hint: error.hint });
  }
}

/** What those who work on the proxy say of its socket: one more connection would hang like theirs. null: it does not hang, or that is old. */
async function hangsNow(proxy: ProxyId, ports: Ports): Promise<{ error: string; hint: string } | null> {
  const breaker = readBreaker((await ports.proxies.state(proxy))['breaker'], Date.now());
  if (breaker === null) return null;
  return {
    error: `it hangs, and is not connected to meanwhile: ${breaker.detail ?? ''}`,
    hint: 'it is tried again by itself; `pointsman status` shows when',
  };
}

export async function storedPlan(proxy: ProxyId, ports: Ports, why: { error: string; hint: string }): Promise<ProxyPlan> {
  const stored = [...(await ports.proxies.backends(proxy))]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([service, json]) => backendStatus(service, JSON.parse(json) as BackendSnapshot));
  return { proxy, reached: false, ...why, stored };
}

/** The services that a full pass of the reconcile worker looks at, and those that only HAProxy has (left by a config that is gone). */
async function services(agent: ProxyAgent, proxy: ObservedProxy): Promise<ServiceName[]> {
  const { config, ports } = agent;
  const stored = await ports.proxies.backends(config.id);
  const all = new Set([...(await agent.carried()), ...stored.keys(), ...proxy.structures.keys()]);
  return [...all].filter((service) => matchesAny(config.services, service)).sort();
}

/** settled: nothing is to be done · gone: there is nothing of it, neither desired nor in HAProxy. */
async function planService(
  context: Parameters<typeof look>[0] & { readonly routes: RoutePass | null },
  service: ServiceName,
): Promise<ServicePlan | 'settled' | 'gone'> {
  const { agent, proxy, routes } = context;
  const { config, ports } = agent;
  const nothing = { service, commands: [], waiting: [], reload: null, blocked: null, overrides: [] };
  const { known, backend: desired, revision, cursor } = await ports.desired.read(service);
  if (!known) return 'settled';
  const { stamp } = proxy.identity;
  const others = anothersStamp(stamp, ports.keys.prefix);
  if (!config.runtimeOnly && (stamp === null || others !== null)) {
    const why = others === null ? `HAProxy was not started with -f ${config.managed}` : anothersText(others);
    return desired === null ? 'gone' : { ...nothing, blocked: why };
  }
  const stored = await ports.proxies.backend(config.id, service);
  const before = stored === null ? null : ((JSON.parse(stored) as BackendSnapshot).context.looked ?? null);
  const { plan, looked, observed, section } = await look(context, service, desired, before);
  const overrides = overridesStatus(looked);
  const reached = desired === null || observed === null ? null : desired.config;
  const routed = (await routes?.changes(service, reached)) ?? { changes: [], blocked: null };
  const route = routed.changes.map((change) => ({ command: routes?.command(change) ?? '', reason: 'its route' }));
  const whole = (kind: 'add' | 'del', reason: string): ServicePlan['commands'] =>
    section?.kind === kind ? [{ command: section.command, reason }] : [];
  const servers = plan.commands.map(({ command, reason }) => ({ command: commandText(command), reason }));
  // In the order of a pass: one that goes is first reached no more.
  const commands = [
    ...(desired === null ? route : []),
    ...whole('add', 'it is not there'),
    ...servers,
    ...whole('del', 'the service is no longer configured'),
    ...(desired === null ? [] : route),
  ];
  const restamped = !config.runtimeOnly && proxy.identity.stamp !== proxyStamp(ports.keys.prefix, config);
  const pass = { service, revision, cursor, plan, commands: 0, refused: [] };
  const stands = await standing(context, pass, { config: desired?.config ?? null, restamped, dry: true });
  if ((stands === null || stands.type === 'synced') && commands.length === 0 && routed.blocked === null)
    return desired === null ? 'gone' : overrides.length === 0 ? 'settled' : { ...nothing, overrides };
  const reload = plan.reload?.reason ?? (restamped && desired !== null ? 'the managed defaults changed' : null);
  const blocked = stands?.type === 'blocked' ? stands.detail : routed.blocked;
  return { service, commands, waiting: plan.waiting, reload, blocked, overrides };
}

function stopping(proxy: ProxyId, pid: number): PointsmanError {
  return new PointsmanError('HAPROXY_NOT_LIVING_WORKER', `the worker of ${proxy} that answers (pid ${pid}) is stopping`, {
    hint: 'HAProxy is being reloaded; try again',
    retry: 'transient',
  });
}
