/** PURE. `show stat <backend> 4 -1` and `show servers conn <backend>`: how busy the servers of a backend are. */
import { errorReply, parseTable, unreadable, wholeNumber } from './parse-table.ts';

/** Sessions of each server, running and queued for it. null: no such backend. */
export function parseStatisticSessions(text: string): Map<string, number> | null {
  const what = 'show stat';
  const error = errorReply(text);
  if (error !== null) {
    if (/^No such proxy\.?$/.test(error.trim())) return null;
    throw unreadable(what, error);
  }
  const sessions = new Map<string, number>();
  for (const row of parseTable(what, text, ['svname', 'qcur', 'scur', 'type'], ',')) {
    if (row('type') !== '2') continue;
    const queued = row('qcur') === '' ? 0 : wholeNumber(what, row('qcur'));
    sessions.set(row('svname'), wholeNumber(what, row('scur')) + queued);
  }
  return sessions;
}

export interface ServerConnections {
  /** Connections with a session on them. */
  readonly used: number;
  /** Kept open in the pool for the next request. */
  readonly idle: number;
}

/** null: no such backend. */
export function parseServerConnections(text: string): Map<string, ServerConnections> | null {
  const what = 'show servers conn';
  const error = errorReply(text);
  if (error !== null) {
    if (/^Can't find backend\.?$/.test(error.trim())) return null;
    throw unreadable(what, error);
  }
  const connections = new Map<string, ServerConnections>();
  for (const row of parseTable(what, text, ['bkname/svname', 'used_cur', 'idle_cur'], ' ')) {
    const path = row('bkname/svname');
    const used = wholeNumber(what, row('used_cur'));
    connections.set(path.slice(path.indexOf('/') + 1), { used, idle: wholeNumber(what, row('idle_cur')) });
  }
  return connections;
}
