/**
 * PURE. What somebody set on HAProxy by hand and pointsman leaves so, and the record by which it is told from what pointsman set itself. Kept with the
 * backend's snapshot, so that it is read and written with what is read and written anyway.
 */
import type { WorkerIdentity } from './observed.ts';

/** What of a server is as somebody set it; what is missing is as desired. */
export interface ByHand {
  readonly admin?: 'drain' | 'maint';
  /** 0..256 */
  readonly weight?: number;
  /** As HAProxy prints it. */
  readonly address?: string;
  readonly port?: number;
  /** 0: no limit. */
  readonly maxConn?: number;
  readonly deleted?: true;
  /** No instance of ours stands for it; `admin` is how it is, and the rest is not looked at. */
  readonly foreign?: true;
}

export interface Override extends ByHand {
  /** Its name in HAProxy. */
  readonly server: string;
  /** When it was first seen so, ms since the epoch. */
  readonly since: number;
}

/** How a backend was left by the last look. */
export interface Looked {
  /** The process that had it so (`workerWord`). */
  readonly worker: string;
  /** The run of Redis that it was kept in: another one may have lost what was kept since. */
  readonly redis: string;
  /** The revision of the desired state that it was compared with. */
  readonly revision: number;
  /** The service's `server.maxConn` then. */
  readonly maxConn: number | null;
  /** Servers had a limit then that no `server.maxConn` gives: they are asked for it once more, also if none may ask for one now. */
  readonly limited?: true;
  /**
   * Servers that were not as desired, or not known to be: under way, waited for, or of nobody. Of all others a difference that is seen later is somebody
   * else's. null: too many to name.
   */
  readonly open: readonly string[] | null;
  /** By server name, sorted. */
  readonly overrides: readonly Override[];
}

/** As many as servers of a large backend: some 200 KB, while so much is under way. */
export const OPEN_MAX = 10_000;
/** In the log, where nothing is decided by them. */
export const OPEN_LOGGED_MAX = 256;
/** Kept of one backend. What is beyond is left alone too, by what each look finds and by the managed file, and is not shown. */
export const OVERRIDES_MAX = 1_000;

export function workerWord({ pid, startTime }: WorkerIdentity): string {
  return `${pid}@${startTime}`;
}

/** For people: what was set. */
export function overrideText({ admin, weight, address, port, maxConn, deleted, foreign }: ByHand): string {
  const words = [
    ...(foreign === true ? ['foreign server'] : []),
    ...(deleted === true ? ['deleted'] : []),
    ...(admin === undefined ? [] : [admin]),
    ...(weight === undefined ? [] : [`weight ${weight}`]),
    ...(address === undefined ? [] : [`address ${address} port ${port}`]),
    ...(maxConn === undefined ? [] : [`maxconn ${maxConn}`]),
  ];
  return words.join(', ');
}

/** For people, as a sentence. */
export function overrideSentence(override: ByHand): string {
  if (override.foreign === true) return 'somebody added it on HAProxy';
  if (override.deleted === true) return 'somebody deleted it on HAProxy';
  return `somebody set it to ${overrideText(override)} on HAProxy`;
}
