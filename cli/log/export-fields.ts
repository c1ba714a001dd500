/** PURE. A line of an export as fields, and what may be wrong with it. */
import { isRecord } from '../../shared/model/event-form.ts';
import { EVENT_TIME_MAX, type EventId, eventTime } from '../../shared/model/ids.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** What is wrong with a line. */
export class Defect extends Error {}

const EVENT_ID = /^\d{1,16}-\d{1,16}$/;

/** As a stream gives them out, of a time that a date can be. */
export function isEventId(value: unknown): value is EventId {
  return typeof value === 'string' && EVENT_ID.test(value) && eventTime(value) <= EVENT_TIME_MAX;
}

/** null: it is no JSON object. */
export function parsed(text: string): Fields | null {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}

/** The JSON text that follows the prefix, byte for byte. */
export function rest(text: string, prefix: string): string {
  if (!text.startsWith(prefix)) throw new Defect('its keys are not in the order in which an export has them');
  return text.slice(prefix.length, -1);
}

export function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string';
}
