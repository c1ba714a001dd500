/** `--for 30m` of what an operator begins, and how its end is told. */
import { parseDuration } from '../shared/config/duration.ts';
import { PointsmanError } from '../shared/errors.ts';
import { printable } from './printable.ts';

const FOR_MAX_MS = 365 * 86_400_000;

/** `command` ends it. */
export function endText(until: number | null, command: string): string {
  return until === null ? `until \`${command}\`` : `until ${new Date(until).toISOString()}`;
}

/** `--for`, as the moment when it is over, ms since the epoch; null: it has no end. @throws PointsmanError USAGE */
export function untilOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  const ms = parseDuration(text);
  if (ms !== null && ms > 0 && ms <= FOR_MAX_MS) return Date.now() + ms;
  const why =
    ms === 0
      ? 'is no time at all'
      : ms !== null
        ? 'is longer than 365 days'
        : /^\d+[.,]\d+/.test(text)
          ? 'is no whole number'
          : 'is no duration';
  throw new PointsmanError('USAGE', `--for ${printable(text)} ${why}`, {
    hint: ms !== null && ms > 0 ? 'at most 365d; without --for it lasts until it is ended' : 'a whole number with a unit: 90m, 2h, 1d',
    retry: 'after',
  });
}
