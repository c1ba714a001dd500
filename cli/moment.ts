/**
 * A moment as people name it, the same for every command: `2026-03-01T03:12:07` (of this terminal's time zone, unless it names one), `03:12[:07]` of today,
 * ms since the epoch, `-10m`, `10m` or `10m ago`, or an event's id. `now` comes in.
 */
import { parseDuration } from '../shared/config/duration.ts';
import { PointsmanError } from '../shared/errors.ts';
import { type EventId, eventTime } from '../shared/model/ids.ts';

/** Above every sequence number that a log gives out. */
const LAST_OF_MS = 9_007_199_254_740_991;
const EVENT_ID = /^\d{1,16}-\d{1,16}$/;
const EPOCH_MS = /^\d{10,16}$/;
const AGO = /^(?:-(\d+[a-z]+)|(\d+[a-z]+)(?: ago)?)$/;
const TIME_OF_DAY = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?$/;
const ISO = /^(\d{4})-(\d{2})-(\d{2})(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/;

export const MOMENT_HELP = `TIME is 2026-03-01T03:12:07 (this time zone, unless it names one), 03:12[:07] of today, ms since the epoch, 10m (ago), or an event's id.`;

/** first: the least id of that moment; last: the greatest. @throws PointsmanError USAGE */
export function parseMoment(text: string, end: 'first' | 'last', now: number): EventId {
  return EVENT_ID.test(text) ? text : `${timeOf(text, now)}-${end === 'first' ? 0 : LAST_OF_MS}`;
}

/** ms since the epoch; not after `now`. @throws PointsmanError USAGE */
export function pastTime(text: string, now: number): number {
  const at = timeOf(text, now);
  if (at > now) throw usage(`${JSON.stringify(text)} is yet to come`, 'a time of another day needs its date: 2026-03-01T03:12');
  return at;
}

function timeOf(text: string, now: number): number {
  const at = EVENT_ID.test(text)
    ? eventTime(text)
    : EPOCH_MS.test(text)
      ? Number(text)
      : (before(text, now) ?? ofToday(text, now) ?? ofDate(text));
  if (at !== null && Number.isSafeInteger(at) && at >= 0) return at;
  throw usage(
    `${JSON.stringify(text)} is no time`,
    'write 2026-03-01T03:12:07, 03:12 (of today), 10m (ago), ms since the epoch, or an event id (1764000000000-0)',
  );
}

function before(text: string, now: number): number | null {
  const match = AGO.exec(text);
  const ms = match === null ? null : parseDuration(match[1] ?? match[2] ?? '');
  return ms === null || ms > now ? null : now - ms;
}

function ofToday(text: string, now: number): number | null {
  const match = TIME_OF_DAY.exec(text);
  if (match === null) return null;
  const [hours, minutes, seconds] = [match[1], match[2], match[3] ?? '0'].map(Number) as [number, number, number];
  if (hours > 23 || minutes > 59 || seconds > 59) return null;
  return new Date(now).setHours(hours, minutes, seconds, Number((match[4] ?? '0').padEnd(3, '0')));
}

function ofDate(text: string): number | null {
  const match = ISO.exec(text);
  if (match === null) return null;
  // A date alone is that of this time zone too, like a time without a zone.
  const at = Date.parse(text.length === 10 ? `${text}T00:00` : text.replace(' ', 'T'));
  const days = new Date(Number(match[1]), Number(match[2]), 0).getDate();
  return Number.isNaN(at) || Number(match[3]) > days ? null : at;
}

function usage(message: string, hint: string): PointsmanError {
  return new PointsmanError('USAGE', message, { hint, retry: 'terminal' });
}
