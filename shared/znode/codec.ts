/** PURE. What every format's codec is: a znode's name and data in; where the instance is, and what is said of it, out. */
import type { Decoded, Registration } from '../model/registration.ts';
import { instanceOf } from './address.ts';
import { escapeText } from './escape.ts';
import { Refusal, type ZnodeData } from './payload.ts';
import { znodeInstance } from './znode-instance.ts';

export interface CodecOptions {
  /** The named endpoint that is wanted; null: the format's own. */
  readonly endpoint: string | null;
}

/** In two steps, so that what is wrong with the second is said of the instance that the first named. */
export interface Located {
  readonly host: string;
  readonly port: number;
  /** @throws Refusal */
  readonly said: () => Omit<Registration, 'host' | 'port' | 'address'>;
}

/** @throws Refusal */
export type Codec = (name: string, data: ZnodeData, options: CodecOptions) => Located;

/** Never throws for what a stranger wrote. A host name is left in `address` as it is; whoever resolves names replaces it. */
export function decodeWith(codec: Codec, name: string, data: ZnodeData, options: CodecOptions): Decoded {
  let instance: string | null = null;
  try {
    const { host, port, said } = codec(name, data, options);
    instance = instanceOf(host, port);
    const { out, ...rest } = said();
    return {
      ok: true,
      instance,
      registration: { host, address: host, port, ...rest, ...(out === undefined ? {} : { out: escapeText(out) }) },
    };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { ok: false, instance: instance ?? znodeInstance(name), rejection: error.rejection };
  }
}
