/**
 * PURE. Servers that HAProxy has and that nobody has heard of: no instance of their name is desired, and none is known to be gone. That is so
 * after everything in Redis was lost, the record of a hold included. So the guard's measure is taken here by what HAProxy sees.
 */
import type { DesiredBackend, DesiredServer } from '../model/desired.ts';
import type { ObservedBackend } from '../model/observed.ts';
import { serves } from './fit.ts';
import { stoodInFor } from './stand-in.ts';

function takes(server: DesiredServer | undefined): boolean {
  return server !== undefined && server.admin === 'ready' && server.weight > 0;
}

/** A stand-in is known by whom it stands in for. */
export function isStranger({ servers, gone }: DesiredBackend, name: string): boolean {
  return [name, stoodInFor(name)].every((one) => one === null || (!servers.has(one) && !gone.has(one)));
}

/** Whether there are any, whatever HAProxy sees of them. */
export function hasStrangers(desired: DesiredBackend, observed: ObservedBackend): boolean {
  return [...observed.servers.keys()].some((name) => !desired.servers.has(name) && !desired.gone.has(name));
}

/** Those of them that serve. */
export function servingStrangers(desired: DesiredBackend, observed: ObservedBackend): number {
  return [...observed.servers.values()].filter(serves).filter(({ name }) => isStranger(desired, name)).length;
}

/** Why those of them that serve stay although the service was read completely; null: they may go. One that HAProxy sees down may in any case. */
export function whyStrangersStay(desired: DesiredBackend, observed: ObservedBackend): string | null {
  const serving = [...observed.servers.values()].filter(serves);
  const known = serving.filter(({ name }) => takes(desired.servers.get(name))).length;
  const strangers = servingStrangers(desired, observed);
  if (strangers === 0) return null;
  if (known === 0) return 'no instance of its name is known, but no other server serves';
  if (strangers <= Math.floor(desired.config.guard.maxLoss * (known + strangers))) return null;
  return `no instance of its name is known, nor of ${strangers - 1} others that serve: more than maxLoss`;
}
