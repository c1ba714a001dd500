/**
 * The master's CLI (`haproxy -W -S`): which processes there are, and the reload. From 2.7 on `reload` answers when it is done, with what
 * HAProxy printed; 2.6 closes the connection at once, and `show proc` tells the outcome once the master has executed itself
 * again (until then its socket refuses connections). Management guide, `Master CLI`.
 */
import { connect } from 'node:net';
import { PointsmanError } from '../errors.ts';
import type { SocketAddress } from '../model/proxy-config.ts';
import { pause } from '../runtime/wait.ts';
import { alertsOf } from './config-check.ts';
import { addressText } from './dial.ts';
import { isHaproxy, processStatus, stillRuns } from './process-status.ts';

/** A reload of 10,000 servers took 1.4 s; one that fails to bind 2.1 s. */
export const RELOAD_DEADLINE_MS = 30_000;
const ASK_DEADLINE_MS = 2_000;
/** A master of 10,000 servers was away for 1.4 s. */
const AWAY_MS = 5_000;
const POLL_EVERY_MS = 20;
/** How often it is asked again for a reload while another one, or the start, is under way: 0.1 to 1.4 s. */
const BUSY_EVERY_MS = 100;
const REPLY_BYTES_MAX = 1024 * 1024;
const BUSY = /^Another reload is still in progress\.$/m;

export interface MasterProcesses {
  readonly pid: number;
  /** Reloads since the master started, failed ones included. */
  readonly reloads: number;
  /** Failed reloads since the last good one. */
  readonly failed: number;
  readonly workers: readonly number[];
  /** Left by reloads, and ending when their last session does; after a failed reload on 3.x also the one that serves. */
  readonly oldWorkers: readonly number[];
}

/** PURE. The reply to `show proc`; null: it is none. */
export function parseProcesses(text: string): MasterProcesses | null {
  const master = /^(\d+)\s+master\s+(\d+) \[failed: (\d+)\]/m.exec(text);
  if (master === null) return null;
  const [current = '', old = ''] = text.split('# old workers');
  const workers = (part: string): number[] => [...part.matchAll(/^(\d+)\s+worker\s/gm)].map((match) => Number(match[1]));
  const [pid, reloads, failed] = master.slice(1, 4).map(Number) as [number, number, number];
  return { pid, reloads, failed, workers: workers(current), oldWorkers: workers(old) };
}

/** Throws HAPROXY_UNREACHABLE, HAPROXY_TIMEOUT, HAPROXY_REPLY_UNEXPECTED. */
export async function masterProcesses(socket: SocketAddress, deadlineMs = ASK_DEADLINE_MS): Promise<MasterProcesses> {
  const reply = await ask(socket, 'show proc;quit', deadlineMs);
  const processes = parseProcesses(reply);
  if (processes === null) {
    throw new PointsmanError(
      'HAPROXY_REPLY_UNEXPECTED',
      `${addressText(socket)} answered \`show proc\` with ${JSON.stringify(reply.slice(0, 200))}`,
      {
        hint: 'is this the master socket (`haproxy -W -S`), and not a runtime socket?',
        retry: 'after',
      },
    );
  }
  return processes;
}

/** Resolves when HAProxy says that the new configuration is loaded. Throws HAPROXY_RELOAD_FAILED with its reason, as far as it gives one. */
export async function reloadByMaster(socket: SocketAddress, options: { deadlineMs?: number; signal?: AbortSignal } = {}): Promise<void> {
  const deadline = performance.now() + (options.deadlineMs ?? RELOAD_DEADLINE_MS);
  const before = await masterBack(socket, options.signal);
  // A worker that ends in error takes its master along, and the socket with it. Null: it is not a process that can be seen from here.
  const process = (await isHaproxy(before.pid, 'haproxy')) ? await processStatus(before.pid) : null;
  const reply = await askToReload(socket, deadline, options.signal);
  const outcome = /^Success=([01])$/m.exec(reply)?.[1];
  if (outcome === '1') return;
  if (outcome === '0')
    throw reloadFailed(alertsOf(reply).join('\n') || (BUSY.exec(reply)?.[0] ?? 'the master refused the new configuration'));
  if (reply.trim() !== '') throw reloadFailed(`the master answered ${JSON.stringify(reply.trim().slice(0, 200))}`);
  for (;;) {
    const now = await masterProcesses(socket).catch(() => null);
    if (now !== null && now.reloads > before.reloads) {
      if (now.failed === 0) return;
      throw reloadFailed('the master went back to the old worker; it prints the reason on its stderr only');
    }
    if (now === null && process !== null && !(await stillRuns(process))) throw reloadFailed('the master ended, and its workers with it');
    if (performance.now() > deadline) throw reloadFailed('the master did not say how it ended in time');
    if (options.signal?.aborted) throw reloadFailed('its outcome was not waited for');
    await pause(POLL_EVERY_MS, options.signal);
  }
}

