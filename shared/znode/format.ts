/** PURE. A znode read by the format of its service; `auto` looks at each one, by its name first and then by its data, so that a migration can mix them. */
import type { Decoded } from '../model/registration.ts';
import type { RegistrationFormat } from '../model/service-config.ts';
import { type Codec, type CodecOptions, decodeWith } from './codec.ts';
import { curator, isCuratorData } from './curator.ts';
import { isNerveData, isNerveName, nerve } from './nerve.ts';
import { type JsonObject, Refusal, readObject, type ZnodeData } from './payload.ts';
import { isPlainName, plain } from './plain.ts';
import { isServersetData, serverset } from './serverset.ts';

const CODECS: Readonly<Record<RegistrationFormat, Codec>> = { auto, address: plain, nerve, serverset, curator };

/** The order counts: Curator's data may have a host too, and a serverset's anything. */
const BY_DATA: readonly (readonly [is: (value: JsonObject) => boolean, codec: Codec])[] = [
  [isServersetData, serverset],
  [isCuratorData, curator],
  [isNerveData, nerve],
];

export function decode(format: RegistrationFormat, name: string, data: ZnodeData, options: CodecOptions): Decoded {
  return decodeWith(CODECS[format], name, data, options);
}

function auto(...[name, data, options]: Parameters<Codec>): ReturnType<Codec> {
  if (isPlainName(name)) return plain(name, data, options);
  if (isNerveName(name)) return nerve(name, data, options);
  const value = readObject(data);
  const codec = value === null ? undefined : BY_DATA.find(([is]) => is(value))?.[1];
  // Without data that is known, a name is all there is: what is wrong with it is said.
  if (value === null) return plain(name, data, options);
  if (codec === undefined) throw new Refusal('bad-data', 'neither the name nor the data is a registration of a form that is known');
  return codec(name, data, options);
}
