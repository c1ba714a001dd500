/** PURE. `show stat <backend number> 4 -1` and `show servers conn <backend>`: how busy the servers of a backend are. */
import { errorReply, parseTable, type Row, unreadable, wholeNumber } from './parse-table.ts';

const STATISTICS = 'show stat';

/** Sessions of each server, running and queued for it. */
export function parseStatisticSessions(text: string): Map<string, number> {
  const rows = serverRows(text, ['qcur', 'scur']);
  return new Map(rows.map((row) => [row('svname'), wholeNumber(STATISTICS, row('scur')) + countIn(row('qcur'))]));
}

export interface ServerStatistics {
  /** Connections at once; 0: no limit. */
  readonly maxConn: number;
  readonly backup: boolean;
}

/** By server name. */
export function parseStatisticOptions(text: string): Map<string, ServerStatistics> {
  const rows = serverRows(text, ['slim', 'bck']);
  return new Map(rows.map((row) => [row('svname'), { maxConn: countIn(row('slim')), backup: countIn(row('bck')) > 0 }]));
}

/** Rows of type 2: servers. */
function serverRows(text: string, columns: readonly string[]): Row[] {
  const error = errorReply(text);
  if (error !== null) throw unreadable(STATISTICS, error);
  return parseTable(STATISTICS, text, ['svname', 'type', ...columns], ',').filter((row) => row('type') === '2');
}

function countIn(text: string): number {
  return text === '' ? 0 : wholeNumber(STATISTICS, text);
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
