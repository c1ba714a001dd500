/** Whether a backend is not as desired: whether its plan has a command to send. */
import { structureOf } from '../../shared/haproxy/render-service.ts';
import type { Capabilities } from '../../shared/model/capabilities.ts';
import type { DesiredBackend } from '../../shared/model/desired.ts';
import type { ObservedBackend } from '../../shared/model/observed.ts';
import type { ProxyConfig } from '../../shared/model/proxy-config.ts';
import { planBackend } from '../../shared/plan/plan-backend.ts';
import { KeptStrangers } from '../reconciler/kept-strangers.ts';
import type { ReconcilerPorts } from '../reconciler/proxy-agent.ts';

export async function hasDrifted(
  { proxies }: Pick<ReconcilerPorts, 'proxies'>,
  proxy: ProxyConfig,
  desired: DesiredBackend,
  capabilities: Capabilities,
  observed: ObservedBackend | null,
): Promise<boolean> {
  const wanted = proxy.runtimeOnly ? null : structureOf(desired.config, proxy.defaults);
  // Until a reload has loaded new options, servers are judged by those that their backend runs with.
  const loaded = wanted !== null && observed?.structure !== wanted ? await proxies.loaded(proxy.id, desired.service) : null;
  const strangersStay = observed === null ? null : await new KeptStrangers(proxies, proxy.id).why(desired, observed, Date.now(), false);
  const plan = planBackend({
    backend: desired.service,
    desired: loaded === null ? desired : { ...desired, config: loaded },
    structure: wanted,
    observed,
    sessions: new Map(),
    strangersStay,
    capabilities,
    runtimeOnly: proxy.runtimeOnly,
  });
  return plan.commands.length > 0;
}
