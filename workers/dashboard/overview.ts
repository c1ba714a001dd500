/**
 * What the dashboard and the metrics say of the services: one read of a service's own small snapshot, and its instances only when they may have changed
 * since the last time.
 */
import { readInstances, readService } from '../../machines/migrate.ts';
import { type Rotation, rotationOf } from '../../machines/rotation.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { ServiceLog } from '../../shared/redis/service-log.ts';
import type { ServiceStore } from '../../shared/redis/service-store.ts';
import { overviewOf, type ServiceOverview } from './service-overview.ts';

/** Services read at once: the instances of one may be megabytes. */
const AT_ONCE = 8;

type Known = Map<ServiceName, { readonly revision: number; readonly json: string; readonly rotation: Rotation }>;

export class Overviews {
  readonly #ports: { readonly log: ServiceLog; readonly store: ServiceStore };
  /** What was read of the instances, and at which snapshot of the service. */
  #known: Known = new Map();

  constructor(ports: { readonly log: ServiceLog; readonly store: ServiceStore }) {
    this.#ports = ports;
  }

  /** By name. One whose snapshots cannot be read is left out: its fold says so. */
  async read(): Promise<ServiceOverview[]> {
    const services = await this.#ports.log.services();
    const found: ServiceOverview[] = [];
    const known: Known = new Map();
    for (let at = 0; at < services.length; at += AT_ONCE) {
      const some = await Promise.all(services.slice(at, at + AT_ONCE).map((service) => this.#one(service, known)));
      found.push(...some.filter((one) => one !== null));
    }
    this.#known = known;
    return found;
  }

  async #one(service: ServiceName, known: Known): Promise<ServiceOverview | null> {
    const { store } = this.#ports;
    const { service: json, revision } = await store.head(service);
    if (json === null) return null;
    const before = this.#known.get(service);
    const stored = before?.revision === revision && before.json === json ? null : await store.instances(service, 'all');
    try {
      const snapshot = readService(json).service;
      const rotation =
        stored === null && before !== undefined ? before.rotation : rotationOf(snapshot, readInstances(stored ?? new Map()).values());
      known.set(service, { revision, json, rotation });
      return overviewOf(service, snapshot, rotation);
    } catch {
      return null;
    }
  }
}
