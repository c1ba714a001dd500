/**
 * PURE. The plain registration: a znode named `host:port`, or `<32 hex digits>-host:port` as a kazoo party's members are, whose data is empty or a JSON
 * object with `weight` and `labels`. Other keys are ignored.
 */
import { parseAddress } from './address.ts';
import type { Codec } from './codec.ts';
import { own, Refusal, readLabels, readObject, readWeight, WEIGHT_UNSAID } from './payload.ts';

/** A uuid4's hex digits, by which kazoo tells a party's members apart. */
const MEMBER = /^[0-9a-f]{32}-(?=.)/;

export const plain: Codec = (name, data) => {
  const identifier = name.replace(MEMBER, '');
  const parsed = parseAddress(identifier);
  if (!parsed.ok) throw new Refusal(parsed.rejection.code, parsed.rejection.detail, { isEscaped: true });
  const { host, port } = parsed.address;
  return {
    host,
    port,
    said: () => {
      // A party writes its identifier as data, too.
      const value = identifier !== name && Buffer.isBuffer(data) && data.toString() === identifier ? null : readObject(data);
      return value === null
        ? { ...WEIGHT_UNSAID, labels: {} }
        : { ...readWeight(own(value, 'weight')), labels: readLabels(own(value, 'labels')) };
    },
  };
};

/** Whether the name alone says where an instance is. */
export function isPlainName(name: string): boolean {
  return parseAddress(name.replace(MEMBER, '')).ok;
}
