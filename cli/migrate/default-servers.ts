/** PURE. `default_servers` of a Synapse service as `fallback`: they take requests while no registered instance does. */
import { isIPv4, isIPv6 } from 'node:net';
import { isMap, type OldMap } from './old-map.ts';
import { oldText } from './old-text.ts';
import type { ServiceTarget } from './service-target.ts';

export function carryDefaultServers(service: OldMap, target: ServiceTarget): void {
  const servers = service.take('default_servers');
  const keep = service.take('keep_default_servers');
  for (const [index, server] of (Array.isArray(servers) ? servers : []).entries()) {
    const { host, port } = isMap(server) ? server : {};
    const option = `${service.at('default_servers')}.${index} "${oldText(host)}:${oldText(port)}"`;
    const address = host === 'localhost' ? '127.0.0.1' : oldText(host);
    if (isIPv4(address) || isIPv6(address)) {
      const text = `${isIPv6(address) ? `[${address}]` : address}:${oldText(port)}`;
      target.add(option, ['fallback'], text, `${text}: also while registered ones are down, not only while there are none`);
    } else target.left(option, 'a `fallback` is an IP address and a port');
  }
  if (keep === undefined) return;
  const option = service.at('keep_default_servers');
  if (keep !== true) target.left(option, 'false is what `fallback` does');
  else target.left(option, 'a `fallback` takes requests only while no registered instance does: register them to have them always');
}
