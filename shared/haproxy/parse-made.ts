/** PURE. The map of what was made in a worker at runtime: `show map`, and `get map` of one backend. */
import { type Loaded, parseLoaded } from './parse-process.ts';
import { errorReply } from './parse-table.ts';

const ENTRY = /^0x[0-9a-f]+ (\S+) (\S+)$/gm;
const FOUND = /^type=\S+, case=\S+, found=yes, idx=\S+, key="[^"]*", value="([^"]*)"/m;

/** Empty: nothing was made in it, or it is a version that has no such map. */
export function parseMade(text: string): Map<string, Loaded> {
  if (errorReply(text) !== null) return new Map();
  return new Map([...text.matchAll(ENTRY)].map(([, name = '', value = '']) => [name, parseLoaded(value)]));
}

/** null: it was not made at runtime. */
export function parseMadeOne(text: string): Loaded | null {
  const value = errorReply(text) === null ? FOUND.exec(text)?.[1] : undefined;
  return value === undefined ? null : parseLoaded(value);
}
