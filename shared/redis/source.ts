/** Who says what stands in a log: the role, and the process that has it. */
import { hostname } from 'node:os';

/** `watcher:<host>:<pid>`. */
export function sourceOf(role: 'watcher' | 'observer' | 'transition' | 'reconciler'): string {
  return `${role}:${hostname()}:${process.pid}`;
}
