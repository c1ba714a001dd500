/** PURE. Which installation of pointsman (by `redis.prefix`) a HAProxy, or a backend of it, belongs to. */
import type { ObservedBackend } from '../model/observed.ts';
import { debianLine } from './start-line.ts';

/** The prefix in a stamp (`<prefix>/<proxy>/<hash>`). */
function stampPrefix(stamp: string): string {
  return stamp.split('/')[0] ?? stamp;
}

/** The prefix of another installation whose files a worker was started with; null: they are ours, or none. */
export function anothersStamp(stamp: string | null, prefix: string): string | null {
  if (stamp === null) return null;
  const theirs = stampPrefix(stamp);
  return theirs === prefix ? null : theirs;
}

/** The prefix of another installation that declared the backend, or that the operator gave it to; null: none did. One of an earlier version says it only in the stamp. */
export function anothersPrefix(backend: ObservedBackend | null, stamp: string | null, prefix: string): string | null {
  if (backend === null) return null;
  const owner = backend.owner ?? (backend.structure === null || stamp === null ? null : stampPrefix(stamp));
  return owner === null || owner === prefix ? null : owner;
}

/** Whether a backend is declared by others than the files with the stamp. */
export function isOthers(owner: string | null, stamp: string | null): boolean {
  return owner !== null && stamp !== null && owner !== stampPrefix(stamp);
}

/** Why nothing is done on a HAProxy with this stamp; null: it runs with our files. */
export function whyNotManaged(stamp: string | null, managed: string | null, prefix: string): string | null {
  if (stamp === null)
    return `not started with -f ${managed}: add it to HAProxy's arguments (Debian: ${debianLine(managed ?? '')}) and restart HAProxy`;
  const others = anothersStamp(stamp, prefix);
  return others === null ? null : anothersText(others);
}

/** For people: why nothing is done on a HAProxy. */
export function anothersText(prefix: string): string {
  return `another pointsman installation (prefix ${prefix}) declared it: HAProxy runs with the files of that one`;
}
