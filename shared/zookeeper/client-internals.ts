/**
 * The private parts of node-zookeeper-client 1.1.3 that the link must reach, typed, and looked for before use: a client that
 * lacks one is refused at start instead of failing later in the dark. The only file that imports the package.
 */
import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import zookeeper from 'node-zookeeper-client';
import { assert } from '../errors.ts';

/** lib/ConnectionManager.js, STATES */
export const STATE = {
  disconnected: 0,
  connecting: 1,
  connected: 2,
  connectedReadOnly: 3,
  closing: -1,
  closed: -2,
  expired: -3,
  authFailed: -4,
} as const;

/** lib/Exception.js, CODES, and 0 for success: `Exception.create` throws on any other. */
export const KNOWN_CODES: ReadonlySet<number> = new Set(Object.values(zookeeper.Exception).filter((code) => typeof code === 'number'));

/** A code that the package knows. */
export const SYSTEM_ERROR = -1;

export interface Packet {
  readonly request: { readonly header: { readonly type: number; readonly xid: number } | null };
  callback: (error: unknown, response?: unknown) => void;
}

export interface ConnectionManager extends EventEmitter {
  state: number;
  socket: Socket | undefined;
  servers: { host: string; port: number | string }[];
  xid: number;
  /** The last zxid seen. */
  zxid: Buffer;
  sessionId: Buffer;
  sessionPassword: Buffer;
  sessionTimeout: number;
  pendingBuffer: Buffer | null;
  /** Sent, not answered. */
  pendingQueue: Packet[];
  /** Not sent. */
  packetQueue: { queue: Packet[] };
  watcherManager: { dataWatchers: object; childWatchers: object; existenceWatchers: object };
  connect(): void;
  setState(state: number): void;
  onSocketConnected(): void;
  onSocketData(bytes: Buffer): void;
  onSocketDrain(): void;
  onSocketClosed(hadError: boolean): void;
}

export type RawClient = ReturnType<typeof zookeeper.createClient>;
export type RawStat = NonNullable<Parameters<Parameters<RawClient['exists']>[2]>[1]>;
export interface RawEvent {
  readonly type: number;
  readonly path: string;
}
export const CREATE_MODE = zookeeper.CreateMode;

/** Who may do what with a znode: everybody all · everybody read, and all with the session's credentials · only with those. */
export type Acl = 'open' | 'read' | 'private';

const EVERYBODY = new zookeeper.Id('world', 'anyone');
/** Stands for the credentials that the session has shown. */
const OURSELVES = new zookeeper.Id('auth', '');
const MINE = new zookeeper.ACL(zookeeper.Permission.ALL, OURSELVES);

export const ACLS: Readonly<Record<Acl, InstanceType<typeof zookeeper.ACL>[]>> = {
  open: [new zookeeper.ACL(zookeeper.Permission.ALL, EVERYBODY)],
  read: [MINE, new zookeeper.ACL(zookeeper.Permission.READ, EVERYBODY)],
  private: [MINE],
};

/** A client that has not connected, and its private parts. Throws when the package is not the one that this was written for. */
export function openClient(connect: string, sessionTimeout: number): { client: RawClient; manager: ConnectionManager } {
  const client = zookeeper.createClient(connect, { sessionTimeout, retries: 0 });
  const manager = (client as unknown as { connectionManager: ConnectionManager }).connectionManager;
  selfTest(manager);
  return { client, manager };
}

/** Every private field and method that is used, with the shape it must have. */
function selfTest(manager: ConnectionManager): void {
  const expected = 'node-zookeeper-client is not the version that the link was written for (1.1.3)';
  assert(typeof manager === 'object' && manager !== null, `${expected}: no connectionManager`);
  for (const name of ['connect', 'setState', 'onSocketConnected', 'onSocketData', 'onSocketDrain', 'onSocketClosed'] as const) {
    assert(typeof manager[name] === 'function', `${expected}: no ${name}()`);
  }
  for (const name of ['zxid', 'sessionId', 'sessionPassword'] as const) assert(Buffer.isBuffer(manager[name]), `${expected}: no ${name}`);
  for (const name of ['state', 'xid', 'sessionTimeout'] as const) {
    assert(typeof manager[name] === 'number', `${expected}: no ${name}`);
  }
  assert(manager.state === STATE.disconnected && manager.pendingBuffer === null, `${expected}: it does not start disconnected`);
  assert(Array.isArray(manager.servers) && Array.isArray(manager.pendingQueue), `${expected}: no servers or pendingQueue`);
  assert(Array.isArray(manager.packetQueue?.queue), `${expected}: no packetQueue`);
  for (const name of ['dataWatchers', 'childWatchers', 'existenceWatchers'] as const) {
    assert(typeof manager.watcherManager?.[name] === 'object', `${expected}: no watcherManager.${name}`);
  }
  assert(KNOWN_CODES.has(0) && KNOWN_CODES.has(-101) && !KNOWN_CODES.has(-127), `${expected}: its table of errors differs`);
}

/** Forgets every watch, so that the library never sends them again by itself (one packet, which may be too large for the server). */
export function forgetWatches(manager: ConnectionManager): void {
  manager.watcherManager.dataWatchers = {};
  manager.watcherManager.childWatchers = {};
  manager.watcherManager.existenceWatchers = {};
}
