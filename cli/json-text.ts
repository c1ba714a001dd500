/** PURE. A value as JSON for stdout: what a terminal would act on, and JSON leaves as it is, is escaped; the value stays the same. */

/** Control, format and line separators beyond those that JSON escapes itself; line feeds are its own indentation. */
const UNSAFE = /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

export function jsonText(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(UNSAFE, escapedChar);
}

/** The same on one line, for one value a line. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, escapedChar);
}

function escapedChar(char: string): string {
  return [...Array(char.length).keys()].map((at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`).join('');
}
