/** PURE. The names by which everything else speaks of things. */

/** A configured service; it is also the name of its backend in HAProxy, and, with `:in` behind it, of its frontend. */
export type ServiceName = string;
/** `host:port` as registered, canonical for IP addresses (`[2001:db8::1]:80`); `znode:<name>` when no address could be had. */
export type InstanceId = string;
/** One HAProxy: a master and its workers. */
export type ProxyId = string;
/** The proxies that one set of workers can reach. */
export type PoolName = string;
/** A Redis stream id, `<ms>-<seq>`: an event's id, and its time. */
export type EventId = string;

/** ms since the epoch: the last moment that a date can name. No event's time is beyond it. */
export const EVENT_TIME_MAX = 8_640_000_000_000_000;

/** HAProxy's characters for section and server names (manual: `proxies`), without `:`, at most 64. */
const NAME = /^[A-Za-z0-9_.-]{1,64}$/;

export function isName(text: string): boolean {
  return NAME.test(text);
}

/** Orders stream ids by time, then by sequence. */
export function compareEventIds(a: EventId, b: EventId): number {
  const [aMs, aSeq] = parts(a);
  const [bMs, bSeq] = parts(b);
  return aMs !== bMs ? aMs - bMs : aSeq - bSeq;
}

/** An event's time: the milliseconds of its stream id. */
export function eventTime(id: EventId): number {
  return parts(id)[0];
}

function parts(id: EventId): [ms: number, seq: number] {
  const dash = id.indexOf('-');
  return dash < 0 ? [Number(id), 0] : [Number(id.slice(0, dash)), Number(id.slice(dash + 1))];
}
