/** PURE. An entry of a stream of events, a service's or a proxy's, as the event that it holds. Both have format 1 (shared/model/event.ts). */
import { must, PointsmanError } from '../errors.ts';
import { EVENT_FORMAT, type Logged } from '../model/event.ts';
import { type EventId, eventTime } from '../model/ids.ts';

/** @throws PointsmanError LOG_EVENT_UNKNOWN for an entry of a later format. */
export function decodeEntry<E>(id: EventId, fields: readonly string[]): Logged<E> {
  const entry = new Map<string, string>();
  for (let at = 0; at + 1 < fields.length; at += 2) entry.set(fields[at] as string, fields[at + 1] as string);
  if (entry.get('v') !== String(EVENT_FORMAT)) {
    throw new PointsmanError('LOG_EVENT_UNKNOWN', `event ${id} has format ${entry.get('v')}, this version reads ${EVENT_FORMAT}`, {
      hint: 'run the newest pointsman on every host',
      retry: 'after',
    });
  }
  const event = { type: entry.get('type'), ...(JSON.parse(must(entry.get('data'), 'the data of an event')) as object) } as E;
  return { id, time: eventTime(id), event };
}
