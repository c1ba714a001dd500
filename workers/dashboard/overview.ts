/** What the dashboard and the metrics say of the services: read from the services' own small snapshots, so that it costs one read a service. */
import { readService } from '../../machines/migrate.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { ServiceLog } from '../../shared/redis/service-log.ts';
import type { ServiceStore } from '../../shared/redis/service-store.ts';
import { overviewOf, type ServiceOverview } from './service-overview.ts';

/** Services read at once. */
const AT_ONCE = 32;

/** By name. One whose snapshot cannot be read is left out: its fold says so. */
export async function overview(ports: { log: ServiceLog; store: ServiceStore }): Promise<ServiceOverview[]> {
  const services = await ports.log.services();
  const found: ServiceOverview[] = [];
  for (let at = 0; at < services.length; at += AT_ONCE) {
    const heads = await Promise.all(
      services.slice(at, at + AT_ONCE).map(async (service) => ({ service, head: await ports.store.head(service) })),
    );
    for (const { service, head } of heads) {
      const one = head.service === null ? null : read(service, head.service);
      if (one !== null) found.push(one);
    }
  }
  return found;
}

function read(service: ServiceName, json: string): ServiceOverview | null {
  try {
    return overviewOf(service, readService(json).service);
  } catch {
    return null;
  }
}
