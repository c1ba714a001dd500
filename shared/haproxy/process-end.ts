/**
 * The end of a HAProxy that we started, in bounded time: its sessions are let end, then they are cut. All of it together is END_MS, which is what a
 * stopping pointsman has to spare; who lets HAProxy finish for longer would leave it half stopped, its listeners closed.
 */
import type { SocketAddress } from '../model/proxy-config.ts';
import { pause } from '../runtime/wait.ts';
import { masterProcesses } from './master.ts';
import { type ProcessStatus, processStatus, stillRuns } from './process-status.ts';

/** ms to say which workers there are. */
const ASK_MS = 200;
/** ms from SIGUSR1 (sessions may end, listeners are closed) to SIGTERM (sessions are cut), and from there to SIGKILL. */
const GRACE_MS = 1_500;
const TERM_MS = 1_000;
const KILL_MS = 300;
const LOOK_EVERY_MS = 25;

/** ms after which `endHaproxy` is done, whatever HAProxy does. */
export const END_MS = ASK_MS + GRACE_MS + TERM_MS + KILL_MS;

/** Ends the master and its workers; a worker that is left when its master is gone is killed too. */
export async function endHaproxy(master: ProcessStatus, socket: SocketAddress): Promise<void> {
  const known = await masterProcesses(socket, ASK_MS).catch(() => null);
  const pids = known?.pid === master.pid ? [...known.workers, ...known.oldWorkers] : [];
  const workers = (await Promise.all(pids.map(processStatus))).filter((status) => status !== null);
  if (!(await end([master], 'SIGUSR1', GRACE_MS))) await end([master], 'SIGTERM', TERM_MS);
  await end([master, ...workers], 'SIGKILL', KILL_MS);
}

/** Whether all have ended within this time of the signal; those that have ended already are not signalled. */
async function end(processes: readonly ProcessStatus[], signal: NodeJS.Signals, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms;
  let left = await running(processes);
  for (const { pid } of left) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended meanwhile, or is not ours to signal: the look below tells.
    }
  }
  while (left.length > 0 && performance.now() < deadline) {
    await pause(LOOK_EVERY_MS);
    left = await running(left);
  }
  return left.length === 0;
}

async function running(processes: readonly ProcessStatus[]): Promise<ProcessStatus[]> {
  const runs = await Promise.all(processes.map(stillRuns));
  return processes.filter((_, index) => runs[index]);
}
