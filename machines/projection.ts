/** PURE. What people and proxies are shown of an instance: its one-word state, its health, the server that proxies should have. */
import { type DesiredServer, WEIGHT_MAX } from '../shared/model/desired.ts';
import { serverName } from '../shared/znode/address.ts';
import type { InstanceSnapshot } from './instance.ts';

export type VisibleState = 'rejected' | 'cordoned' | 'quarantined' | 'held' | 'draining' | 'failing' | 'joining' | 'serving' | 'gone';
export type Health = 'unknown' | 'up' | 'mixed' | 'down';

/** One word, the first that holds. */
export function visibleState(snapshot: InstanceSnapshot): VisibleState {
  const { state } = snapshot;
  if (state === 'gone') return 'gone';
  if (snapshot.context.rejection !== null) return 'rejected';
  if (snapshot.context.cordon !== null) return 'cordoned';
  if (isQuarantined(snapshot)) return 'quarantined';
  if ((state === 'joining' || state === 'serving') && healthOf(snapshot) === 'down') return 'failing';
  return state;
}

/** When the state that people see began: ms, as far as the snapshot says. */
export function visibleSince(snapshot: InstanceSnapshot): number {
  const { since, cordon, quarantine, witnesses } = snapshot.context;
  const state = visibleState(snapshot);
  if (state === 'cordoned') return cordon?.at ?? since;
  if (state === 'quarantined') return quarantine?.since ?? since;
  const down = witnesses.filter(({ verdict }) => verdict === 'down').map((witness) => witness.since);
  if (state === 'failing' && down.length > 0) return Math.min(...down);
  const up = witnesses.filter(({ verdict }) => verdict === 'up').map((witness) => witness.since);
  // It may have been down everywhere meanwhile.
  return state === 'serving' && up.length > 0 ? Math.max(since, Math.min(...up)) : since;
}

export function healthOf(snapshot: InstanceSnapshot): Health {
  const { up, down } = snapshot.context.health;
  if (up === 0 && down === 0) return 'unknown';
  if (down === 0) return 'up';
  return up === 0 ? 'down' : 'mixed';
}

export function isQuarantined({ context }: InstanceSnapshot): boolean {
  return context.quarantine !== null && !context.quarantine.over;
}

/** Whether proxies send it requests, as far as we have a say. */
export function isInRotation(snapshot: InstanceSnapshot): boolean {
  const { state } = snapshot;
  return (state === 'joining' || state === 'serving' || state === 'held') && snapshot.context.cordon === null && !isQuarantined(snapshot);
}

/** In rotation, and HAProxy sees it up somewhere: it takes requests. One of weight 0 may be up, and takes none. */
export function isUp(snapshot: InstanceSnapshot): boolean {
  return snapshot.context.health.up > 0 && isInRotation(snapshot) && fullWeight(snapshot) > 0;
}

/** 0..256: what it asks for and the config makes of it, when it is warm. */
export function askedWeight({ context: { weight, registration, scale } }: InstanceSnapshot): number {
  return weight ?? Math.min(WEIGHT_MAX, (registration?.weight ?? 0) * scale);
}

/** 0..256: what it has when it is warm. */
export function fullWeight(snapshot: InstanceSnapshot): number {
  const { had, stays } = snapshot.context;
  const asked = askedWeight(snapshot);
  return asked === 0 && stays === true ? (had?.weight ?? 0) : asked;
}

/** null: no proxy should have it. */
export function desiredServer(snapshot: InstanceSnapshot): DesiredServer | null {
  const { registration, serverId, id, far, backup, maxConn, path, tier } = snapshot.context;
  if (registration === null || serverId === null) return null;
  if (snapshot.state === 'gone' || snapshot.state === 'rejected') return null;
  return {
    instance: id,
    name: serverName(id),
    id: serverId,
    address: registration.address,
    port: registration.port,
    weight: weightOf(snapshot),
    admin: snapshot.state === 'draining' ? 'drain' : isInRotation(snapshot) ? 'ready' : 'out',
    ...(maxConn === undefined ? {} : { maxConn }),
    ...(far === true || backup === true ? { backup: true } : {}),
    ...(tier === undefined ? {} : { tier }),
    ...(path !== undefined && snapshot.state === 'held' ? { held: true } : {}),
  };
}

/** 0 stays 0, and whoever is to have requests at all gets some at every step. */
function weightOf(snapshot: InstanceSnapshot): number {
  const { warm } = snapshot.context;
  const full = fullWeight(snapshot);
  return warm === null ? full : Math.ceil((full * warm.step) / warm.of);
}
