/**
 * PURE. A member of a Finagle, Twitter or Aurora serverset: `member_<sequence>` with JSON of serviceEndpoint, additionalEndpoints by name, status and shard
 * (commons, endpoint.thrift). One that is not ALIVE takes no traffic. Its metadata are its labels, its shard among them.
 */
import type { Codec } from './codec.ts';
import { field, isObject, type JsonObject, Refusal, readHost, readLabels, readObject, readPort, WEIGHT_UNSAID } from './payload.ts';

/** By number, as the Thrift writers have them. */
const STATUS = ['DEAD', 'STARTING', 'ALIVE', 'STOPPING', 'STOPPED', 'WARNING'] as const;
export const SHARD = 'shard';

export const serverset: Codec = (_name, data, { endpoint }) => {
  const value = readObject(data);
  if (value === null) throw new Refusal('bad-data', 'no data');
  const { where, what } = endpointIn(value, endpoint);
  return {
    host: readHost(field(where, 'inet') ?? field(where, 'inet6') ?? field(where, 'host'), `${what}.host`),
    port: readPort(field(where, 'port'), `${what}.port`),
    said: () => {
      const shard = field(value, 'shard');
      if (shard !== undefined && !(typeof shard === 'number' && Number.isInteger(shard)))
        throw new Refusal('bad-data', 'shard must be a whole number');
      const metadata = readLabels(field(value, 'metadata'), 'metadata');
      const labels = shard === undefined ? metadata : readLabels({ ...metadata, [SHARD]: String(shard) });
      const status = statusOf(field(value, 'status'));
      return status === 'ALIVE' ? { ...WEIGHT_UNSAID, labels } : { weight: 0, labels, out: `status ${status}` };
    },
  };
};

/** Whether data that is read is of this format. */
export function isServersetData(value: JsonObject): boolean {
  return isObject(field(value, 'serviceEndpoint'));
}

function endpointIn(value: JsonObject, name: string | null): { where: JsonObject; what: string } {
  const all = field(value, 'additionalEndpoints');
  const what = name === null ? 'serviceEndpoint' : `additionalEndpoints.${name}`;
  const where = name === null ? field(value, 'serviceEndpoint') : isObject(all) ? field(all, name) : undefined;
  if (!isObject(where)) throw new Refusal('bad-data', `there is no ${what}`);
  return { where, what };
}

function statusOf(value: unknown): string {
  if (value === undefined) return 'is missing';
  if (typeof value === 'number') return STATUS[value] ?? 'is unknown';
  if (typeof value !== 'string') throw new Refusal('bad-data', 'status must be one of the words of endpoint.thrift');
  return value.toUpperCase();
}
