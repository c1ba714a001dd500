/** PURE. Of paths in order: whether a server that comes before this instance's is seen up on one proxy, so that this one stands by there. */
import type { InstanceSnapshot } from '../../machines/instance.ts';
import { desiredServer } from '../../machines/projection.ts';
import type { ProxyId } from '../../shared/model/ids.ts';

/** null: it is not known, since the proxy is not among those that are named as witnesses. */
export function isEarlierUp(own: InstanceSnapshot, proxy: ProxyId, instances: Iterable<InstanceSnapshot>): boolean | null {
  const wanted = desiredServer(own);
  if (wanted?.tier === undefined) return false;
  let unsure = false;
  for (const other of instances) {
    const server = desiredServer(other);
    if (server === null || server.admin !== 'ready' || server.weight === 0 || (server.tier ?? 0) >= wanted.tier) continue;
    if (server.held === true && wanted.held !== true) continue;
    const { witnesses, health } = other.context;
    const known = witnesses.find((witness) => witness.proxy === proxy);
    if (known?.verdict === 'up') return true;
    unsure ||= known === undefined && health.up > witnesses.filter(({ verdict }) => verdict === 'up').length;
  }
  return unsure ? null : false;
}
