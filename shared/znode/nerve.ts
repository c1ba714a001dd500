/**
 * PURE. What Airbnb's Nerve writes, and BlaBlaCar's go-nerve: JSON with host, port, name, weight, labels and haproxy_server_options, under a name that says
 * nothing (`i-01234abc_0000000005`), or in the name itself (`base64_<length>_<urlsafe base64>_<sequence>`, its `use_path_encoding`).
 */
import type { Codec } from './codec.ts';
import { field, type JsonObject, Refusal, readHost, readLabels, readObject, readPort, readWeight, type ZnodeData } from './payload.ts';
import { readServerOptions } from './server-options.ts';

const ENCODED = /^base64_([0-9]{1,5})_/;
/** Nerve writes what is longer as data alone. */
const ENCODED_MAX = 65_536;

export const nerve: Codec = (name, data) => {
  const value = inName(name) ?? readObject(data);
  if (value === null) throw new Refusal('bad-data', 'no data');
  return {
    host: readHost(field(value, 'host'), 'host'),
    port: readPort(field(value, 'port'), 'port'),
    said: () => {
      const labels = readLabels(field(value, 'labels'), 'labels', { scalars: true });
      const weight = readWeight(field(value, 'weight'));
      const available = field(value, 'available');
      if (available !== undefined && typeof available !== 'boolean') throw new Refusal('bad-data', 'available must be true or false');
      const options = readServerOptions(field(value, 'haproxy_server_options'));
      const said = { labels, ...(options === undefined ? {} : { options }) };
      return available === false ? { ...said, weight: 0, out: outText(value) } : { ...weight, ...said };
    },
  };
};

export function isNerveName(name: string): boolean {
  return ENCODED.test(name);
}

/** Whether data that is read is of this format. */
export function isNerveData(value: JsonObject): boolean {
  return field(value, 'host') !== undefined && field(value, 'port') !== undefined;
}

/** null: the name holds nothing that can be read; as Synapse does, the data is asked then. */
function inName(name: string): JsonObject | null {
  const length = Number(ENCODED.exec(name)?.[1] ?? Number.NaN);
  if (!(length > 0 && length <= ENCODED_MAX)) return null;
  const text = name.replace(ENCODED, '').slice(0, length);
  if (text.length < length || !/^[A-Za-z0-9_-]+={0,2}$/.test(text)) return null;
  try {
    return readObject(Buffer.from(text, 'base64url') satisfies ZnodeData);
  } catch {
    return null;
  }
}

function outText(value: JsonObject): string {
  const reason = field(value, 'unavailable_reason');
  return typeof reason === 'string' && reason !== '' ? `available: false (${reason})` : 'available: false';
}
