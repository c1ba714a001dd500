/** PURE. Whether two texts are the same IP address: HAProxy prints IPv6 its own way, and a difference of spelling must not be patched for ever. */

export function sameAddress(a: string, b: string): boolean {
  return a === b || (a.includes(':') && b.includes(':') && canonical(a) === canonical(b));
}

function canonical(address: string): string {
  return URL.canParse(`http://[${address}]`) ? new URL(`http://[${address}]`).hostname : address;
}
