/**
 * How many old workers a HAProxy has: those that reloads left, and that end with their last session. Each costs the memory of a worker. The master
 * counts its own; of a HAProxy without a master socket of ours, the processes of this host that were started with the same managed folder are counted.
 */
import { readdir, readFile } from 'node:fs/promises';
import type { ReloadWay } from '../model/proxy-config.ts';
import { masterProcesses } from './master.ts';
import { isHaproxy, processStatus } from './process-status.ts';

export interface OldWorkersInput {
  readonly way: ReloadWay | null;
  readonly binary: string;
  readonly managed: string;
  /** The pid of the worker that answers. */
  readonly living: number;
}

/** null: it cannot be told from here (the master does not answer, or HAProxy's processes are not to be seen). */
export async function countOldWorkers({ way, binary, managed, living }: OldWorkersInput): Promise<number | null> {
  if (way?.kind === 'master') {
    const master = await masterProcesses(way.socket).catch(() => null);
    // After a failed reload on 3.x the one that serves is among them.
    return master === null ? null : master.oldWorkers.filter((pid) => pid !== living).length;
  }
  const parents = await processesOf(binary, managed);
  if (!parents.has(living)) return null;
  const masters = new Set(parents.values());
  return [...parents.keys()].filter((pid) => pid !== living && !masters.has(pid)).length;
}

/** The HAProxy processes that were started with this folder: pid → parent's pid. */
async function processesOf(binary: string, managed: string): Promise<ReadonlyMap<number, number>> {
  const parents = new Map<number, number>();
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^[1-9]\d*$/.test(name)).map(Number);
  for (const pid of pids) {
    if (!(await isHaproxy(pid, binary))) continue;
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    const status = words.includes(managed) ? await processStatus(pid) : null;
    if (status !== null) parents.set(pid, status.parent);
  }
  return parents;
}
