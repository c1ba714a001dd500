/** PURE. What a command can change in a server that serves or is about to: address, weight, connections at once, where its checks go, where its agent is asked. */
import type { DesiredBackend, DesiredServer } from '../model/desired.ts';
import type { ObservedServer } from '../model/observed.ts';
import type { ServerOptions } from '../model/server-options.ts';
import type { PlannedCommand } from './backend-plan.ts';
import { sameAddress } from './same-address.ts';

/** Whether it is at another address than it should be. */
export function movesTo(wanted: DesiredServer, seen: ObservedServer): boolean {
  return !sameAddress(seen.address, wanted.address) || seen.port !== wanted.port;
}

/** Connections to it at once; 0: no limit. */
export function limitOf(wanted: DesiredServer, options: Pick<ServerOptions, 'maxConn'>): number {
  return wanted.maxConn ?? options.maxConn ?? 0;
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
  const weight = weightOf(desired, wanted, seen);
  if (weight !== null) changes.push(weight);
  const limit = wanted.byHand?.maxConn ?? limitOf(wanted, options);
  if (maxConn !== undefined && maxConn !== limit)
    changes.push({ command: { kind: 'max-conn', ...at, maxConn: limit }, reason: `its maxconn is ${maxConn}` });
  // HAProxy changes the target only of a check that is on, and of an agent that is.
  if (check.type !== 'none' && seen.checking) {
    const target = otherTarget(check, { address: seen.checkAddress, port: seen.checkPort });
    if (target !== null)
      changes.push({ command: { kind: 'check-target', ...at, ...target.to }, reason: `its checks go to ${target.from}` });
  }
  if (options.agent !== undefined && seen.agent !== null) {
    const target = otherTarget(options.agent, seen.agent);
    if (target !== null)
      changes.push({ command: { kind: 'agent-target', ...at, ...target.to }, reason: `its agent is asked at ${target.from}` });
  }
  return changes;
}

/** null: its weight is as it should be. */
export function weightOf({ service }: DesiredBackend, { weight }: DesiredServer, seen: ObservedServer): PlannedCommand | null {
  if (seen.weight === weight) return null;
  return { command: { kind: 'weight', backend: service, server: seen.name, weight }, reason: `its weight is ${seen.weight}` };
}

/** Whether a server that may take requests takes none from then on. */
export function putsOut({ command }: PlannedCommand, seen: ObservedServer): boolean {
  return command.kind === 'weight' && command.weight === 0 && seen.admin === 'ready';
}

interface Target {
  readonly address: string | null;
  readonly port: number | null;
}

/** What of a target is to be another; what the config does not name stays. null: all is as it should be. */
function otherTarget(
  wanted: { readonly address?: string; readonly port?: number },
  seen: { readonly address: string | null; readonly port: number },
): { readonly to: Target; readonly from: string } | null {
  const port = wanted.port !== undefined && wanted.port !== seen.port ? wanted.port : null;
  const address = wanted.address !== undefined && !sameAddress(seen.address ?? '', wanted.address) ? wanted.address : null;
  if (port === null && address === null) return null;
  return { to: { address, port }, from: `${seen.address ?? 'its own address'} port ${seen.port === 0 ? 'its own' : seen.port}` };
}
