/** Which process a pid stands for, read from /proc (Linux). A pid alone says little: it is given to another process once its owner has ended. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';

export interface ProcessStatus {
  readonly pid: number;
  /** At most 15 characters of the executable's name. */
  readonly command: string;
  readonly parent: number;
  /** In the kernel's ticks since boot: with the pid, one process and no other. */
  readonly startTime: string;
}

const COMMAND_CHARACTERS = 15;

/** null: no such process, or one that has ended and is only not collected by its parent yet. */
export async function processStatus(pid: number): Promise<ProcessStatus | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const match = /^\d+ \((.*)\) (\S) (.*)$/s.exec(stat);
  if (match === null) return null;
  const [, command, state, rest] = match as unknown as [string, string, string, string];
  // The start time is the 22nd field; `rest` begins with the 4th, the parent.
  const fields = rest.split(' ');
  return state === 'Z' || state === 'X' ? null : { pid, command, parent: Number(fields[0]), startTime: fields[18] ?? '' };
}

/** Whether it is there still: that very process, not another one that was given its pid. */
export async function stillRuns(known: ProcessStatus): Promise<boolean> {
  return (await processStatus(known.pid))?.startTime === known.startTime;
}

/** Whether the process is a HAProxy: by this binary's name, or as `haproxy`, which a wrapper may have become. */
export async function isHaproxy(pid: number, binary: string): Promise<boolean> {
  const command = (await processStatus(pid))?.command;
  return command !== undefined && (command === 'haproxy' || command === basename(binary).slice(0, COMMAND_CHARACTERS));
}
