/** PURE. What people and proxies are shown of an instance: its one-word state, its health, the server that proxies should have. */
import type { DesiredServer } from '../shared/model/desired.ts';
import { serverName } from '../shared/znode/address.ts';
import type { InstanceSnapshot } from './instance.ts';

export type VisibleState = 'rejected' | 'held' | 'draining' | 'failing' | 'joining' | 'serving' | 'gone';
export type Health = 'unknown' | 'up' | 'mixed' | 'down';

/** One word, the first that holds. */
export function visibleState(snapshot: InstanceSnapshot): VisibleState {
  if (snapshot.context.rejection !== null) return 'rejected';
  if (snapshot.state === 'joining' || snapshot.state === 'serving') {
    return healthOf(snapshot) === 'down' ? 'failing' : snapshot.state;
  }
  return snapshot.state;
}

export function healthOf(snapshot: InstanceSnapshot): Health {
  const { up, down } = snapshot.context.health;
  if (up === 0 && down === 0) return 'unknown';
  if (down === 0) return 'up';
  return up === 0 ? 'down' : 'mixed';
}

/** null: no proxy should have it. */
export function desiredServer(snapshot: InstanceSnapshot): DesiredServer | null {
  const { registration, serverId, id } = snapshot.context;
  if (registration === null || serverId === null) return null;
  if (snapshot.state === 'gone' || snapshot.state === 'rejected') return null;
  return {
    instance: id,
    name: serverName(id),
    id: serverId,
    address: registration.address,
    port: registration.port,
    weight: registration.weight,
    admin: snapshot.state === 'draining' ? 'drain' : 'ready',
  };
}
