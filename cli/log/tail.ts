/** The entries that `log tail` shows: those of the chosen streams in the order of their time, the last ones or from a moment on, and what follows. */

import { isRecord } from '../../shared/model/event-form.ts';
import { compareEventIds, type EventId } from '../../shared/model/ids.ts';
import type { Entry } from '../../shared/model/log-item.ts';
import type { LogTail, StreamName } from '../../shared/redis/log-tail.ts';
import { pause } from '../../shared/runtime/wait.ts';
import { isAbout } from './entry-text.ts';

const PAGE = 200;
/** ms between two looks at what is new. */
const FOLLOW_EVERY_MS = 300;
/** And while there is none to be had. */
const AWAY_EVERY_MS = 1_000;
/** Looks after which new streams are looked for. */
const STREAMS_EVERY = 10;

export interface TailFilter {
  readonly service: string | null;
  readonly proxy: string | null;
  readonly instance: string | null;
  /** null: all. */
  readonly types: readonly string[] | null;
}

export interface Shown {
  readonly stream: StreamName;
  readonly entry: Entry;
}

interface Position {
  readonly stream: StreamName;
  after: EventId;
}

/** Those named; without a name, all. With both a service and a proxy: the service's own, and of the proxy's what is about the service. */
export function isChosen({ of, name }: StreamName, { service, proxy }: TailFilter): boolean {
  if (service === null && proxy === null) return true;
  return of === 'service' ? name === service : name === proxy;
}

/** The last `count` of them all, oldest first. */
export async function lastEntries(tail: LogTail, streams: readonly StreamName[], filter: TailFilter, count: number): Promise<Shown[]> {
  const found: Shown[] = [];
  for (const stream of streams) {
    let older: EventId | null = null;
    let taken = 0;
    for (;;) {
      const page: Entry[] = await tail.before(stream, older, PAGE);
      for (const entry of page) {
        if (taken >= count || !passes({ stream, entry }, filter)) continue;
        found.push({ stream, entry });
        taken += 1;
      }
      older = page.at(-1)?.id ?? null;
      if (page.length < PAGE || taken >= count) break;
    }
  }
  return inOrder(found).slice(-count);
}

/** From an id on (inclusive), oldest first; memory is a page of each stream. */
export async function* entriesSince(
  tail: LogTail,
  streams: readonly StreamName[],
  filter: TailFilter,
  since: EventId,
): AsyncGenerator<Shown> {
  const heads = streams.map((stream) => ({ stream, after: before(since), page: [] as Entry[], ended: false }));
  for (;;) {
    const empty = heads.filter(({ page, ended }) => page.length === 0 && !ended);
    const pages = await tail.after(
      empty.map(({ stream, after }) => [stream, after] as const),
      PAGE,
    );
    for (const [index, head] of empty.entries()) {
      head.page = pages[index] ?? [];
      head.after = head.page.at(-1)?.id ?? head.after;
      head.ended = head.page.length < PAGE;
    }
    const next = heads
      .filter(({ page }) => page.length > 0)
      .reduce<(typeof heads)[number] | null>((a, b) => (a === null || earlier(b, a) ? b : a), null);
    if (next === null) return;
    const entry = next.page.shift();
    if (entry !== undefined && passes({ stream: next.stream, entry }, filter)) yield { stream: next.stream, entry };
  }
}

/** Where each stream has been shown up to. */
export class Positions {
  readonly #positions = new Map<string, Position>();

  /** Their ends as they are now. */
  static async atEnds(tail: LogTail, streams: readonly StreamName[]): Promise<Positions> {
    const positions = new Positions();
    for (const stream of streams) positions.add(stream, (await tail.before(stream, null, 1))[0]?.id ?? '0-0');
    return positions;
  }

  get all(): readonly Position[] {
    return [...this.#positions.values()];
  }

  has(stream: StreamName): boolean {
    return this.#positions.has(keyOf(stream));
  }

  add(stream: StreamName, after: EventId): void {
    this.#positions.set(keyOf(stream), { stream, after });
  }

  shown({ stream, entry }: Shown): void {
    const position = this.#positions.get(keyOf(stream));
    if (position !== undefined && compareEventIds(entry.id, position.after) > 0) position.after = entry.id;
  }
}

/** Whoever follows is told, once, when there is nothing to be had for a while, and when that is over. */
export interface Outage {
  /** false: what went wrong is no outage, and is thrown, also while there is one. */
  readonly isOutage: (error: unknown) => boolean;
  readonly away: () => void;
  readonly back: () => void;
}

/** What comes after these positions, until `signal`. Streams that come into being meanwhile are shown from their first entry. */
export async function* follow(
  tail: LogTail,
  positions: Positions,
  filter: TailFilter,
  outage: Outage,
  signal: AbortSignal,
): AsyncGenerator<Shown> {
  let isAway = false;
  for (let look = 1; !signal.aborted; look += 1) {
    try {
      const { found, more } = await lookOn(tail, positions, filter, look % STREAMS_EVERY === 0);
      if (isAway) outage.back();
      isAway = false;
      yield* inOrder(found.filter((one) => passes(one, filter)));
      if (more) continue;
    } catch (error) {
      if (!outage.isOutage(error)) throw error;
      if (!isAway) outage.away();
      isAway = true;
    }
    await pause(isAway ? AWAY_EVERY_MS : FOLLOW_EVERY_MS, signal);
  }
}

async function lookOn(
  tail: LogTail,
  positions: Positions,
  filter: TailFilter,
  newStreams: boolean,
): Promise<{ readonly found: readonly Shown[]; readonly more: boolean }> {
  if (newStreams) {
    for (const stream of await tail.streams()) if (isChosen(stream, filter) && !positions.has(stream)) positions.add(stream, '0-0');
  }
  const all = positions.all;
  const pages = await tail.after(
    all.map(({ stream, after }) => [stream, after] as const),
    PAGE,
  );
  const found = all.flatMap(({ stream }, index) => (pages[index] ?? []).map((entry) => ({ stream, entry })));
  for (const one of found) positions.shown(one);
  return { found, more: pages.some((page) => page.length === PAGE) };
}

function passes({ stream, entry }: Shown, { service, instance, types }: TailFilter): boolean {
  if (types !== null && !types.includes(entry.type)) return false;
  if (instance !== null && !isAbout(entry, instance)) return false;
  return stream.of === 'service' || service === null || (isRecord(entry.data) && entry.data['service'] === service);
}

function inOrder(shown: readonly Shown[]): Shown[] {
  return shown.toSorted((a, b) => compareEventIds(a.entry.id, b.entry.id));
}

function earlier(a: { readonly page: readonly Entry[] }, b: { readonly page: readonly Entry[] }): boolean {
  return compareEventIds(a.page[0]?.id ?? '0-0', b.page[0]?.id ?? '0-0') < 0;
}

/** The greatest id below. */
function before(id: EventId): EventId {
  const [ms = 0, seq = 0] = id.split('-').map(Number);
  if (seq > 0) return `${ms}-${seq - 1}`;
  return ms > 0 ? `${ms - 1}-${Number.MAX_SAFE_INTEGER}` : '0-0';
}

function keyOf({ of, name }: StreamName): string {
  return `${of} ${name}`;
}
