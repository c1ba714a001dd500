/**
 * PURE. The map of what was made in a worker at runtime: `show map`, and `get map` of one backend. A worker without the map has made nothing; any other
 * refusal throws HAPROXY_STATE_UNREADABLE, because what was made would be taken for somebody else's.
 */
import { type Loaded, parseLoaded } from './parse-process.ts';
import { errorReply, unreadable } from './parse-table.ts';
import { MADE_MAP } from './protocol.ts';

const ENTRY = /^0x[0-9a-f]+ (\S+) (\S+)$/gm;
const FOUND = /^type=\S+, case=\S+, found=yes, idx=\S+, key="[^"]*", value="([^"]*)"/m;

/** Empty: nothing was made in it, or it is a version that has no such map. */
export function parseMade(text: string): Map<string, Loaded> {
  if (hasNoMap(text)) return new Map();
  return new Map([...text.matchAll(ENTRY)].map(([, name = '', value = '']) => [name, parseLoaded(value)]));
}

/** null: it was not made at runtime. */
export function parseMadeOne(text: string): Loaded | null {
  const value = hasNoMap(text) ? undefined : FOUND.exec(text)?.[1];
  return value === undefined ? null : parseLoaded(value);
}

function hasNoMap(text: string): boolean {
  const error = errorReply(text);
  if (error === null) return false;
  if (/^Unknown map identifier/.test(error)) return true;
  throw unreadable(`map ${MADE_MAP}`, error);
}
