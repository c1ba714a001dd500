/** PURE. What each server of a service gets beside its address and weight, in HAProxy's own words (manual, 5.2). Missing: HAProxy's default. Times in ms. */

import type { Askable } from './asked-options.ts';

export const MAX_CONN_MAX = 10_000_000;

export interface ServerOptions {
  /** Connections to one server at once; null: no limit. */
  readonly maxConn: number | null;
  /** What a registration may ask for of its own server, sorted; missing: nothing. */
  readonly options?: readonly Askable[];
  /** Requests that wait for one server; beyond that they go to another. */
  readonly maxQueue?: number;
  /** What is looked at besides the check: whether connections come about, or what is answered as well. */
  readonly observe?: 'layer4' | 'layer7';
  /** Failures in a row that `observe` sees before `onError` happens. */
  readonly errorLimit?: number;
  readonly onError?: 'fastinter' | 'fail-check' | 'sudden-death' | 'mark-down';
  /** Sessions of a server that goes down are cut. */
  readonly onMarkedDown?: 'shutdown-sessions';
  /** The PROXY protocol's version that connections begin with. */
  readonly sendProxy?: 'v1' | 'v2';
  /** The IP address that connections come from. */
  readonly source?: string;
  readonly tls?: ServerTls;
  readonly agent?: AgentCheck;
}

export interface ServerTls {
  /** Whether the server's certificate is believed only when `ca` has signed it. */
  readonly verify: 'required' | 'none';
  /** A file of CA certificates (PEM), as HAProxy reads it. */
  readonly ca?: string;
  /** A file with our own certificate and key (PEM). */
  readonly cert?: string;
  /** The host name that is asked for; with `verify: required` the certificate must be for it. */
  readonly sni?: string;
  readonly alpn?: readonly string[];
}

/** An agent on the server's host that says its weight and state (manual, `agent-check`). */
export interface AgentCheck {
  readonly port: number;
  readonly interval: number;
  /** null: the server's own address. */
  readonly address?: string;
  /** Sent to the agent when connected. */
  readonly send?: string;
}

/** Whether connections at once are ours to say. */
export function hasLimits({ maxConn, options }: Pick<ServerOptions, 'maxConn' | 'options'>): boolean {
  return maxConn !== null || options?.includes('maxconn') === true;
}
