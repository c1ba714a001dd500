/**
 * Who takes part in a reload, and who is to blame when it fails. A reload that fails at a bind stops every listener for about 2 s, and HAProxy
 * often does not say whose bind it was. So services whose joint reload failed are tried by themselves from then on, one a reload; those that
 * have not failed go first. New managed defaults go along with everything: they are tried before the services that failed with them.
 */
import type { PointsmanError } from '../../shared/errors.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import { RETRY_REJECTED_MS, type Rejected, rejectionIn, stampRejectionIn } from './reload-request.ts';

export interface TurnInput {
  /** Services whose section changes, with the structure that they get. */
  readonly changed: ReadonlyMap<ServiceName, string>;
  /** Whether the managed defaults change. */
  readonly restamped: boolean;
  /** The stamp that a worker with our files shows. */
  readonly stamp: string;
  /** What is stored of the proxy. */
  readonly state: Readonly<Record<string, string>>;
  readonly now: number;
  /** What goes no further in the fleet. */
  readonly stopped?: ReadonlyMap<ServiceName, Rejected>;
}

export interface Turn {
  /** Changed services that this reload loads, with their structures. */
  readonly tried: ReadonlyMap<ServiceName, string>;
  /** Changed services that it leaves as they are: refused before, or theirs is another turn. */
  readonly held: ReadonlyMap<ServiceName, Rejected>;
  /** Why nothing is tried at all; null: something is. */
  readonly refused: Rejected | null;
  /** Some are held for no more than this reload. */
  readonly left: boolean;
}

export function takeTurn({ changed, restamped, stamp, state, now, stopped }: TurnInput): Turn {
  const tried = new Map<ServiceName, string>();
  const held = new Map<ServiceName, Rejected>();
  const suspects = new Map<ServiceName, Rejected>();
  for (const [service, structure] of changed) {
    const rejected = rejectionIn(state, service, structure, now);
    const stop = stopped?.get(service);
    if (stop !== undefined) held.set(service, stop);
    else if (rejected !== null && rejected.nextTry > now) held.set(service, rejected);
    else if (rejected?.alone === true) suspects.set(service, rejected);
    else tried.set(service, structure);
  }
  const standing = stampRejectionIn(state, stamp, now);
  const stampHeld = standing !== null && standing.nextTry > now;
  if (stampHeld && (restamped || tried.size + suspects.size === 0)) return { tried: new Map(), held, refused: standing, left: false };
  if (restamped && standing?.alone === true) {
    for (const [service, structure] of tried) held.set(service, { structure, message: standing.message, nextTry: now });
    for (const [service, rejected] of suspects) held.set(service, rejected);
    return { tried: new Map(), held, refused: null, left: tried.size + suspects.size > 0 };
  }
  const [next, ...others] = [...suspects].sort(([, a], [, b]) => a.nextTry - b.nextTry);
  const waiting = tried.size > 0 ? [...suspects] : others;
  if (tried.size === 0 && next !== undefined) tried.set(next[0], next[1].structure);
  for (const [service, rejected] of waiting) held.set(service, rejected);
  return { tried, held, refused: null, left: waiting.length > 0 };
}

export interface Blame {
  readonly services: ReadonlyMap<ServiceName, Rejected>;
  /** undefined: the managed defaults are not to blame. */
  readonly stamp: Rejected | undefined;
  /** There is something to be tried as soon as a reload may be. */
  readonly again: boolean;
}

/** `tried`: the services that were to be loaded. `restamped`: with new managed defaults. */
export function blame(
  error: PointsmanError,
  tried: ReadonlyMap<ServiceName, string>,
  { restamped, stamp, now }: { restamped: boolean; stamp: string; now: number },
): Blame {
  const message = reasonText(error);
  const rejected = (structure: string, alone: boolean, wait: number): Rejected => ({ structure, message, nextTry: now + wait, alone });
  const each = (services: ReadonlyMap<ServiceName, string>, alone: boolean, wait: number): Map<ServiceName, Rejected> =>
    new Map([...services].map(([service, structure]) => [service, rejected(structure, alone, wait)]));
  const withStamp = restamped || tried.size === 0;
  // Of what HAProxy did not do with the files, no file is to blame.
  if (error.code !== 'HAPROXY_RELOAD_FAILED') {
    return {
      services: each(tried, false, RETRY_REJECTED_MS),
      stamp: withStamp ? rejected(stamp, false, RETRY_REJECTED_MS) : undefined,
      again: false,
    };
  }
  const named = new Map([...tried].filter(([service]) => frontendsIn(message).has(service)));
  if (named.size > 0) return { services: each(named, true, RETRY_REJECTED_MS), stamp: undefined, again: named.size < tried.size };
  const joint = tried.size + Number(withStamp) > 1;
  const wait = joint ? 0 : RETRY_REJECTED_MS;
  return { services: each(tried, true, wait), stamp: withStamp ? rejected(stamp, true, wait) : undefined, again: joint };
}

/** What HAProxy said of the files is enough by itself; of what kept it from being asked, people need to know what to do. */
export function reasonText(error: PointsmanError): string {
  return error.code === 'HAPROXY_RELOAD_FAILED' ? error.message : `${error.message}; ${error.hint}`;
}

/** HAProxy: `Starting frontend web:in: cannot bind socket`, later `Binding [file:line] for frontend web:in: …`. */
function frontendsIn(message: string): ReadonlySet<ServiceName> {
  return new Set([...message.matchAll(/frontend '?([A-Za-z0-9_.-]{1,64}):in\b/g)].map((match) => match[1] ?? ''));
}
