/** Whether a request was made under a name of this host: a page on another site can make a browser come here, but not under such a name. */
import { isIPv4 } from 'node:net';

/** A `Host` header, with or without a port. */
export function isLoopbackHost(header: string | undefined): boolean {
  const name = /^(\[[0-9a-f:.]+\]|[^:[\]]+)(?::\d{1,5})?$/i.exec(header ?? '')?.[1]?.toLowerCase();
  if (name === undefined) return false;
  return name === 'localhost' || name === '[::1]' || (isIPv4(name) && name.startsWith('127.'));
}
