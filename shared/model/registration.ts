/** PURE. What a znode says, once it has been decoded and validated at the boundary. */
import type { AskedOptions } from './asked-options.ts';
import type { InstanceId } from './ids.ts';

export interface Registration {
  /** As registered: an IP address (canonical, no brackets) or a host name. */
  readonly host: string;
  /** The IP address that HAProxy connects to; equal to `host` unless that is a name, which the watcher resolved. */
  readonly address: string;
  /** 1..65535 */
  readonly port: number;
  /** 0..256, HAProxy's range; 1 when the registration says nothing. */
  readonly weight: number;
  /** A weight of 1 was said. Missing beside 1: none was, or it was put on record when both were written alike. */
  readonly weighed?: true;
  readonly labels: Readonly<Record<string, string>>;
  /** What it asks for of its server; the service's `server.options` says what of it counts. Missing: nothing. */
  readonly options?: AskedOptions;
  /** Why it asks for no requests, in its format's words, escaped: its weight is 0 for that. Missing: it does not. */
  readonly out?: string;
}

/** Why a registration was refused. The detail is escaped text, safe to print. */
export type RejectCode =
  | 'not-an-address'
  | 'bad-port'
  | 'bad-weight'
  | 'bad-data'
  | 'too-large'
  | 'unresolvable'
  | 'address-not-allowed'
  | 'label-not-allowed'
  | 'duplicate-address'
  | 'too-many-instances';

export interface Rejection {
  readonly code: RejectCode;
  readonly detail: string;
}

/** `instance` is set in both cases: a rejected znode without an address is known as `znode:<name>`. */
export type Decoded =
  | { readonly ok: true; readonly instance: InstanceId; readonly registration: Registration }
  | { readonly ok: false; readonly instance: InstanceId; readonly rejection: Rejection };

/** One child of a service's path, as Zookeeper has it. zxids are decimal strings (int64). */
export interface Znode {
  readonly name: string;
  readonly czxid: string;
  readonly mzxid: string;
  /** The data version. */
  readonly version: number;
}
