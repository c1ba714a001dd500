/** Who acts. */
import { hostname, userInfo } from 'node:os';

/** Who acts, for the log. */
export function operator(): string {
  return `${userInfo().username}@${hostname()}`;
}
