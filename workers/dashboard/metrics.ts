/** The services' state as Prometheus reads it: gauges, made anew for each scrape, so that a service that is gone leaves none behind. */
import { Gauge, Registry } from 'prom-client';
import type { ServiceOverview } from './service-overview.ts';

/** Those that are gone are not counted. */
const VISIBLE_STATES = ['rejected', 'cordoned', 'quarantined', 'held', 'draining', 'failing', 'joining', 'serving'] as const;
const GUARD_STATES = ['open', 'holding', 'releasing', 'frozen'] as const;

export async function metricsText(services: readonly ServiceOverview[]): Promise<{ type: string; text: string }> {
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
  const shown = gauge('pointsman_instances', 'Instances by the one word that `pointsman status` has for them.', ['service', 'state']);
  const without = gauge(
    'pointsman_service_without_server',
    '1: no instance of the service is in rotation, though some is or was registered.',
    ['service'],
  );
  for (const one of services) {
    const { service } = one;
    for (const state of VISIBLE_STATES) shown.set({ service, state }, one.states[state] ?? 0);
    without.set({ service }, one.outage === null ? 0 : 1);
    for (const state of ['registered', 'up', 'rejected', 'cordoned', 'quarantined', 'held'] as const)
      instances.set({ service, state }, one[state]);
    for (const state of GUARD_STATES) guard.set({ service, state }, one.guard === state ? 1 : 0);
  }
  return { type: registry.contentType, text: await registry.metrics() };
}
