/** A moment of a log as people name it: an event's id, a time (ISO 8601, or ms since the epoch), or how long ago (`10m`). */
import { parseDuration } from '../shared/config/duration.ts';
import { PointsmanError } from '../shared/errors.ts';
import type { EventId } from '../shared/model/ids.ts';

/** Above every sequence number that a log gives out. */
const LAST_OF_MS = 9_007_199_254_740_991;

/** first: the least id of that moment; last: the greatest. @throws PointsmanError USAGE */
export function parseMoment(text: string, end: 'first' | 'last', now: number): EventId {
  if (/^\d{1,16}-\d{1,16}$/.test(text)) return text;
  const ms = timeOf(text, now);
  if (ms === null) {
    throw new PointsmanError('USAGE', `${JSON.stringify(text)} is no moment`, {
      hint: 'an event id (1764000000000-0), a time (2026-03-12T03:12:00Z), or how long ago (10m)',
      retry: 'terminal',
    });
  }
  return `${ms}-${end === 'first' ? 0 : LAST_OF_MS}`;
}

function timeOf(text: string, now: number): number | null {
  if (/^\d{10,16}$/.test(text)) return Number(text);
  const ago = parseDuration(text);
  if (ago !== null) return Math.max(0, now - ago);
  if (!/^\d{4}-\d{2}-\d{2}/.test(text)) return null;
  const ms = Date.parse(text);
  return Number.isNaN(ms) || ms < 0 ? null : ms;
}
