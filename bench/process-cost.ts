/** What a process has used, as the kernel counts it (proc(5)). */
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { clock } from './clock.ts';

export interface ProcessCost {
  /** ms, of `clock`. */
  readonly at: number;
  /** ms of CPU since its start, user and system. */
  readonly cpuMs: number;
  /** Resident, MiB. */
  readonly megabytes: number;
}

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
/** `utime` and `stime`, counted behind the command's name, which may hold anything. */
const UTIME = 11;
const STIME = 12;

export async function processCost(pid: number): Promise<ProcessCost> {
  const [stat, status] = await Promise.all([readFile(`/proc/${pid}/stat`, 'utf8'), readFile(`/proc/${pid}/status`, 'utf8')]);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[UTIME]) + Number(fields[STIME]);
  return { at: clock(), cpuMs: (ticks / TICKS_PER_SECOND) * 1000, megabytes: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024 };
}
