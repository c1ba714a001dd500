/** PURE. Whatever stands in an old config, as text: what was to be a text may be a number, and what was to be either anything. */
export function oldText(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === undefined || value === null ? '' : JSON.stringify(value);
}
