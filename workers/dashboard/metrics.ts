/** The state of services, watchers, proxies and queues as Prometheus reads it, made anew for each scrape, so that what is gone leaves nothing behind. */
import { Counter, Gauge, Registry } from 'prom-client';
import { measureRegistrars, registrarHosts } from '../registrar-metrics.ts';
import type { Fleet } from './fleet.ts';
import type { ServiceOverview } from './service-overview.ts';

/** Those that are gone are not counted. */
const VISIBLE_STATES = ['rejected', 'cordoned', 'quarantined', 'held', 'draining', 'failing', 'joining', 'serving'] as const;
const BACKEND_STATES = ['in-sync', 'patching', 'awaiting-reload', 'reloading', 'drifted', 'unreachable', 'blocked'] as const;
const GUARD_STATES = ['open', 'holding', 'releasing', 'frozen'] as const;

type MakeGauge = (name: string, help: string, labelNames: string[]) => Gauge;

export async function metricsText(services: readonly ServiceOverview[], fleet: Fleet): Promise<{ type: string; text: string }> {
  const registry = new Registry();
  const gauge: MakeGauge = (name, help, labelNames) => new Gauge({ name, help, labelNames, registers: [registry] });
  gaugeServices(gauge, services);
  gaugeFleet(gauge, fleet);
  countReloads(registry, fleet);
  measureRegistrars(registry, registrarHosts(fleet.registrars));
  return { type: registry.contentType, text: await registry.metrics() };
}

function gaugeServices(gauge: MakeGauge, services: readonly ServiceOverview[]): void {
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
  const refused = gauge(
    'pointsman_instances_rejected',
    'Instances whose registration is refused, by the reason that `pointsman status` has.',
    ['service', 'code'],
  );
  const without = gauge(
    'pointsman_service_without_server',
    '1: no instance of the service is in rotation, though some is or was registered.',
    ['service'],
  );
  for (const one of services) {
    const { service } = one;
    for (const state of VISIBLE_STATES) shown.set({ service, state }, one.states[state] ?? 0);
    for (const [code, count] of Object.entries(one.rejections)) refused.set({ service, code }, count);
    without.set({ service }, one.outage === null ? 0 : 1);
    for (const state of ['registered', 'up', 'rejected', 'cordoned', 'quarantined', 'held'] as const)
      instances.set({ service, state }, one[state]);
    for (const state of GUARD_STATES) guard.set({ service, state }, one.guard === state ? 1 : 0);
  }
}

function gaugeFleet(gauge: MakeGauge, { watchers, proxies, queues }: Fleet): void {
  const known = gauge('pointsman_watchers', 'Watchers heard of in the last 30 s: live; of them connected to Zookeeper; of those leading.', [
    'state',
  ]);
  for (const state of ['live', 'connected', 'leading'] as const) known.set({ state }, watchers[state]);
  const backends = gauge('pointsman_proxy_backends', 'Backends of a proxy by state, as last looked at.', ['proxy', 'state']);
  const overrides = gauge('pointsman_proxy_overrides', 'Servers of a proxy that somebody set otherwise by hand, and that are left so.', [
    'proxy',
  ]);
  const live = gauge('pointsman_proxy_live', '1: a reconciler works on the proxy.', ['proxy']);
  const unreachable = gauge('pointsman_proxy_unreachable', '1: its HAProxy cannot be worked on.', ['proxy']);
  const reloaded = gauge('pointsman_proxy_last_reload_timestamp_seconds', 'When pointsman reloaded it last.', ['proxy']);
  const failed = gauge('pointsman_proxy_last_reload_failed', '1: the last reload failed.', ['proxy']);
  const oldWorkers = gauge('pointsman_proxy_old_workers', 'HAProxy workers that reloads left, and that have sessions still.', ['proxy']);
  for (const one of proxies) {
    const { proxy } = one;
    for (const state of BACKEND_STATES) backends.set({ proxy, state }, one.backends[state] ?? 0);
    overrides.set({ proxy }, one.overrides);
    live.set({ proxy }, Number(one.live));
    unreachable.set({ proxy }, Number(one.unreachable));
    failed.set({ proxy }, Number(one.reloadFailed));
    if (one.oldWorkers !== null) oldWorkers.set({ proxy }, one.oldWorkers);
    if (one.lastReload !== null) reloaded.set({ proxy }, one.lastReload / 1000);
  }
  const jobs = gauge('pointsman_queue_jobs', 'Jobs of a queue by state.', ['queue', 'state']);
  for (const { queue, ...counts } of queues)
    for (const state of ['waiting', 'active', 'delayed', 'failed'] as const) jobs.set({ queue, state }, counts[state]);
}

function countReloads(registry: Registry, { proxies }: Fleet): void {
  const reloads = new Counter({
    name: 'pointsman_proxy_reloads_total',
    help: 'Reloads of HAProxy by pointsman: done, failed.',
    labelNames: ['proxy', 'outcome'],
    registers: [registry],
  });
  for (const one of proxies)
    for (const outcome of ['done', 'failed'] as const) reloads.inc({ proxy: one.proxy, outcome }, one.reloads[outcome]);
}
