/**
 * Whether a new listener's address is free. `haproxy -c` does not look, and a reload whose bind fails stops every listener for about 2 s;
 * an address held by another HAProxy of the same user would not even fail (SO_REUSEPORT), but share its traffic in silence. So each
 * new address is bound for a moment, without SO_REUSEPORT, before a reload. What the running HAProxy holds itself is not probed.
 */
import { createServer } from 'node:net';
import type { ServiceName } from '../model/ids.ts';
import { parseListen } from './render-words.ts';

interface Listener {
  readonly host: string;
  readonly port: number;
}

/** The `listen` addresses of service files, by service: `listenersOf` of the files that the worker was started with are what it holds. */
export function listenersOf(files: ReadonlyMap<string, string>, serviceOf: (file: string) => ServiceName | null): Map<ServiceName, string> {
  const listeners = new Map<ServiceName, string>();
  for (const [file, content] of files) {
    const service = serviceOf(file);
    const listen = /^ {4}bind (\S+)$/m.exec(content)?.[1];
    if (service !== null && listen !== undefined) listeners.set(service, listen);
  }
  return listeners;
}

/**
 * Why a service's listener cannot be had, by service; services without a fault are left out. `wanted` is each service's `listen` (those that
 * do not change may be left out), `held` what the running HAProxy listens on by our files. Of two services that want one address, the one that
 * holds it keeps it, else the first by name: HAProxy would give each a part of the connections. One that gives its address up in the same
 * change leaves it to another.
 */
export async function probeListeners(
  wanted: ReadonlyMap<ServiceName, string>,
  held: ReadonlyMap<ServiceName, string>,
): Promise<Map<ServiceName, string>> {
  const faults = new Map<ServiceName, string>();
  const owned = listeners(held);
  const given = listeners([...held].filter(([service, listen]) => (wanted.get(service) ?? listen) === listen));
  for (const { service, listener } of listeners([...wanted].sort(([a], [b]) => (a < b ? -1 : 1)))) {
    const other = given.find((earlier) => earlier.service !== service && overlaps(earlier.listener, listener));
    // HAProxy binds an address that overlaps one of its own (0.0.0.0 and 127.0.0.1), and a probe could not.
    const mine = owned.some((own) => overlaps(own.listener, listener));
    const fault = other !== undefined ? `service ${other.service} listens there` : mine ? null : await probe(listener);
    if (fault === null) given.push({ service, listener });
    else faults.set(service, `cannot listen on ${wanted.get(service)}: ${fault}`);
  }
  return faults;
}

function listeners(entries: Iterable<readonly [ServiceName, string]>): { readonly service: ServiceName; readonly listener: Listener }[] {
  return [...entries].flatMap(([service, listen]) => {
    const listener = parseListen(listen);
    return listener === null ? [] : [{ service, listener }];
  });
}

function overlaps(a: Listener, b: Listener): boolean {
  return a.port === b.port && (a.host === b.host || isAny(a.host) || isAny(b.host));
}

function isAny(host: string): boolean {
  return host === '*' || host === '0.0.0.0' || /^[0:]+$/.test(host);
}

/** null: it could be bound, or the answer says nothing (a port that only root may bind, when HAProxy is started by root). */
function probe({ host, port }: Listener): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') return resolve('another process listens there already');
      resolve(error.code === 'EADDRNOTAVAIL' ? 'no interface of this host has this address' : null);
    });
    server.listen({ host: host === '*' ? '0.0.0.0' : host, port, exclusive: true, ipv6Only: host.includes(':') }, () => {
      server.close(() => resolve(null));
    });
  });
}
