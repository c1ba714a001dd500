/**
 * PURE. How a value may be shown in an error. Secrets stay out: nothing at or below `zookeeper.auth`, a check's `auth` or the registrar's token, no password of a URL, and
 * no text that came out of `${…}` is printed; what was written in the file is shown instead.
 */

const SHOWN_LENGTH_MAX = 80;

/** `text` as one printable word: control and format characters escaped, long ones cut. */
export function quoted(text: string): string {
  const cut = text.length > SHOWN_LENGTH_MAX ? `${text.slice(0, SHOWN_LENGTH_MAX)}…` : text;
  return JSON.stringify(cut).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}

/** `path` is the key's path; `written` is the file's own text when `value` was replaced, otherwise null. */
export function shown(value: unknown, path: readonly PropertyKey[], written: string | null): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  if (isSecret(path)) return 'a value (masked)';
  if (written !== null) return `${quoted(written)} as set`;
  if (typeof value !== 'string') return JSON.stringify(value);
  return quoted(withoutPassword(value, path[0] === 'redis'));
}

/** A key where a secret belongs, or a secret written one level too high. */
export function isSecret(path: readonly PropertyKey[]): boolean {
  return (
    (path[0] === 'zookeeper' && path[1] === 'auth') ||
    (path[0] === 'register' && path.includes('auth')) ||
    (path[0] === 'registrar' && path[1] === 'token')
  );
}

/** Whatever stands before the last `@` of a URL may be a password, in redis also when the URL is misspelt, and in its query. */
function withoutPassword(text: string, redis: boolean): string {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text)?.[0] ?? null;
  if (scheme === null && !redis) return text;
  const at = text.lastIndexOf('@');
  const masked = at < 0 ? text : `${scheme ?? ''}***${text.slice(at)}`;
  return redis ? masked.replace(/\?.*$/s, '?***') : masked;
}
