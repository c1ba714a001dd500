/** PURE. How long the end of the registrar takes at most; here, so that what asks for it need not load the role. */
import type { RegisterConfig } from '../../shared/model/register.ts';

/** ms that Zookeeper may take for the first and for the last write of a withdrawal. */
export const WRITE_MS = 2_000;

/** ms */
export function stopWithin(register: readonly RegisterConfig[]): number {
  const longest = Math.max(0, ...register.map(({ drain }) => drain));
  // The session's own end takes a second at most.
  return longest + 3 * WRITE_MS;
}
