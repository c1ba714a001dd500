/** PURE. Text from outside (znodes, replies) made safe for a terminal: control and format characters are shown, not sent. */

/** Line feeds and tabs are escaped too: the result is one line. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, escaped);
}

function escaped(char: string): string {
  const known: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
  return known[char] ?? `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`;
}
