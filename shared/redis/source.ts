/** Who says what stands in a log: the role, and the process that has it. */
import { hostname } from 'node:os';

/** Asked once: it is a system call, and every record names its source. */
const PROCESS = `${hostname()}:${process.pid}`;

/** `watcher:<host>:<pid>`. */
export function sourceOf(role: 'watcher' | 'observer' | 'transition' | 'reconciler'): string {
  return `${role}:${PROCESS}`;
}
