/** PURE. Sizes as people write them in the config: a whole number with one unit of 1024, `64KB` `256MB` `2GB`. */

const UNITS = { KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 } as const;

export const SIZE = /^(\d{1,9})(KB|MB|GB)$/;

/** Bytes, or null when the text is no size. */
export function parseSize(text: string): number | null {
  const match = SIZE.exec(text);
  if (match === null) return null;
  return Number(match[1]) * UNITS[match[2] as keyof typeof UNITS];
}
