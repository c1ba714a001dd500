/** PURE. `show stat <backend number> 4 -1` and `show servers conn <backend>`: how busy the servers of a backend are. */
import { errorReply, parseTable, unreadable, wholeNumber } from './parse-table.ts';

/** Sessions of each server, running and queued for it. */
export function parseStatisticSessions(text: string): Map<string, number> {
  const what = 'show stat';
  const error = errorReply(text);
  if (error !== null) throw unreadable(what, error);
  const sessions = new Map<string, number>();
  for (const row of parseTable(what, text, ['svname', 'qcur', 'scur', 'type'], ',')) {
    if (row('type') !== '2') continue;
    const queued = row('qcur') === '' ? 0 : wholeNumber(what, row('qcur'));
    sessions.set(row('svname'), wholeNumber(what, row('scur')) + queued);
  }
  return sessions;
}

/** maxconn of each server; 0: none. */
export function parseStatisticLimits(text: string): Map<string, number> {
  const what = 'show stat';
  const error = errorReply(text);
  if (error !== null) throw unreadable(what, error);
  const servers = parseTable(what, text, ['svname', 'slim', 'type'], ',').filter((row) => row('type') === '2');
  return new Map(servers.map((row) => [row('svname'), row('slim') === '' ? 0 : wholeNumber(what, row('slim'))]));
}

export interface BackendConnections {
  /** The backend's number in this worker; null: unknown, since it has no servers. */
  readonly number: number | null;
  /** By server: connections with a session on them. Those that are kept open for the next request are not counted. */
  readonly used: ReadonlyMap<string, number>;
}

/** null: no such backend. */
export function parseServerConnections(text: string): BackendConnections | null {
  const what = 'show servers conn';
  const error = errorReply(text);
  if (error !== null) {
    if (/^Can't find backend\.?$/.test(error.trim())) return null;
    throw unreadable(what, error);
  }
  let number: number | null = null;
  const used = new Map<string, number>();
  for (const row of parseTable(what, text, ['bkname/svname', 'bkid/svid', 'used_cur'], ' ')) {
    const path = row('bkname/svname');
    number = wholeNumber(what, row('bkid/svid').split('/')[0] ?? '');
    used.set(path.slice(path.indexOf('/') + 1), wholeNumber(what, row('used_cur')));
  }
  return { number, used };
}
