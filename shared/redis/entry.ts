/** PURE. An entry of a stream as an event. */
import { PointsmanError } from '../errors.ts';
import { EVENT_FORMAT, isServiceEventType, type Logged, type ServiceEvent } from '../model/event.ts';
import { asServiceEvent } from '../model/event-form.ts';
import { type EventId, eventTime } from '../model/ids.ts';
import type { Entry } from '../model/log-item.ts';
import type { ProxyEvent } from '../model/proxy-event.ts';

/** As Redis gives its fields. Data that is no JSON is null. */
export function entryOf(id: EventId, fields: readonly string[]): Entry {
  let [v, type, data]: [string, string, unknown] = ['', '', null];
  let [source, cause]: [string | null, EventId | null] = [null, null];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const value = fields[at + 1] as string;
    if (fields[at] === 'v') v = value;
    else if (fields[at] === 'type') type = value;
    else if (fields[at] === 'data') data = parsed(value);
    else if (fields[at] === 'source') source = value;
    else if (fields[at] === 'cause') cause = value;
  }
  return { id, v: Number(v), type, data, source, cause };
}

/** @throws PointsmanError LOG_EVENT_UNKNOWN for an entry of a later format or type, or of no form at all. */
export function decodeEvent(id: EventId, fields: readonly string[]): Logged<ServiceEvent> {
  return loggedEvent(entryOf(id, fields));
}

/** @throws PointsmanError LOG_EVENT_UNKNOWN, as above. */
export function loggedEvent({ id, v, type, data, source, cause }: Entry): Logged<ServiceEvent> {
  if (v !== EVENT_FORMAT) throw unknown(`event ${id} has format ${v}, this version reads ${EVENT_FORMAT}`);
  if (!isServiceEventType(type)) throw unknown(`event ${id} is ${JSON.stringify(type.slice(0, 64))}, which this version does not know`);
  const event = asServiceEvent(type, data);
  if (event === null) throw unknown(`event ${id} has not the form of ${type}`);
  return { id, time: eventTime(id), event, source, cause };
}

/** An entry of a proxy's own stream. @throws PointsmanError LOG_EVENT_UNKNOWN, as above. */
export function decodeProxyEvent(id: EventId, fields: readonly string[]): Logged<ProxyEvent> {
  const { v, type, data, source, cause } = entryOf(id, fields);
  if (v !== EVENT_FORMAT) throw unknown(`event ${id} has format ${v}, this version reads ${EVENT_FORMAT}`);
  if (typeof data !== 'object' || data === null) throw unknown(`event ${id} has not the form of ${type}`);
  return { id, time: eventTime(id), event: { type, ...data } as ProxyEvent, source, cause };
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}

function unknown(message: string): PointsmanError {
  return new PointsmanError('LOG_EVENT_UNKNOWN', message, { hint: 'run the newest pointsman on every host', retry: 'after' });
}
