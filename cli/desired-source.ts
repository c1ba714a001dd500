/** The port by which a command asks for a service's servers, so that it need not know Redis. */
import type { RenderedServer } from '../shared/haproxy/render-service.ts';
import type { ProxyId } from '../shared/model/ids.ts';
import type { ServiceConfig } from '../shared/model/service-config.ts';

export interface DesiredSource {
  /** What this proxy should have of the service now. */
  servers(service: ServiceConfig, proxy: ProxyId): Promise<readonly RenderedServer[]>;
  close(): Promise<void>;
}
