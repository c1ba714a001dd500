/** Whether a backend is not as desired: whether its plan has a command to send. */
import type { BackendSnapshot } from '../../machines/backend.ts';
import { anothersPrefix } from '../../shared/haproxy/installation.ts';
import { structureOf } from '../../shared/haproxy/render-service.ts';
import type { Override } from '../../shared/model/by-hand.ts';
import type { Capabilities } from '../../shared/model/capabilities.ts';
import type { DesiredBackend } from '../../shared/model/desired.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { ObservedBackend } from '../../shared/model/observed.ts';
import type { ProxyConfig } from '../../shared/model/proxy-config.ts';
import { withoutForeign } from '../../shared/plan/foreign-servers.ts';
import { withOverrides } from '../../shared/plan/overrides.ts';
import { planBackend } from '../../shared/plan/plan-backend.ts';
import { KeptStrangers } from '../reconciler/kept-strangers.ts';
import type { ReconcilerPorts } from '../reconciler/proxy-agent.ts';

export async function hasDrifted(
  { proxies, keys }: Pick<ReconcilerPorts, 'proxies' | 'keys'>,
  proxy: ProxyConfig,
  wanted: DesiredBackend,
  capabilities: Capabilities,
  seen: ObservedBackend | null,
): Promise<boolean> {
  const overrides = await respected(proxies, proxy, wanted.service);
  const desired = withOverrides(wanted, overrides);
  const observed = seen === null ? null : withoutForeign(seen, overrides);
  const structure = proxy.runtimeOnly ? null : structureOf(desired.config, proxy.defaults);
  // Until a reload has loaded new options, servers are judged by those that their backend runs with.
  const loaded = structure !== null && observed?.structure !== structure ? await proxies.loaded(proxy.id, desired.service) : null;
  const strangersStay = observed === null ? null : await new KeptStrangers(proxies, proxy.id).why(desired, observed, Date.now(), false);
  const plan = planBackend({
    backend: desired.service,
    desired: loaded === null ? desired : { ...desired, config: loaded },
    structure,
    observed,
    sessions: new Map(),
    strangersStay,
    anothers: anothersPrefix(observed, null, keys.prefix),
    capabilities,
    runtimeOnly: proxy.runtimeOnly,
  });
  return plan.commands.length > 0 || (seen !== null && overrides.some((override) => isOtherwise(override, seen)));
}

/** Whether a server that somebody added was set otherwise since: what a reload begins with has to follow. */
function isOtherwise({ server, foreign, admin }: Override, { servers }: ObservedBackend): boolean {
  const seen = servers.get(server);
  return foreign === true && seen !== undefined && seen.admin !== (admin ?? 'ready');
}

/** What is known to be somebody's: what is not yet, a pass finds out. */
async function respected(
  proxies: ReconcilerPorts['proxies'],
  { id, override }: ProxyConfig,
  service: ServiceName,
): Promise<readonly Override[]> {
  const json = override === 'respect' ? await proxies.backend(id, service) : null;
  return json === null ? [] : ((JSON.parse(json) as BackendSnapshot).context.looked?.overrides ?? []);
}
