/** PURE. JSON with sorted keys: equal values give equal bytes. Takes what JSON can say (and `undefined` fields, which it leaves out). */

/** Written as it is: nothing in it that JSON escapes. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** By hand: `JSON.stringify` with a replacer that sorts costs four times as much, and this runs for every snapshot of every fold. */
export function canonical(value: unknown): string {
  if (typeof value === 'string') return PLAIN.test(value) ? `"${value}"` : JSON.stringify(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  return Array.isArray(value) ? list(value) : record(value as Record<string, unknown>);
}

function list(items: readonly unknown[]): string {
  let text = '';
  for (const item of items) text += text === '' ? canonical(item) : `,${canonical(item)}`;
  return `[${text}]`;
}

function record(fields: Readonly<Record<string, unknown>>): string {
  let text = '';
  for (const key of inOrder(Object.keys(fields))) {
    const value = fields[key];
    if (value !== undefined) text += `${text === '' ? '' : ','}${canonical(key)}:${canonical(value)}`;
  }
  return `{${text}}`;
}

/** Most are in order already. */
function inOrder(keys: string[]): string[] {
  for (let at = 1; at < keys.length; at += 1) if ((keys[at - 1] as string) > (keys[at] as string)) return keys.sort();
  return keys;
}
