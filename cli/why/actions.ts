/**
 * PURE. Which of the commands on a proxy's record belongs to which chapter of an instance: those of a look belong to the first chapter that the look
 * knew of and the look before it did not (one that gave proxies something to do, if there is one); those of later looks to the last.
 */

import type { Logged } from '../../shared/model/event.ts';
import { compareEventIds, type EventId, type ProxyId } from '../../shared/model/ids.ts';
import type { ProxyEvent } from '../../shared/model/proxy-event.ts';
import { OUTSIDE } from '../../shared/plan/overrides.ts';
import { type Chapter, changesProxies } from './history.ts';
import type { Action } from './report.ts';

/** One proxy's own events of one service, oldest first. */
export interface ProxyRecord {
  readonly proxy: ProxyId;
  readonly events: readonly Logged<ProxyEvent>[];
  /** Whether it goes back as far as the chapters do. */
  readonly whole: boolean;
}

type Look = ProxyEvent & { readonly type: 'patching' | 'synced' };

/** For each chapter, what was done for it on this proxy, in order. `at`: the server as commands name it, `backend/server`. */
export function actionsOf(chapters: readonly Chapter[], record: ProxyRecord, at: string): Action[][] {
  return new Assignment(chapters, record, at).actions;
}

class Assignment {
  readonly actions: Action[][];
  readonly #chapters: readonly Chapter[];
  readonly #proxy: ProxyId;
  readonly #at: string;
  /** Chapters that no look has brought in place yet. */
  readonly #due: Set<number>;
  /** Commands that wait for their answer: where they stand. */
  #open: { chapter: number; action: number }[] = [];
  /** Everything was as it should be, and this worker has been there since. */
  #settled = false;
  /** What the last look knew of. */
  #cursor: EventId | null = null;

  constructor(chapters: readonly Chapter[], { proxy, events }: ProxyRecord, at: string) {
    this.#chapters = chapters;
    this.#proxy = proxy;
    this.#at = at;
    this.actions = chapters.map(() => []);
    this.#due = new Set(chapters.flatMap((chapter, index) => (changesProxies(chapter) ? [index] : [])));
    for (const { event, time } of events) this.#take(event, time);
  }

  #take(event: ProxyEvent, time: number): void {
    switch (event.type) {
      case 'patching': {
        const chapter = this.#chapterOf(event, time);
        const ours = event.commands.filter(({ command }) => this.#isOurs(command));
        // A server that has left is deleted when its sessions have ended.
        const leaves = ours.some(({ command }) => command.startsWith('del server '));
        const repairs = this.#settled && !leaves && !this.#isDue(event, time);
        this.#open = [];
        for (const { command, reason: why } of ours)
          this.#add(
            chapter,
            {
              at: time,
              kind: 'command',
              text: command,
              reason: repairs && !why.endsWith(OUTSIDE) ? `${why}${OUTSIDE}` : why,
              outcome: null,
              reply: null,
              ms: null,
            },
            true,
          );
        this.#settled = false;
        this.#cursor = event.cursor ?? this.#cursor;
        return;
      }
      case 'commands':
        return this.#answer(event, time);
      case 'synced':
        for (const index of this.#due) {
          if (!this.#knew(event, time, index)) continue;
          this.#due.delete(index);
          this.#add(index, stood(time, 'in-sync', 'as it should be'));
        }
        this.#settled = true;
        this.#cursor = event.cursor ?? this.#cursor;
        return;
      case 'worker':
        this.#settled = false;
        return;
      case 'drifted':
        return this.#explain(stood(time, event.type, event.detail));
      case 'reload-wanted':
      case 'reloading':
      case 'reloaded':
      case 'blocked':
      case 'unreachable':
        this.#settled = false;
        return this.#explain(stood(time, event.type, event.detail));
    }
  }

  #answer({ results }: ProxyEvent & { type: 'commands' }, time: number): void {
    for (const { command, reason, outcome, reply, ms } of results.filter((result) => this.#isOurs(result.command))) {
      const place = this.#open.find(({ chapter, action }) => {
        const announced = this.actions[chapter]?.[action];
        return announced?.text === command && announced.outcome === null;
      });
      const announced = place === undefined ? undefined : this.actions[place.chapter]?.[place.action];
      if (place !== undefined && announced !== undefined)
        this.actions[place.chapter]?.splice(place.action, 1, { ...announced, outcome, reply, ms });
      else this.#add(this.#lastBefore(time), { at: time, kind: 'command', text: command, reason, outcome, reply, ms });
    }
    this.#open = [];
  }

  /** What stood in the way of the last chapter that is not in place. */
  #explain(action: Omit<Action, 'proxy'>): void {
    const waiting = [...this.#due].filter((index) => (this.#chapters[index]?.event.time ?? 0) <= action.at);
    this.#add(waiting.at(-1) ?? -1, action);
  }

  #add(chapter: number, action: Omit<Action, 'proxy'>, open = false): void {
    const actions = this.actions[chapter];
    if (actions === undefined) return;
    actions.push({ proxy: this.#proxy, ...action });
    if (open) this.#open.push({ chapter, action: actions.length - 1 });
  }

  #chapterOf(look: Look, time: number): number {
    const known = this.#chapters.flatMap((_, index) => (this.#knew(look, time, index) ? [index] : []));
    const before = this.#cursor;
    // A record of an earlier version does not say what it knew of.
    const fresh = look.cursor && before !== null ? known.filter((index) => compareEventIds(this.#id(index), before) > 0) : [];
    return fresh.find((index) => this.#due.has(index)) ?? fresh[0] ?? known.findLast((index) => this.#due.has(index)) ?? known.at(-1) ?? -1;
  }

  #knew(look: Look, time: number, index: number): boolean {
    if (look.cursor) return compareEventIds(this.#id(index), look.cursor) <= 0;
    return (this.#chapters[index]?.event.time ?? 0) <= time;
  }

  /** Whether the look has something to do for a chapter. */
  #isDue(look: Look, time: number): boolean {
    return [...this.#due].some((index) => this.#knew(look, time, index));
  }

  #lastBefore(time: number): number {
    return this.#chapters.findLastIndex(({ event }) => event.time <= time);
  }

  #id(index: number): EventId {
    return this.#chapters[index]?.event.id ?? '0-0';
  }

  #isOurs(command: string): boolean {
    return command.split(' ').includes(this.#at);
  }
}

function stood(at: number, kind: string, text: string): Omit<Action, 'proxy'> {
  return { at, kind, text, reason: null, outcome: null, reply: null, ms: null };
}
