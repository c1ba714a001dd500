/** A time of a log in words. What a file or a snapshot says may be no time at all. */
import { EVENT_TIME_MAX } from '../shared/model/ids.ts';

/** ISO 8601; for what no date can be, the number. */
export function instantText(ms: number): string {
  return Math.abs(ms) <= EVENT_TIME_MAX ? new Date(ms).toISOString() : `${ms} ms`;
}
