/** Times of the day as people at this terminal write and read them: in its own time zone. `now` comes in. */

import { parseDuration } from '../../shared/config/duration.ts';
import { PointsmanError } from '../../shared/errors.ts';

const TIME_OF_DAY = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,3}))?)?$/;
const ISO = /^(\d{4})-(\d{2})-(\d{2})(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/;

/** `2026-03-01T03:12`, with seconds and zone or without; `03:12[:07[.412]]` of today; `-10m`. @throws PointsmanError USAGE */
export function momentOf(text: string, now: number): number {
  const at = text.startsWith('-') ? before(text.slice(1), now) : (ofToday(text, now) ?? ofDate(text));
  if (at === null) throw usage(`${JSON.stringify(text)} is no time`, 'write --at 2026-03-01T03:12:07, --at 03:12 (of today) or --at -10m');
  if (at > now) throw usage(`${JSON.stringify(text)} is yet to come`, 'a time of another day needs its date: --at 2026-03-01T03:12');
  return at;
}

/** `03:12:07.412`; with the date when that is another than that of `now`. */
export function clockText(at: number, now: number): string {
  const [time, today] = [new Date(at), new Date(now)];
  const day =
    time.toDateString() === today.toDateString() ? '' : `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} `;
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':');
  return `${day}${clock}.${String(time.getMilliseconds()).padStart(3, '0')}`;
}

function before(text: string, now: number): number | null {
  const ms = parseDuration(text);
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

function two(number: number): string {
  return String(number).padStart(2, '0');
}

function usage(message: string, hint: string): PointsmanError {
  return new PointsmanError('USAGE', message, { hint, retry: 'terminal' });
}
