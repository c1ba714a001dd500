/** PURE. Where the demo's services have their znodes. */
import type { ServiceName } from '../../shared/model/ids.ts';

export function instancesPath(service: ServiceName): string {
  return `/services/${service}/instances`;
}
