/**
 * PURE. The load-balancing algorithms that HAProxy allows for servers that are added at run time, and why the others are not
 * (its own words: "Backend must use a dynamic load balancing to support dynamic servers"). A hash is dynamic only with
 * `hash-type consistent`, which is what we write for it.
 */

/** Those without arguments. */
export const BALANCE = ['roundrobin', 'leastconn', 'random', 'first', 'source', 'uri'] as const;

/** Those with arguments (configuration manual, `balance`). */
export const BALANCE_WITH_ARGUMENTS =
  /^(random\([1-9]\d?\)|uri( (whole|path-only|len [1-9]\d{0,3}|depth [1-9]\d{0,2}))+|url_param [A-Za-z0-9_.-]{1,64}|hdr\([A-Za-z0-9-]{1,64}\)( use_domain_only)?)$/;

export const BALANCE_EXPECTED = `one of ${BALANCE.join(', ')}, random(<draws>), uri <options>, hdr(<name>), url_param <name>`;

/** What `balance` hashes of a request, HAProxy can only see in mode http. */
export function needsHttp(balance: string): boolean {
  return /^(uri|url_param|hdr)\b/.test(balance);
}

/** Why `text` is refused, in one clause; null when it is no algorithm of HAProxy's. */
export function balanceRefusal(text: string): string | null {
  const name = /^[a-z_-]+/.exec(text)?.[0] ?? '';
  if (name === 'static-rr') return 'static-rr is a fixed map: HAProxy adds no servers at run time to a backend with it';
  if (name === 'rdp-cookie') return 'rdp-cookie keeps clients by a table of its own and is not offered';
  return [...BALANCE, 'hdr', 'url_param'].includes(name) && name !== text ? 'its arguments are not of that form' : null;
}
