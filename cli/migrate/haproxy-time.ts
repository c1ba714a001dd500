/** PURE. HAProxy's times (manual, 2.5) as pointsman writes durations. */
import { formatDuration } from '../../shared/config/duration.ts';

const UNITS_MS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** null: no time. Without a unit it is milliseconds; microseconds are rounded up to one. */
export function durationOf(text: string): string | null {
  const match = /^(\d{1,12})(us|ms|s|m|h|d)?$/.exec(text);
  if (match === null) return null;
  return formatDuration(Math.ceil(Number(match[1]) * (UNITS_MS[match[2] ?? 'ms'] ?? 1)));
}

/** Of Synapse's and Nerve's own options, which are seconds; null: no such number. */
export function secondsOf(value: unknown): string | null {
  const seconds = typeof value === 'string' && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value;
  return typeof seconds === 'number' && Number.isFinite(seconds) && seconds >= 0 ? formatDuration(Math.round(seconds * 1_000)) : null;
}
