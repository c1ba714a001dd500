/** PURE. Whether a well-formed registration may be used under the service's config. */
import { isIP } from 'node:net';
import type { Registration, Rejection } from '../shared/model/registration.ts';
import type { ServiceConfig } from '../shared/model/service-config.ts';
import { whyNotWhere } from '../shared/model/where.ts';
import { allowedBy } from '../shared/znode/address.ts';
import { escapeText } from '../shared/znode/escape.ts';
import type { InstanceSnapshot } from './instance.ts';
import type { ServiceSnapshot } from './service.ts';

/** null: it may. Without a config nothing may (the watcher publishes the config first). */
export function judge(service: ServiceSnapshot, instance: InstanceSnapshot | null, registration: Registration): Rejection | null {
  const { config } = service;
  if (config === null) return { code: 'address-not-allowed', detail: 'the service is not configured' };
  const rejection = forbidden(config, registration);
  if (rejection !== null) return rejection;
  // Proxies have the server of one that is held already: it may always come back.
  const counted = instance !== null && (instance.state === 'joining' || instance.state === 'serving' || instance.state === 'held');
  if (!counted && service.registered >= config.maxInstances) {
    return { code: 'too-many-instances', detail: `maxInstances is ${config.maxInstances}` };
  }
  return null;
}

/** By what it says alone, whoever else there is; null: it may be used. */
export function forbidden({ allow, where }: ServiceConfig, { host, address, labels }: Registration): Rejection | null {
  if (isIP(host) === 0 && !allow.names) return { code: 'address-not-allowed', detail: 'a host name, and allow.names is false' };
  const rejection = allowedBy(address, allow);
  if (rejection !== null) return rejection;
  const why = where === undefined ? null : whyNotWhere(where, labels);
  return why === null ? null : { code: 'label-not-allowed', detail: escapeText(why) };
}