/** From 3.1 on a master whose last worker is still starting refuses, and keeps the connection open: it is asked again until the deadline. */
async function askToReload(socket: SocketAddress, deadline: number, signal?: AbortSignal): Promise<string> {
  for (;;) {
    const reply = await ask(socket, 'reload', deadline - performance.now(), signal, BUSY);
    if (!BUSY.test(reply) || performance.now() > deadline || signal?.aborted) return reply;
    await pause(BUSY_EVERY_MS, signal);
  }
}

/** The master refuses connections while it starts, or executes itself again because of somebody else's reload: it is given a moment. */
async function masterBack(socket: SocketAddress, signal?: AbortSignal): Promise<MasterProcesses> {
  const deadline = performance.now() + AWAY_MS;
  for (;;) {
    try {
      return await masterProcesses(socket);
    } catch (error) {
      if (performance.now() > deadline || signal?.aborted) throw error;
    }
    await pause(POLL_EVERY_MS, signal);
  }
}

export function reloadFailed(reason: string, cause?: unknown): PointsmanError {
  return new PointsmanError('HAPROXY_RELOAD_FAILED', `the reload failed: ${reason}`, {
    hint: "the old worker goes on serving; look at HAProxy's own log, and try `haproxy -c` with the same files",
    retry: 'transient',
    cause,
  });
}

/** One command; everything until the master closes the connection, or until `last` is in it. */
function ask(socket: SocketAddress, command: string, deadlineMs: number, signal?: AbortSignal, last?: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    const connection = connect(socket.kind === 'unix' ? { path: socket.path } : { host: socket.host, port: socket.port });
    let reply = '';
    let sent = false;
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      connection.destroy();
      settle();
    };
    const timer = setTimeout(() => end(() => reject(late(socket, command, deadlineMs))), Math.max(1, deadlineMs));
    const abort = (): void => end(() => reject(reloadFailed('its outcome was not waited for')));
    signal?.addEventListener('abort', abort, { once: true });
    connection.setEncoding('utf8');
    connection.on('connect', () => {
      sent = true;
      connection.write(`${command}\n`);
    });
    connection.on('data', (chunk: string) => {
      reply += chunk;
      if (reply.length > REPLY_BYTES_MAX || last?.test(reply) === true) end(() => resolve(reply));
    });
    // Once the command is sent, a reset is only the master leaving: what it did is asked of it afterwards.
    connection.on('error', (error) => end(() => (sent ? resolve(reply) : reject(unreachable(socket, error)))));
    connection.on('close', () => end(() => resolve(reply)));
  });
}

function unreachable(socket: SocketAddress, cause: Error): PointsmanError {
  return new PointsmanError('HAPROXY_UNREACHABLE', `HAProxy's master socket ${addressText(socket)}: ${cause.message}`, {
    hint: 'start HAProxy with -W and -S <this socket> and let this user open it, or give the proxy reloadCommand or pidFile instead of master',
    retry: 'transient',
    cause,
  });
}

function late(socket: SocketAddress, command: string, ms: number): PointsmanError {
  return new PointsmanError(
    'HAPROXY_TIMEOUT',
    `HAProxy's master socket ${addressText(socket)} did not answer \`${command}\` within ${Math.round(ms)} ms`,
    {
      hint: 'is the master stopped, or its stderr a pipe that nobody reads?',
      retry: 'transient',
    },
  );
}
