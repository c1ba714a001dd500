/** PURE. What a command can change in a server that serves or is about to: address, weight, connections at once, where its checks go. */
import type { DesiredBackend, DesiredServer } from '../model/desired.ts';
import type { ObservedServer } from '../model/observed.ts';
import type { PlannedCommand } from './backend-plan.ts';
import { sameAddress } from './same-address.ts';

/** Whether it is at another address than it should be. */
export function movesTo(wanted: DesiredServer, seen: ObservedServer): boolean {
  return !sameAddress(seen.address, wanted.address) || seen.port !== wanted.port;
}

/** `maxConn`: what HAProxy has now; undefined: it was not asked. */
export function changesOf(
  desired: DesiredBackend,
  wanted: DesiredServer,
  seen: ObservedServer,
  maxConn: number | undefined,
): PlannedCommand[] {
  const { check, server: options } = desired.config;
  const at = { backend: desired.service, server: seen.name };
  const changes: PlannedCommand[] = [];
  if (movesTo(wanted, seen)) {
    const { address, port } = wanted;
    changes.push({ command: { kind: 'address', ...at, address, port }, reason: `it is at ${seen.address} port ${seen.port}` });
  }
  if (seen.weight !== wanted.weight)
    changes.push({ command: { kind: 'weight', ...at, weight: wanted.weight }, reason: `its weight is ${seen.weight}` });
  const limit = wanted.byHand?.maxConn ?? options.maxConn;
  if (limit !== null && maxConn !== undefined && maxConn !== limit)
    changes.push({ command: { kind: 'max-conn', ...at, maxConn: limit }, reason: `its maxconn is ${maxConn}` });
  // HAProxy changes the target only of a check that is on.
  if (check.type === 'none' || !seen.checking) return changes;
  const port = check.port !== undefined && check.port !== seen.checkPort ? check.port : null;
  const address = check.address !== undefined && !sameAddress(seen.checkAddress ?? '', check.address) ? check.address : null;
  if (port !== null || address !== null) {
    const reason = `its checks go to ${seen.checkAddress ?? 'its own address'} port ${seen.checkPort === 0 ? 'its own' : seen.checkPort}`;
    changes.push({ command: { kind: 'check-target', ...at, address, port }, reason });
  }
  return changes;
}
