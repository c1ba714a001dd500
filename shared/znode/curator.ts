/**
 * PURE. A ServiceInstance of Curator's service discovery, as Spring Cloud Zookeeper writes it too: JSON with address, port, sslPort, enabled and a payload,
 * whose metadata are the labels. `enabled: false`, or an instance_status other than UP, takes no traffic. A whole number of 0 to 256 as `weight` among the
 * metadata is the weight: neither has one of its own.
 */
import type { Codec } from './codec.ts';
import {
  field,
  isObject,
  type JsonObject,
  Refusal,
  readHost,
  readLabels,
  readObject,
  readPort,
  WEIGHT_MAX,
  WEIGHT_UNSAID,
  type Weight,
  weightSaid,
} from './payload.ts';

/** The endpoint that is the port for TLS. */
export const SSL = 'ssl';

export const curator: Codec = (_name, data, { endpoint }) => {
  const value = readObject(data);
  if (value === null) throw new Refusal('bad-data', 'no data');
  if (endpoint !== null && endpoint !== SSL) throw new Refusal('bad-data', `Curator's instances have no endpoint ${endpoint}, only ${SSL}`);
  const [port, sslPort] = [field(value, 'port'), field(value, 'sslPort')];
  return {
    host: readHost(field(value, 'address'), 'address'),
    port: endpoint === SSL || port === undefined ? readPort(sslPort, 'sslPort') : readPort(port, 'port'),
    said: () => {
      const labels = readLabels(metadataOf(field(value, 'payload')), 'metadata', { scalars: true });
      const out = outOf(field(value, 'enabled'), labels['instance_status']);
      return out === null ? { ...weightOf(labels['weight']), labels } : { weight: 0, labels, out };
    },
  };
};

/** Whether data that is read is of this format. */
export function isCuratorData(value: JsonObject): boolean {
  return field(value, 'address') !== undefined && (Object.hasOwn(value, 'port') || Object.hasOwn(value, 'sslPort'));
}

/** Of an object, or of one that Jackson wrote with its class before it. Any other payload is the service's own affair. */
function metadataOf(payload: unknown): unknown {
  const typed = Array.isArray(payload) && payload.length === 2 && typeof payload[0] === 'string' ? payload[1] : payload;
  const metadata = isObject(typed) ? field(typed, 'metadata') : undefined;
  return isObject(metadata) ? withoutNothing(metadata) : undefined;
}

function withoutNothing(metadata: JsonObject): JsonObject {
  const said = Object.entries(metadata).filter(([name, value]) => value !== null && name !== '@class');
  return Object.fromEntries(said);
}

function outOf(enabled: unknown, status: string | undefined): string | null {
  if (enabled !== undefined && typeof enabled !== 'boolean') throw new Refusal('bad-data', 'enabled must be true or false');
  if (enabled === false) return 'enabled: false';
  const word = (status ?? '').trim();
  return word === '' || word.toUpperCase() === 'UP' ? null : `instance_status ${word}`;
}

function weightOf(text: string | undefined): Weight {
  const weight = /^[0-9]{1,3}$/.test(text ?? '') ? Number(text) : null;
  return weight !== null && weight <= WEIGHT_MAX ? weightSaid(weight) : WEIGHT_UNSAID;
}
