/**
 * PURE. Stand-ins: a server that must be made anew is replaced new before old. A stand-in with the new options is added beside it and checked; the old one
 * leaves; the new one is added under the old one's name and id; the stand-in leaves. So requests always have somewhere to go, and names and ids stay.
 */
import { SERVER_ID_MAX } from '../model/desired.ts';

const SUFFIX = '-next';

/** The name of a server's stand-in: no instance's, since theirs end with a port. */
export function standInName(server: string): string {
  return `${server}${SUFFIX}`;
}

/** The server that a stand-in stands in for; null: it is none. */
export function stoodInFor(name: string): string | null {
  return name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : null;
}

/** Half the range away from the server's own id, or the next that is free: another place of a hash ring, and none that is soon allotted. */
export function standInId(id: number, taken: (id: number) => boolean): number {
  let candidate = ((id + SERVER_ID_MAX / 2 - 1) % SERVER_ID_MAX) + 1;
  while (taken(candidate)) candidate = (candidate % SERVER_ID_MAX) + 1;
  return candidate;
}

/** How many of a service's servers are replaced at a time: a tenth of them, at least one. */
export function replacedAtOnce(servers: number): number {
  return Math.max(1, Math.floor(servers / 10));
}
