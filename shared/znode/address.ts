/**
 * PURE. Addresses that strangers registered: `host:port`, parsed strictly and written in one canonical form, or refused with
 * the reason. Nothing that HAProxy would read as a path, a descriptor or a keyword gets through: only IPv4, IPv6, host names.
 */
import { createHash } from 'node:crypto';
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import type { InstanceId } from '../model/ids.ts';
import type { Rejection } from '../model/registration.ts';
import type { Allow } from '../model/service-config.ts';
import { escapeText } from './escape.ts';

export interface Address {
  /** Canonical: IPv4; IPv6 compressed, lower case, without brackets; or a host name in lower case. */
  readonly host: string;
  /** 1..65535 */
  readonly port: number;
  readonly instance: InstanceId;
}

export type AddressClass = 'unspecified' | 'loopback' | 'link-local' | 'multicast' | 'broadcast' | 'public';

/** A host name of 253 characters (RFC 1035), a colon and a port; an IPv6 address is shorter. */
const TEXT_MAX = 253 + 1 + 5;
const NAME_MAX = 253;
const PORT = /^[1-9][0-9]{0,4}$/;
/** RFC 1123, 2.1 */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** A last label like these makes C libraries read the whole as an IPv4 address (inet_aton). */
const NUMERIC = /^(?:[0-9]+|0x[0-9a-f]*)$/;

export function parseAddress(text: string): { ok: true; address: Address } | { ok: false; rejection: Rejection } {
  const refuse = (code: Rejection['code'], why: string): { ok: false; rejection: Rejection } => ({
    ok: false,
    rejection: { code, detail: `${escapeText(text, 100)}: ${why}` },
  });
  if (text.length > TEXT_MAX) return refuse('not-an-address', `longer than ${TEXT_MAX} characters`);
  const colon = text.lastIndexOf(':');
  if (colon < 0) return refuse('not-an-address', 'no port');
  const host = canonicalHost(text.slice(0, colon));
  if (host === null) return refuse('not-an-address', 'the host is neither an IP address nor a host name');
  const port = text.slice(colon + 1);
  if (!PORT.test(port) || Number(port) > 65_535) return refuse('bad-port', 'the port must be 1 to 65535');
  return { ok: true, address: { host, port: Number(port), instance: instanceOf(host, Number(port)) } };
}

/** IPv6 in brackets or bare; null: it is none of the three. */
export function canonicalHost(text: string): string | null {
  const bracketed = text.startsWith('[') && text.endsWith(']');
  const bare = bracketed ? text.slice(1, -1) : text;
  if (bare.includes(':')) return canonicalIpv6(bare);
  if (bracketed) return null;
  if (isIPv4(bare)) return bare;
  return canonicalName(bare);
}

export function instanceOf(host: string, port: number): InstanceId {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** HAProxy's names are kept short of its limits; a longer one is cut and told apart by a hash. */
const SERVER_NAME_MAX = 100;

/** The server's name in HAProxy: the instance, without the brackets that HAProxy does not take in a name. */
export function serverName(instance: InstanceId): string {
  const name = instance.replace(/^\[([^\]]*)\]:/, '$1:');
  if (name.length <= SERVER_NAME_MAX) return name;
  return `${name.slice(0, SERVER_NAME_MAX - 13)}-${createHash('sha256').update(name).digest('hex').slice(0, 12)}`;
}

/** The instance that a server's name is made of; null: it was cut, and may be any that begins so. */
export function serverInstance(name: string): InstanceId | null {
  if (name.length >= SERVER_NAME_MAX) return null;
  const colon = name.lastIndexOf(':');
  const host = name.slice(0, colon);
  return host.includes(':') ? `[${host}]:${name.slice(colon + 1)}` : name;
}

/** `ip` as `parseAddress` or a resolver gives it. */
export function classify(ip: string): AddressClass {
  const canonical = canonicalHost(ip);
  if (canonical === null || isIP(canonical) === 0) return 'unspecified';
  return isIPv4(canonical) ? classifyIpv4(canonical) : classifyIpv6(canonical);
}

/** null: it may be used. Some classes never may, whatever the config says. */
export function allowedBy(ip: string, allow: Allow): Rejection | null {
  const refuse = (why: string): Rejection => ({ code: 'address-not-allowed', detail: `${escapeText(ip, 100)}: ${why}` });
  const canonical = canonicalHost(ip);
  if (canonical === null || isIP(canonical) === 0) return refuse('not an IP address');
  const kind = classify(canonical);
  if (kind === 'loopback') {
    if (!allow.loopback) return refuse('a loopback address, and allow.loopback is false');
  } else if (kind !== 'public') {
    return refuse(`${kind === 'unspecified' ? 'an' : 'a'} ${kind} address`);
  }
  return within(canonical, allow.cidrs) ? null : refuse('outside allow.cidrs');
}

function canonicalIpv6(text: string): string | null {
  // A zone id (%eth0) means something on one host only.
  if (!isIPv6(text) || text.includes('%')) return null;
  const canonical = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical);
  if (mapped === null) return canonical;
  const [high, low] = [Number.parseInt(mapped[1] ?? '', 16), Number.parseInt(mapped[2] ?? '', 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

function canonicalName(text: string): string | null {
  if (text.length === 0 || text.length > NAME_MAX) return null;
  const name = text.toLowerCase();
  const labels = name.split('.');
  if (!labels.every((label) => LABEL.test(label))) return null;
  return NUMERIC.test(labels.at(-1) ?? '') ? null : name;
}

function classifyIpv4(ip: string): AddressClass {
  const [a, b] = ip.split('.').map(Number);
  if (ip === '255.255.255.255') return 'broadcast';
  if (a === 0) return 'unspecified';
  if (a === 127) return 'loopback';
  if (a === 169 && b === 254) return 'link-local';
  if (a !== undefined && a >= 224 && a <= 239) return 'multicast';
  return 'public';
}

function classifyIpv6(ip: string): AddressClass {
  if (ip === '::') return 'unspecified';
  if (ip === '::1') return 'loopback';
  if (/^fe[89ab]/.test(ip)) return 'link-local';
  if (/^ff[0-9a-f]{2}:/.test(ip)) return 'multicast';
  return 'public';
}

/** Lists are built once per array of the config. */
const lists = new WeakMap<readonly string[], BlockList>();

function within(ip: string, cidrs: readonly string[]): boolean {
  const family = isIPv4(ip) ? 'ipv4' : 'ipv6';
  if (cidrs.includes(family === 'ipv4' ? '0.0.0.0/0' : '::/0')) return true;
  let list = lists.get(cidrs);
  if (list === undefined) {
    list = listOf(cidrs);
    lists.set(cidrs, list);
  }
  return list.check(ip, family);
}

/** A cidr that cannot be read allows nothing. */
function listOf(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [net = '', bits] = cidr.split('/');
    const version = isIP(net);
    const prefix = bits === undefined ? (version === 4 ? 32 : 128) : Number(bits);
    if (version === 0 || !Number.isInteger(prefix) || prefix < 0 || prefix > (version === 4 ? 32 : 128)) continue;
    list.addSubnet(net, prefix, version === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}
