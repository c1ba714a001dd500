/** PURE. What this host registers, as the program runs it: every default filled in, times in ms. */
import type { Asked } from './asked-options.ts';
import type { InstanceId, ServiceName } from './ids.ts';

/** The forms that are written; `auto` is for reading. */
export type WrittenFormat = 'address' | 'nerve' | 'serverset' | 'curator';

/** Who may do what with the znode: everybody all · everybody read, and all with our credentials · only with our credentials. */
export type Access = 'open' | 'read' | 'private';

/** One entry of `register`: an instance, its znode, and the checks that must pass for it to be there. */
export interface RegisterConfig {
  readonly service: ServiceName;
  /** The parent of the znode, under the chroot if there is one. */
  readonly path: string;
  /** Canonical, IPv6 without brackets, or a host name. */
  readonly host: string;
  readonly port: number;
  readonly instance: InstanceId;
  readonly format: WrittenFormat;
  /** Nerve's and Curator's own name of the instance; null: made of its address. */
  readonly id: string | null;
  /** 0..256; null: it says none. */
  readonly weight: number | null;
  readonly labels: Readonly<Record<string, string>>;
  /** What it asks for of its server: in Nerve's form alone. */
  readonly options: Asked;
  readonly access: Access;
  /** How long it is offered without new requests before its znode goes. */
  readonly drain: number;
  /** In which its weight rises to its own; null: it has it at once. */
  readonly warmUp: number | null;
  /** All must pass. */
  readonly checks: readonly RegisterCheck[];
  /** null: this host registers it while the checks pass; else its service has to ask for it. */
  readonly terms: RegisterTerms | null;
}

/** What a service that registers itself may say, and how long that counts. */
export interface RegisterTerms {
  /** ms that a request counts that says no other. */
  readonly ttl: number;
  /** ms that one may ask for, at most. */
  readonly ttlMax: number;
  /** Beside the entry's own port, inclusive; null: none. */
  readonly ports: readonly [from: number, to: number] | null;
  readonly weightMax: number;
  /** Names of labels. */
  readonly labels: readonly string[];
  /** For each check whether it goes to the instance's own port, whichever that is. */
  readonly ownPort: readonly boolean[];
}

export interface CheckPace {
  readonly interval: number;
  readonly timeout: number;
  readonly rise: number;
  readonly fall: number;
}

/** Where it goes, when that is not the instance's own address. */
export interface CheckTarget {
  readonly host: string;
  readonly port: number;
}

/** null: without TLS. */
export type CheckTls = { readonly verify: boolean; readonly ca: string | null; readonly serverName: string | null } | null;

export interface HttpProbe extends CheckTarget {
  readonly type: 'http';
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: CheckTls;
  /** Inclusive ranges of codes. */
  readonly statuses: readonly (readonly [from: number, to: number])[];
  /** A text that the body must contain; null: the body is not looked at. */
  readonly body: string | null;
}

export interface GrpcProbe extends CheckTarget {
  readonly type: 'grpc';
  /** The service that is asked for; empty: the server as a whole. */
  readonly service: string;
  readonly tls: CheckTls;
}

export type Probe =
  | HttpProbe
  | GrpcProbe
  | ({ readonly type: 'tcp' } & CheckTarget)
  | ({ readonly type: 'redis'; readonly credentials: readonly string[] } & CheckTarget)
  /** A program and its arguments: exit code 0 is good. */
  | { readonly type: 'exec'; readonly argv: readonly string[] };

export type RegisterCheck = CheckPace & { readonly probe: Probe };
