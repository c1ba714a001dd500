/**
 * The reloads that a command of ours makes: the operator's own (`systemctl reload haproxy`), or a new HAProxy that takes over with `-sf`.
 * Run without a shell. What they print goes to our log file, and is the reason when they fail.
 */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { PointsmanError } from '../errors.ts';
import type { RuntimeAddress } from '../model/proxy-config.ts';
import { alertsOf, environmentOf, toolMissing } from './config-check.ts';
import { RELOAD_DEADLINE_MS, reloadFailed } from './master.ts';
import { ProcessLog } from './process-log.ts';
import { isHaproxy, processStatus } from './process-status.ts';

export interface ReloadInput {
  readonly binary: string;
  readonly base: string | null;
  readonly managed: string;
  /** The runtime socket: a new process takes the listening sockets through it (`-x`). */
  readonly runtime: RuntimeAddress;
  /** Who answers there now: a pid file that names neither it nor its master is another HAProxy's, which is not ours to end. */
  readonly worker?: number;
  readonly signal?: AbortSignal;
  readonly deadlineMs?: number;
}

const REASON_CHARACTERS_MAX = 2_000;

export async function reloadByCommand(argv: readonly string[], input: ReloadInput): Promise<void> {
  const [command, ...rest] = argv;
  if (command === undefined) throw reloadFailed('reloadCommand is empty');
  const { ended, output } = await run(command, rest, input);
  if (ended !== 'code 0') throw reloadFailed(`${argv.join(' ')} ended with ${ended}\n${lastOf(output)}`.trim());
}

/**
 * The way of `haproxy -D … -sf $(cat pidFile)`. The new process asks the old one for its listening sockets, which only works when its
 * runtime socket has `expose-fd listeners`; without that it binds them afresh, and connections of that moment can be lost.
 */
export async function reloadByTakeover(pidFile: string, input: ReloadInput): Promise<void> {
  const pids = await livingPids(pidFile, input);
  const argv = startArguments(pidFile, input);
  const old = ['-sf', ...pids.map(String)];
  const sockets = input.runtime.kind === 'unix' ? ['-x', input.runtime.path] : [];
  let { ended, output } = await run(input.binary, [...argv, ...sockets, ...old], input);
  if (ended !== 'code 0' && sockets.length > 0 && /Failed to get the sockets/.test(output)) {
    ({ ended, output } = await run(input.binary, [...argv, ...old], input));
  }
  if (ended !== 'code 0') throw reloadFailed(alertsOf(output).join('\n').slice(0, REASON_CHARACTERS_MAX) || `haproxy ended with ${ended}`);
}

/**
 * After a takeover whose new process did not stay: the old one has given its listeners up, and nobody else would start another. For when no process
 * answers any more. One that lives is never given another beside it: both would have the listeners, each with files of its own.
 * Throws HAPROXY_START_FAILED.
 */
export async function startAgain(pidFile: string, input: ReloadInput): Promise<void> {
  const [living] = await runningOf(pidFile, input.binary);
  if (living !== undefined) {
    throw new PointsmanError(
      'HAPROXY_START_FAILED',
      `no HAProxy was started beside pid ${living} of ${pidFile}, which lives and does not answer`,
      {
        hint: 'look whether its runtime socket is still there; if it does not serve, end it and start HAProxy by hand',
        retry: 'after',
      },
    );
  }
  const { ended, output } = await run(input.binary, startArguments(pidFile, input), input);
  if (ended === 'code 0') return;
  throw new PointsmanError(
    'HAPROXY_START_FAILED',
    `HAProxy did not start: ${alertsOf(output).join('; ').slice(0, REASON_CHARACTERS_MAX) || ended}`,
    {
      hint: 'start it by hand; haproxy.log in the managed folder has all that it printed',
      retry: 'after',
    },
  );
}

function startArguments(pidFile: string, { base, managed }: ReloadInput): string[] {
  return ['-D', ...(base === null ? [] : ['-f', base]), '-f', managed, '-p', pidFile];
}

/**
 * Only what is a HAProxy now, and ours: a stale file can name a pid that is somebody else's by now, and `-sf` would end it.
 */
async function livingPids(pidFile: string, { binary, worker }: ReloadInput): Promise<number[]> {
  const living = await runningOf(pidFile, binary);
  if (living.length === 0) throw reloadFailed(`no HAProxy of ${pidFile} is running`);
  if (worker !== undefined && !(await includesWorker(living, worker)))
    throw reloadFailed(
      `${pidFile} names pid ${living.join(' ')}, but pid ${worker} answers on the runtime socket: it is another HAProxy's file`,
    );
  return living;
}

/** The processes that a pid file names and that are HAProxy. Throws HAPROXY_RELOAD_FAILED: it cannot be read. */
export async function runningOf(pidFile: string, binary: string): Promise<number[]> {
  const text = await readFile(pidFile, 'utf8').catch((error: Error) => {
    throw reloadFailed(`the pid file cannot be read: ${error.message}`, error);
  });
  const pids = text.split(/\s+/).filter((word) => /^[1-9]\d{0,9}$/.test(word));
  const running: number[] = [];
  for (const pid of pids.map(Number)) if (await isHaproxy(pid, binary)) running.push(pid);
  return running;
}

async function includesWorker(pids: readonly number[], worker: number): Promise<boolean> {
  return pids.includes(worker) || pids.includes((await processStatus(worker))?.parent ?? 0);
}

/**
 * Runs a command that may leave a HAProxy behind: its output goes to the log file, never to a pipe that the daemon would keep. A command
 * that is late or no longer wanted is killed.
 */
async function run(command: string, argv: readonly string[], input: ReloadInput): Promise<{ ended: string; output: string }> {
  const log = new ProcessLog(input.managed);
  const offset = await log.size();
  const file = await log.open();
  try {
    const signal = AbortSignal.any([AbortSignal.timeout(input.deadlineMs ?? RELOAD_DEADLINE_MS), ...(input.signal ? [input.signal] : [])]);
    const child = spawn(command, [...argv], {
      stdio: ['ignore', file.fd, file.fd],
      env: environmentOf(process.env),
      signal,
      killSignal: 'SIGKILL',
    });
    const ended = await new Promise<string>((resolve, reject) => {
      child.once('error', (error) =>
        reject(signal.aborted ? reloadFailed(`${command} did not end in time, and was killed`, error) : toolMissing(command, error)),
      );
      child.once('exit', (code, by) => resolve(by === null ? `code ${code}` : `signal ${by}`));
    });
    return { ended, output: await log.since(offset) };
  } finally {
    await file.close();
  }
}

function lastOf(output: string): string {
  return output.trim().slice(-REASON_CHARACTERS_MAX);
}
