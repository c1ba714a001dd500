/** PURE. What of a log is to be cut, and when a checkpoint is due. */
import type { EventId } from '../model/ids.ts';
import { eventTime } from '../model/ids.ts';
import type { Retain } from '../model/retain.ts';

/** Of what there is room for, so much is used when there was too much: the next cut is then not the next moment's. */
const FILL = 0.9;

export interface StreamSize {
  readonly length: number;
  readonly bytes: number;
}

/** Events that a stream may have. */
export interface Limits {
  /** Half of these since the last checkpoint make the next one due. */
  readonly soft: number;
  /** More are too many. */
  readonly hard: number;
}

export interface ServiceStream extends StreamSize {
  readonly first: EventId | null;
  /** Entries that it ever had. */
  readonly added: number;
  readonly cursor: EventId | null;
  readonly older: Mark | null;
  readonly newer: Mark | null;
}

/** A checkpoint: where it stands, when it was taken, how many entries there had been by then. */
export interface Mark {
  readonly cursor: EventId;
  readonly at: number;
  readonly added: number;
}

export type Step = 'rotate' | 'promote';

/** All streams together may have `retain.bytes`: who has most gives first. */
export function limitsOf<T extends StreamSize>(streams: readonly T[], retain: Retain): Map<T, Limits> {
  const total = streams.reduce((sum, { bytes }) => sum + bytes, 0);
  const level = total > retain.bytes ? waterLevel(streams, retain.bytes * FILL) : Number.POSITIVE_INFINITY;
  return new Map(
    streams.map((stream) => {
      const { length, bytes } = stream;
      const share = total === 0 ? Number.POSITIVE_INFINITY : Math.floor((length * retain.bytes) / total);
      const room = bytes > level ? Math.floor((length * level) / bytes) : Number.POSITIVE_INFINITY;
      return [stream, { soft: Math.min(retain.events, Math.max(1, share)), hard: Math.min(retain.events, room) }] as const;
    }),
  );
}

/** The bytes that each may have at most, so that all together have `room`. */
function waterLevel(streams: readonly StreamSize[], room: number): number {
  const sorted = streams.map(({ bytes }) => bytes).sort((a, b) => a - b);
  let left = room;
  for (const [index, bytes] of sorted.entries()) {
    const level = left / (sorted.length - index);
    if (bytes > level) return level;
    left -= bytes;
  }
  return Number.POSITIVE_INFINITY;
}

/**
 * rotate: the newer checkpoint becomes the older one, the present becomes the newer one; promote: only the first of that. Both cut the log up to the
 * older one, so that between half of what may be kept and all of it stays behind it. null: nothing is to be done.
 */
export function nextStep(stream: ServiceStream, { soft, hard }: Limits, age: number, now: number): Step | null {
  const { length, first, added, cursor, older, newer } = stream;
  if (cursor === null) return null;
  const last = newer ?? older;
  const since = last === null ? length : added - last.added;
  const aged = last === null ? ageOf(first, now) : now - last.at;
  const unknown = older === null && added !== length;
  const over = length > hard || ageOf(first, now) > age || unknown;
  const moved = cursor !== last?.cursor;
  if (moved && (over || (length > 0 && (since >= soft / 2 || aged >= age / 2)))) return 'rotate';
  if (over && newer !== null) return 'promote';
  return null;
}

function ageOf(id: EventId | null, now: number): number {
  return id === null ? 0 : now - eventTime(id);
}
