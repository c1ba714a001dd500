/** Registrars as Prometheus reads them: of the fleet as they tell it in Redis, or of this process alone. No znode is named in it. */
import { Counter, Gauge, type Registry } from 'prom-client';
import { ENTRY_STATES, PROBE_KINDS, type RegistrarReport } from '../shared/model/registrar-report.ts';
import type { RegistrarSummary } from '../shared/redis/registrar-store.ts';

export interface MeasuredRegistrar extends Omit<RegistrarReport, 'entries'> {
  /** null: this process alone is told, and whoever reads it knows where it runs. */
  readonly host: string | null;
}

/** Of the fleet, by host, without the pid: what is told of one goes on over a restart. Of two of one host the last that was heard of. */
export function registrarHosts(beats: readonly RegistrarSummary[]): readonly MeasuredRegistrar[] {
  const hosts = new Map<string, MeasuredRegistrar>();
  for (const beat of beats.toSorted((a, b) => a.at - b.at)) {
    const host = beat.id.replace(/-\d+$/, '');
    hosts.set(host, { ...beat, host });
  }
  return [...hosts.values()];
}

export function measureRegistrars(registry: Registry, registrars: readonly MeasuredRegistrar[]): void {
  const gauge = (name: string, help: string, labelNames: string[]): Gauge =>
    new Gauge({ name, help, labelNames: ['host', ...labelNames], registers: [registry] });
  const counter = (name: string, help: string, labelNames: string[]): Counter =>
    new Counter({ name, help, labelNames: ['host', ...labelNames], registers: [registry] });
  const connected = gauge('pointsman_registrar_connected', '1: it has a connection to Zookeeper.', []);
  const entries = gauge('pointsman_registrar_entries', 'What a host registers, by state.', ['state']);
  const pass = gauge('pointsman_registrar_last_pass_timestamp_seconds', 'When a check of the service was good last on that host.', [
    'service',
  ]);
  const writes = counter('pointsman_registrar_znode_writes_total', 'Znodes that it made or changed.', []);
  const removals = counter('pointsman_registrar_znode_removals_total', 'Znodes that it removed.', []);
  const failures = counter('pointsman_registrar_check_failures_total', 'Checks that were not good, by kind.', ['kind']);
  const refused = counter('pointsman_registrar_requests_refused_total', 'Requests to its listener that were refused.', []);
  const expired = counter('pointsman_registrar_expired_total', 'Services that did not renew in time.', []);
  for (const { host, states, totals, lastPass, ...one } of registrars) {
    const of = host === null ? {} : { host };
    connected.set(of, Number(one.connected));
    for (const state of ENTRY_STATES) entries.set({ ...of, state }, states[state]);
    for (const [service, at] of Object.entries(lastPass)) pass.set({ ...of, service }, at / 1_000);
    writes.inc(of, totals.writes);
    removals.inc(of, totals.removals);
    for (const kind of PROBE_KINDS) failures.inc({ ...of, kind }, totals.failures[kind]);
    refused.inc(of, totals.refused);
    expired.inc(of, totals.expired);
  }
}
