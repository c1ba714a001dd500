/** The state of services and proxies as Prometheus reads it, made anew for each scrape, so that one that is gone leaves nothing behind. */
import { Counter, Gauge, Registry } from 'prom-client';
import type { ProxyOverview } from './proxy-overview.ts';
import type { ServiceOverview } from './service-overview.ts';

const GUARD_STATES = ['open', 'holding', 'releasing', 'frozen'] as const;

export async function metricsText(
  services: readonly ServiceOverview[],
  proxies: readonly ProxyOverview[],
): Promise<{ type: string; text: string }> {
  const registry = new Registry();
  const gauge = (name: string, help: string, labelNames: string[]): Gauge => new Gauge({ name, help, labelNames, registers: [registry] });
  const instances = gauge(
    'pointsman_service_instances',
    'Instances of a service: registered, up (in rotation and seen up), rejected, cordoned, quarantined, held.',
    ['service', 'state'],
  );
  const guard = gauge('pointsman_service_guard', 'The state of the guard against mass loss: 1 for the one that it is in.', [
    'service',
    'state',
  ]);
  const oldWorkers = gauge('pointsman_proxy_old_workers', 'HAProxy workers that reloads left, and that have sessions still.', ['proxy']);
  const reloads = new Counter({
    name: 'pointsman_proxy_reloads_total',
    help: 'Reloads of HAProxy by pointsman: done, failed.',
    labelNames: ['proxy', 'outcome'],
    registers: [registry],
  });
  for (const one of proxies) {
    const { proxy } = one;
    if (one.oldWorkers !== null) oldWorkers.set({ proxy }, one.oldWorkers);
    for (const outcome of ['done', 'failed'] as const) reloads.inc({ proxy, outcome }, one.reloads[outcome]);
  }
  for (const one of services) {
    const { service } = one;
    for (const state of ['registered', 'up', 'rejected', 'cordoned', 'quarantined', 'held'] as const)
      instances.set({ service, state }, one[state]);
    for (const state of GUARD_STATES) guard.set({ service, state }, one.guard === state ? 1 : 0);
  }
  return { type: registry.contentType, text: await registry.metrics() };
}
