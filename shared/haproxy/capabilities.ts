/** PURE. What a HAProxy of a given version can do (its `Version:` of `show info`). Versions: doc/management.txt and the CHANGELOG of each branch. */
import { PointsmanError } from '../errors.ts';
import type { Capabilities } from '../model/capabilities.ts';

/** Throws HAPROXY_STATE_UNREADABLE for what is no version. */
export function capabilitiesOf(version: string): Capabilities {
  const match = /^(\d{1,3})\.(\d{1,3})(?!\d)/.exec(version);
  if (match === null) {
    throw new PointsmanError('HAPROXY_STATE_UNREADABLE', `not a HAProxy version: ${JSON.stringify(version.slice(0, 80))}`, {
      hint: 'is the runtime socket one of HAProxy 2.6 or newer?',
      retry: 'after',
    });
  }
  const major = Number(match[1]);
  const minor = Number(match[2]);
  const since = (wantedMajor: number, wantedMinor: number): boolean =>
    major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
  return { version, major, minor, initState: since(3, 1), waitRemovable: since(3, 0), poolsByDefault: since(3, 0) };
}
