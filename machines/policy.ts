/** PURE. Whether a well-formed registration may be used under the service's config. */
import { isIP } from 'node:net';
import type { Registration, Rejection } from '../shared/model/registration.ts';
import { allowedBy } from '../shared/znode/address.ts';
import type { InstanceSnapshot } from './instance.ts';
import type { ServiceSnapshot } from './service.ts';

/** null: it may. Without a config nothing may (the watcher publishes the config first). */
export function judge(service: ServiceSnapshot, instance: InstanceSnapshot | null, registration: Registration): Rejection | null {
  const { config } = service;
  if (config === null) return { code: 'address-not-allowed', detail: 'the service is not configured' };
  if (isIP(registration.host) === 0 && !config.allow.names) {
    return { code: 'address-not-allowed', detail: 'a host name, and allow.names is false' };
  }
  const rejection = allowedBy(registration.address, config.allow);
  if (rejection !== null) return rejection;
  // Proxies have the server of one that is held already: it may always come back.
  const counted = instance !== null && (instance.state === 'joining' || instance.state === 'serving' || instance.state === 'held');
  if (!counted && service.registered >= config.maxInstances) {
    return { code: 'too-many-instances', detail: `maxInstances is ${config.maxInstances}` };
  }
  return null;
}
