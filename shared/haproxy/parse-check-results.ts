/** PURE. `show stat <backend number> 4 -1`: what the last check of each server found, in HAProxy's words (manual, 9.1: check_status, check_code, last_chk). */
import { errorReply, parseTable, unreadable } from './parse-table.ts';

const STATISTICS = 'show stat';
const RUNNING = /^\* /;

/**
 * By server, such as `L7STS 404: Not Found` or `L4CON: Connection refused`. A server without a check has none. The last part may be the checked service's own
 * words: whoever keeps or prints it escapes and bounds it.
 */
export function parseCheckResults(text: string): Map<string, string> {
  const error = errorReply(text);
  if (error !== null) throw unreadable(STATISTICS, error);
  const columns = ['svname', 'type', 'check_status', 'check_code', 'last_chk', 'check_desc'];
  const found = new Map<string, string>();
  for (const row of parseTable(STATISTICS, text, columns, ',')) {
    const status = row('check_status').replace(RUNNING, '');
    if (row('type') !== '2' || status === '') continue;
    const code = row('check_code') === '' ? status : `${status} ${row('check_code')}`;
    const words = row('last_chk') === '' ? row('check_desc') : row('last_chk');
    found.set(row('svname'), words === '' ? code : `${code}: ${words}`);
  }
  return found;
}
