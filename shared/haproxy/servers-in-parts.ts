/**
 * `show servers state` read part by part, with a turn of the event loop for everybody else in between: 10,000 servers in one go would hold it up for 50 ms
 * and more.
 */
import { setImmediate } from 'node:timers/promises';
import type { ObservedServer } from '../model/observed.ts';
import { parseServersState } from './parse-servers.ts';

/** Some 1,000 servers, 5 ms. */
const PART_CHARS = 80_000;

/** As parseServersState gives it, and throws. */
export async function serversInParts(text: string): Promise<Map<string, Map<string, ObservedServer>> | null> {
  const second = text.indexOf('\n', text.indexOf('\n') + 1) + 1;
  if (text.length <= PART_CHARS || second === 0) return parseServersState(text);
  const head = text.slice(0, second);
  const all = new Map<string, Map<string, ObservedServer>>();
  for (let at = second; at < text.length; ) {
    const newline = text.indexOf('\n', at + PART_CHARS);
    const end = newline < 0 ? text.length : newline + 1;
    const part = parseServersState(head + text.slice(at, end));
    if (part === null) return null;
    for (const [backend, servers] of part) {
      const known = all.get(backend);
      if (known === undefined) all.set(backend, servers);
      else for (const [name, server] of servers) known.set(name, server);
    }
    at = end;
    await setImmediate();
  }
  return all;
}
