/**
 * PURE. Hostile text made safe to print: anything that could move a terminal's cursor, reorder a line, end it, or hide in it
 * becomes visible as \u{...}. Printable letters of every script stay as they are.
 */

/** Characters of the escaped text, the dots included. */
export const ESCAPED_MAX = 200;

/**
 * Controls (C0, C1), the backslash itself, line and paragraph separators, format characters (bidi marks and overrides, zero
 * width, BOM, tags), private use, unassigned, and lone surrogates.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}\\]/u;

/** At most `max` characters; what is cut off is shown as three dots. */
export function escapeText(text: string, max: number = ESCAPED_MAX): string {
  let out = '';
  // No more characters of the input are looked at than could be shown.
  for (const character of text) {
    const shown = escapeCharacter(character);
    if (out.length + shown.length > max) return `${cut(out, max - 3)}...`;
    out += shown;
  }
  return out;
}

function escapeCharacter(character: string): string {
  if (character === '\\') return '\\\\';
  return UNSAFE.test(character) ? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}` : character;
}

/** Never leaves half of a pair. */
function cut(text: string, length: number): string {
  const short = text.slice(0, length);
  return short.isWellFormed() ? short : short.slice(0, -1);
}
