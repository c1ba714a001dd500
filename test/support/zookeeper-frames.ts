/** Zookeeper's packets, as far as a test must tell them apart (zookeeper.jute; each begins with its length). */

export const OP = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getChildren2: 12,
  ping: 11,
  auth: 100,
  setWatches: 101,
} as const;

const HANDSHAKE_BYTES = 4 + 4 + 8 + 4 + 8 + 4 + 16;

/** null: the handshake. */
export function request(packet: Buffer): { xid: number; op: number; path: string | null } | null {
  // A connect request begins with protocol version 0, and is of one length (with the read-only byte, or without).
  if ((packet.length === HANDSHAKE_BYTES || packet.length === HANDSHAKE_BYTES + 1) && packet.readInt32BE(4) === 0) return null;
  const op = packet.readInt32BE(8);
  const hasPath = packet.length >= 16 && op >= OP.create && op <= OP.getChildren2 && op !== OP.ping;
  return { xid: packet.readInt32BE(4), op, path: hasPath ? packet.toString('utf8', 16, 16 + packet.readInt32BE(12)) : null };
}

/** xid -1 is a watch notification. Not to be asked of the handshake's reply. */
export function reply(packet: Buffer): { xid: number; error: number } {
  return { xid: packet.readInt32BE(4), error: packet.readInt32BE(16) };
}

export const NOTIFICATION = -1;

export function isNotification(packet: Buffer): boolean {
  return packet.length >= 28 && packet.readInt32BE(4) === NOTIFICATION;
}
