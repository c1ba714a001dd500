/** PURE. Durations as people write them in the config: a whole number with one unit, `500ms` `2s` `5m` `1h` `7d`. */

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

export const DURATION = /^(\d{1,12})(ms|s|m|h|d)$/;

/** Milliseconds, or null when the text is no duration. */
export function parseDuration(text: string): number | null {
  const match = DURATION.exec(text);
  if (match === null) return null;
  return Number(match[1]) * UNITS[match[2] as keyof typeof UNITS];
}

/** The shortest exact way to write `ms`: 90000 is `90s`, 120000 is `2m`. */
export function formatDuration(ms: number): string {
  const unit = (['d', 'h', 'm', 's'] as const).find((name) => ms >= UNITS[name] && ms % UNITS[name] === 0) ?? 'ms';
  return `${ms / UNITS[unit]}${unit}`;
}
