/**
 * What the library would choke on is taken out of a reply before it gets it. Replies have xid (int32), zxid (int64), err
 * (int32), then the payload (zookeeper.jute, ReplyHeader); in front of it all is the length.
 */
import { type ConnectionManager, KNOWN_CODES, SYSTEM_ERROR } from './client-internals.ts';
import { UnknownReply } from './errors.ts';

const AT = { xid: 4, err: 16, payload: 20 };
const NOTIFICATION_XID = -1;
/** NodeCreated, NodeDeleted, NodeDataChanged, NodeChildrenChanged */
const EVENT_TYPES = { first: 1, last: 4 };

/** Throws on what cannot be mended: then the connection's state is not to be trusted any more. */
export function screenReply(manager: Pick<ConnectionManager, 'pendingQueue'>, frame: Buffer): void {
  if (frame.length < AT.payload) throw new Error(`a reply of ${frame.length - AT.xid} bytes has no header`);
  const xid = frame.readInt32BE(AT.xid);
  const code = frame.readInt32BE(AT.err);
  if (xid === NOTIFICATION_XID) checkEvent(frame);
  else if (!KNOWN_CODES.has(code)) answerUnknown(manager, frame, xid, code);
}

/** The library throws on codes younger than itself, and the caller would never hear: it gets a code that it knows, and the caller the true one. */
function answerUnknown(manager: Pick<ConnectionManager, 'pendingQueue'>, frame: Buffer, xid: number, code: number): void {
  frame.writeInt32BE(SYSTEM_ERROR, AT.err);
  const packet = manager.pendingQueue[0];
  if (packet === undefined || packet.request.header?.xid !== xid) return;
  const answer = packet.callback;
  packet.callback = (_error, response) => answer(new UnknownReply(code), response);
}

function checkEvent(frame: Buffer): void {
  const type = frame.length >= AT.payload + 4 ? frame.readInt32BE(AT.payload) : null;
  if (type === null || type < EVENT_TYPES.first || type > EVENT_TYPES.last)
    throw new Error(`a watch event of type ${type} is not one we asked for`);
}
