/**
 * PURE. Who listens where, and who is in whose way: the wildcards `*` and `0.0.0.0` hold every IPv4 address, `[::]` holds all of
 * both families. A claim costs a look, unless it is a wildcard's, so that ten thousand services are not compared each with each.
 */
import { isIPv4 } from 'node:net';
import type { ListenAddress } from './address.ts';

export interface ListenClaim {
  readonly address: ListenAddress;
  readonly owner: string;
}

/** Of one port, by host. */
type Claims = Map<string, ListenClaim>;

const ANY_IPV4 = '0.0.0.0';
const ANY = '::';

export class ListenClaims {
  readonly #byPort = new Map<number, Claims>();

  /** Takes the address. Returns an earlier claim that overlaps with this one, or null. */
  claim(address: ListenAddress, owner: string): ListenClaim | null {
    const claims: Claims = this.#byPort.get(address.port) ?? new Map();
    const host = listenHost(address.host);
    const other = inTheWay(host, claims);
    if (!claims.has(host)) claims.set(host, { address, owner });
    this.#byPort.set(address.port, claims);
    return other;
  }
}

function inTheWay(host: string, claims: Claims): ListenClaim | null {
  const exact = claims.get(host) ?? claims.get(ANY) ?? (isIPv4(host) ? claims.get(ANY_IPV4) : undefined);
  if (exact !== undefined) return exact;
  if (host !== ANY && host !== ANY_IPV4) return null;
  for (const [other, claim] of claims) {
    if (host === ANY || isIPv4(other)) return claim;
  }
  return null;
}

function listenHost(host: string): string {
  if (host === '*') return ANY_IPV4;
  return host === 'localhost' ? '127.0.0.1' : host;
}
