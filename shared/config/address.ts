/**
 * PURE. Addresses as the config writes them: what a frontend listens on (`127.0.0.1:3210`, `[::1]:80`, `*:80`) and how a
 * socket is reached (`unix:/run/haproxy/admin.sock`, `tcp://10.0.0.7:9999`, `tls://edge.internal:9999`). Only whitelisted characters come through, because
 * these texts end up in HAProxy's files and command line.
 */
import { isIPv4, isIPv6 } from 'node:net';
import type { SocketAddress } from '../model/proxy-config.ts';

/** As `runtime` writes it; what TLS needs besides is in `runtimeTls`. */
export type RuntimeTarget = SocketAddress | { readonly kind: 'tls'; readonly host: string; readonly port: number };

export interface ListenAddress {
  /** An IPv4 address, an IPv6 address without brackets, `*` (every IPv4 address), or `localhost` where that is allowed. */
  readonly host: string;
  /** 1..65535 */
  readonly port: number;
}

/** HAProxy binds a unix socket under a temporary name beside it, which leaves 97 of the kernel's 107 characters. */
const UNIX_PATH_LENGTH_MAX = 97;
const UNIX_PATH = /^\/[A-Za-z0-9._/@+-]+$/;
const HOST_NAME = /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;
const HOST_AND_PORT = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/;

/** Null when the text is not `address:port`. Host names are not addresses, but for `localhost`. */
export function parseListen(text: string): ListenAddress | null {
  const parts = splitHostPort(text);
  if (parts === null) return null;
  const { host, port } = parts;
  if (isIPv4(host) || host === '*' || host === 'localhost') return parts;
  return isIPv6(host) && !isMappedIPv4(host) ? { host: canonicalIPv6(host), port } : null;
}

export function formatListen(address: ListenAddress): string {
  return `${isIPv6(address.host) ? `[${address.host}]` : address.host}:${address.port}`;
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** Null when the text is neither `unix:/absolute/path` nor `tcp://host:port`. */
export function parseSocketAddress(text: string): SocketAddress | null {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length);
    return UNIX_PATH.test(path) && path.length <= UNIX_PATH_LENGTH_MAX ? { kind: 'unix', path } : null;
  }
  if (!text.startsWith('tcp://')) return null;
  const parts = splitHostPort(text.slice('tcp://'.length));
  if (parts === null) return null;
  if (isIPv6(parts.host)) return { kind: 'tcp', host: canonicalIPv6(parts.host), port: parts.port };
  return isHost(parts.host) ? { kind: 'tcp', ...parts } : null;
}

/** As parseSocketAddress, and `tls://host:port`. */
export function parseRuntimeTarget(text: string): RuntimeTarget | null {
  if (!text.startsWith('tls://')) return parseSocketAddress(text);
  const address = parseSocketAddress(`tcp://${text.slice('tls://'.length)}`);
  return address === null || address.kind === 'unix' ? null : { ...address, kind: 'tls' };
}

/** An IPv4 address or a host name. Four numbers that are no address (`127.0.0.300`) are not taken for a name. */
export function isHost(text: string): boolean {
  return isIPv4(text) || (HOST_NAME.test(text) && !/^[\d.]+$/.test(text));
}

/** One text per socket, to compare by. */
export function formatSocketAddress(address: RuntimeTarget): string {
  return address.kind === 'unix' ? `unix:${address.path}` : `${address.kind}://${formatListen(address)}`;
}

function splitHostPort(text: string): ListenAddress | null {
  const match = HOST_AND_PORT.exec(text);
  if (match === null) return null;
  const [, bracketed, plain, portText] = match;
  const port = Number(portText);
  const host = bracketed ?? plain ?? '';
  if (port < 1 || port > 65535 || (bracketed !== undefined && !isIPv6(bracketed))) return null;
  return { host, port };
}

function isMappedIPv4(host: string): boolean {
  return canonicalIPv6(host).startsWith('::ffff:');
}

function canonicalIPv6(host: string): string {
  return new URL(`http://[${host}]/`).hostname.slice(1, -1);
}
