/**
 * The routes of a worker: entries of the map of the shared frontend, read and changed over its runtime API. A key that is added twice would be there
 * twice, so whoever changes has read before, under the claim. Throws what the connection throws, and HAPROXY_REPLY_UNEXPECTED.
 */
import type { ServiceName } from '../model/ids.ts';
import { BATCH_LINES_MAX, type RuntimeConnection } from './connection.ts';
import { errorReply } from './parse-table.ts';
import { shown, unexpectedReply, withoutNotices } from './protocol.ts';
import { routeKeyWord } from './render-routes.ts';
import { nameWord } from './render-words.ts';

/** Another `service` for a key, or none. */
export interface RouteChange {
  readonly key: string;
  readonly from: ServiceName | null;
  readonly to: ServiceName | null;
}

export interface RouteResult {
  readonly change: RouteChange;
  readonly command: string;
  readonly outcome: 'done' | 'refused';
  readonly reply: string;
}

const UNKNOWN_MAP = /^Unknown map identifier/;
const ENTRY = /^0x[0-9a-f]+ (\S+) (\S+)$/;
/** `get map`: the key that the map has, which may be a shorter one than was asked for. */
const FOUND = /^type=\S+, case=\S+, found=yes, idx=\S+, key="([^"]*)", value="([^"]*)"/m;
const NOT_FOUND = /^type=\S+, case=\S+, found=no$/m;

/** null: the worker has no such map, because it was loaded without the shared frontend. */
export async function readRoutes(connection: RuntimeConnection, map: string): Promise<Map<string, ServiceName> | null> {
  const line = `show map ${map}`;
  const reply = await ask(connection, line);
  if (reply === null) return null;
  const routes = new Map<string, ServiceName>();
  for (const text of reply.split('\n').filter((one) => one !== '')) {
    const [, key, service] = ENTRY.exec(text) ?? [];
    if (key === undefined || service === undefined) throw unexpectedReply(line, text);
    if (!routes.has(key)) routes.set(key, service);
  }
  return routes;
}

/** The service that has exactly this key; null: none has, or there is no such map. */
export async function routeOf(connection: RuntimeConnection, map: string, key: string): Promise<ServiceName | null> {
  const line = `get map ${map} ${routeKeyWord(key)}`;
  const reply = await ask(connection, line);
  if (reply === null || NOT_FOUND.test(reply)) return null;
  const [, found, service] = FOUND.exec(reply) ?? [];
  if (found === undefined || service === undefined) throw unexpectedReply(line, reply);
  return found === key ? service : null;
}

export function routeCommand(map: string, { key, from, to }: RouteChange): string {
  const entry = `${map} ${routeKeyWord(key)}`;
  if (to === null) return `del map ${entry}`;
  return `${from === null ? 'add' : 'set'} map ${entry} ${nameWord(to)}`;
}

export async function changeRoutes(connection: RuntimeConnection, map: string, changes: readonly RouteChange[]): Promise<RouteResult[]> {
  const results: RouteResult[] = [];
  for (let at = 0; at < changes.length; at += BATCH_LINES_MAX) {
    const batch = changes.slice(at, at + BATCH_LINES_MAX);
    const lines = batch.map((change) => routeCommand(map, change));
    const replies = (await connection.send(lines)).map(withoutNotices);
    for (const [index, change] of batch.entries()) {
      const reply = replies[index] ?? '';
      results.push({ change, command: lines[index] ?? '', outcome: reply.trim() === '' ? 'done' : 'refused', reply: shown(reply) });
    }
  }
  return results;
}

async function ask(connection: RuntimeConnection, line: string): Promise<string | null> {
  const [raw = ''] = await connection.send([line]);
  const reply = withoutNotices(raw);
  const error = errorReply(reply);
  if (error === null) return reply;
  if (UNKNOWN_MAP.test(error)) return null;
  throw unexpectedReply(line, reply);
}
