/** PURE. `show servers state` (management guide; format 1, from 2.6 to 3.4): the servers as this worker has them. */
import { isFileServer } from '../model/file-server.ts';
import type { ObservedServer } from '../model/observed.ts';
import { errorReply, parseTable, type Row, unreadable, wholeNumber } from './parse-table.ts';
import { shown } from './protocol.ts';

const WHAT = 'show servers state';
const FORMAT = '1';
const COLUMNS = [
  'be_name',
  'srv_id',
  'srv_name',
  'srv_addr',
  'srv_op_state',
  'srv_admin_state',
  'srv_uweight',
  'srv_check_status',
  'srv_check_result',
  'srv_check_state',
  'srv_port',
  'srv_check_port',
  'srv_check_addr',
  'srv_agent_state',
  'srv_agent_addr',
  'srv_agent_port',
] as const;

/** srv_admin_state: forced, inherited, by DNS. Bit 4 only says that the config began it so; it stays when the server is ready. */
const MAINT = 1 | 2 | 32;
/** forced, inherited */
const DRAIN = 8 | 16;
/** srv_check_state, srv_agent_state */
const CHECK_CONFIGURED = 2;
const CHECK_ENABLED = 4;
const CHECK_PAUSED = 8;
/**
 * srv_check_status: 0 to 2 are those of a check that never ended; what follows says how the last one ended, and stays while the next one is out.
 * These are good: layer 4, layer 6, layer 7, layer 7 with a condition, a program.
 */
const STATUS_ENDED = 3;
const STATUS_PASSED: ReadonlySet<number> = new Set([6, 9, 15, 16, 20]);
const OPERATIONS = ['stopped', 'starting', 'running', 'stopping'] as const;

/** By backend, then by server. null: there is no such backend (when one was asked for). Backends without servers are not listed. */
export function parseServersState(text: string): Map<string, Map<string, ObservedServer>> | null {
  const error = errorReply(text);
  if (error !== null) {
    if (/^Can't find backend\.?$/.test(error.trim())) return null;
    throw unreadable(WHAT, error);
  }
  const end = text.indexOf('\n');
  const format = text.slice(0, Math.max(end, 0));
  if (format !== FORMAT) throw unreadable(WHAT, `format ${shown(format === '' ? text : format)}`);
  const backends = new Map<string, Map<string, ObservedServer>>();
  for (const row of parseTable(WHAT, text.slice(end + 1), COLUMNS, ' ')) {
    const server = parseServer(row);
    if (isFileServer(server.name)) continue;
    const backend = row('be_name');
    const servers = backends.get(backend) ?? new Map<string, ObservedServer>();
    servers.set(server.name, server);
    backends.set(backend, servers);
  }
  return backends;
}

function parseServer(row: Row): ObservedServer {
  const admin = wholeNumber(WHAT, row('srv_admin_state'));
  const checkState = wholeNumber(WHAT, row('srv_check_state'));
  const agentState = wholeNumber(WHAT, row('srv_agent_state'));
  const operation = OPERATIONS[wholeNumber(WHAT, row('srv_op_state'))];
  if (operation === undefined) throw unreadable(WHAT, `srv_op_state ${row('srv_op_state')}`);
  return {
    name: row('srv_name'),
    id: wholeNumber(WHAT, row('srv_id')),
    address: row('srv_addr'),
    port: wholeNumber(WHAT, row('srv_port')),
    weight: wholeNumber(WHAT, row('srv_uweight')),
    admin: (admin & MAINT) !== 0 ? 'maint' : (admin & DRAIN) !== 0 ? 'drain' : 'ready',
    operation,
    check: (checkState & CHECK_CONFIGURED) === 0 ? 'none' : lastResult(row),
    checkPort: wholeNumber(WHAT, row('srv_check_port')),
    checkAddress: addressIn(row('srv_check_addr')),
    checking: (checkState & CHECK_ENABLED) !== 0 && (checkState & CHECK_PAUSED) === 0,
    agent:
      (agentState & CHECK_ENABLED) === 0
        ? null
        : { address: addressIn(row('srv_agent_addr')), port: wholeNumber(WHAT, row('srv_agent_port')) },
  };
}

function addressIn(text: string): string | null {
  return text === '-' ? null : text;
}

/**
 * How the last check that ended did. srv_check_result: 2 failed, 3 passed, 4 passed with a condition; it is 0 as well for as long as a check is out,
 * which with a hung server is most of the time.
 */
function lastResult(row: Row): ObservedServer['check'] {
  const result = wholeNumber(WHAT, row('srv_check_result'));
  const status = wholeNumber(WHAT, row('srv_check_status'));
  if (result >= 2) return result === 2 ? 'failed' : 'passed';
  if (status < STATUS_ENDED) return 'pending';
  return STATUS_PASSED.has(status) ? 'passed' : 'failed';
}
