/**
 * PURE. A service's log folded up to a moment, by the same fold as production, and what happened meanwhile to the instances that somebody asks about.
 * Keeps the last chapters only, so that a log of any length costs little memory.
 */
import type { Transition } from '../../machines/fold.ts';
import type { InstanceSnapshot } from '../../machines/instance.ts';
import { desiredServer, visibleState } from '../../machines/projection.ts';
import { type Checkpoint, Replay } from '../../machines/replay.ts';
import type { ServiceSnapshot } from '../../machines/service.ts';
import { canonical } from '../../shared/model/canonical.ts';
import type { HealthChange, Logged, ServiceEvent, Verdict } from '../../shared/model/event.ts';
import type { InstanceId, ProxyId } from '../../shared/model/ids.ts';
import { meant } from '../../shared/model/service-path.ts';

/** Of one instance; older ones are counted. */
export const CHAPTERS_MAX = 20;
/** Transitions of the whole service that are told. */
const LATEST_MAX = 10;

/** One event that concerned an instance, and how it stood before and after it. */
export interface Chapter {
  readonly instance: InstanceId;
  readonly event: Logged<ServiceEvent>;
  /** Its state in one word, before and after. */
  readonly from: string;
  readonly to: string;
  /** null: it is not known, or forgotten. */
  readonly before: InstanceSnapshot | null;
  readonly after: InstanceSnapshot | null;
  /** The service's own snapshot after it. */
  readonly service: ServiceSnapshot;
}

export interface Chapters {
  readonly chapters: readonly Chapter[];
  readonly earlier: number;
}

/** What the asker wrote, and the ids that it may stand for. */
export interface Asked {
  /** A znode of this name stands for whatever instance it named. */
  readonly znode: string;
  readonly instances: readonly InstanceId[];
}

export interface VerdictSince {
  readonly verdict: Verdict;
  readonly since: number;
  /** What the check found, in HAProxy's words; null: not known, or not down. */
  readonly detail: string | null;
}

export class History {
  readonly #replay: Replay;
  readonly #asked: Asked | null;
  readonly #chapters = new Map<InstanceId, { chapters: Chapter[]; earlier: number }>();
  readonly #verdicts = new Map<InstanceId, Map<ProxyId, VerdictSince>>();
  readonly #latest: Chapter[] = [];
  #latestEarlier = 0;
  #isEmpty: boolean;
  #configured: number | null = null;
  #complete: number | null = null;

  /** `start`: what held where the log begins; null: it begins with the service. */
  constructor(start: Checkpoint | null, asked: Asked | null) {
    this.#replay = new Replay(start);
    this.#asked = asked;
    this.#isEmpty = start === null;
    for (const id of asked?.instances ?? []) this.#chapters.set(id, { chapters: [], earlier: 0 });
    for (const [id, { context }] of start?.instances ?? [])
      if (asked !== null && meant(asked.znode, Object.keys(context.znodes)).length > 0) this.#follow(id);
  }

  get replay(): Replay {
    return this.#replay;
  }

  /** Whether nothing is known: nothing was folded, and there was nothing to go on from. */
  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /** When the config was last published. */
  get configured(): number | null {
    return this.#configured;
  }

  /** When the service was first read completely. */
  get complete(): number | null {
    return this.#complete;
  }

  step(logged: Logged<ServiceEvent>): void {
    const { event } = logged;
    this.#isEmpty = false;
    if (event.type === 'configured') this.#configured = logged.time;
    if (event.type === 'complete') this.#complete ??= logged.time;
    if ('znode' in event && this.#asked !== null && meant(this.#asked.znode, [event.znode.name]).length > 0) this.#follow(event.instance);
    if (event.type === 'health') this.#hearVerdicts(event.proxy, event.verdicts, logged.time);
    const ids = [...this.#chapters.keys()];
    const before = ids.map((id) => this.#replay.instance(id));
    const named = new Map(this.#asked === null ? namedIn(event).map((id) => [id, this.#replay.instance(id)]) : []);
    const transitions = this.#replay.step(logged);
    for (const [index, instance] of ids.entries()) this.#tell(instance, logged, before[index] ?? null);
    if (this.#asked === null) this.#noteAll(transitions, named, logged);
  }

  /** The instance that was meant: of several that a znode's name stood for, the last one. null: nothing was ever heard of any. */
  meant(): InstanceId | null {
    let meant: InstanceId | null = null;
    let last: Chapter | undefined;
    for (const [id, { chapters }] of this.#chapters) {
      const latest = chapters.at(-1);
      if (latest === undefined || (last !== undefined && latest.event.time < last.event.time)) continue;
      [meant, last] = [id, latest];
    }
    return meant ?? [...this.#chapters.keys()].find((id) => this.#replay.instance(id) !== null) ?? null;
  }

  chaptersOf(instance: InstanceId): Chapters {
    return this.#chapters.get(instance) ?? { chapters: [], earlier: 0 };
  }

  /** The latest transitions of all instances, when none was asked for. */
  latest(): Chapters {
    return { chapters: this.#latest, earlier: this.#latestEarlier };
  }

  verdictsOf(instance: InstanceId): ReadonlyMap<ProxyId, VerdictSince> {
    return this.#verdicts.get(instance) ?? new Map();
  }

  #follow(instance: InstanceId): void {
    if (!this.#chapters.has(instance)) this.#chapters.set(instance, { chapters: [], earlier: 0 });
  }

  #hearVerdicts(proxy: ProxyId, verdicts: readonly HealthChange[], since: number): void {
    for (const { instance, to, detail = null } of verdicts) {
      if (!this.#chapters.has(instance)) continue;
      const known = this.#verdicts.get(instance) ?? new Map<ProxyId, VerdictSince>();
      this.#verdicts.set(instance, known.set(proxy, { verdict: to, since, detail }));
    }
  }

  #tell(instance: InstanceId, event: Logged<ServiceEvent>, before: InstanceSnapshot | null): void {
    const after = this.#replay.instance(instance);
    const named = 'znode' in event.event && event.event.instance === instance;
    if (isMoot(event.event, before)) return;
    const matters = event.event.type === 'health' ? isSeen(before, after) : before !== after;
    const kept = this.#chapters.get(instance);
    if (kept === undefined || (!named && !matters)) return;
    kept.chapters.push({ instance, event, from: stateWord(before), to: stateWord(after), before, after, service: this.#replay.service });
    if (kept.chapters.length <= CHAPTERS_MAX) return;
    kept.chapters.shift();
    kept.earlier += 1;
  }

  /** Transitions, and what people see change without one: a cordon, a quarantine, failing checks. */
  #noteAll(transitions: readonly Transition[], named: ReadonlyMap<InstanceId, InstanceSnapshot | null>, event: Logged<ServiceEvent>): void {
    for (const { instance, from } of transitions) {
      const before = named.get(instance) ?? null;
      this.#note(instance, before === null ? from : stateWord(before), before, event);
    }
    const told = new Set(transitions.map(({ instance }) => instance));
    for (const [instance, before] of named) {
      if (told.has(instance) || isMoot(event.event, before)) continue;
      const [from, to] = [stateWord(before), stateWord(this.#replay.instance(instance))];
      if (from !== to || event.event.type === 'cordoned') this.#note(instance, from, before, event);
    }
  }

  #note(instance: InstanceId, from: string, before: InstanceSnapshot | null, event: Logged<ServiceEvent>): void {
    const after = this.#replay.instance(instance);
    this.#latest.push({ instance, event, from, to: stateWord(after), before, after, service: this.#replay.service });
    if (this.#latest.length <= LATEST_MAX) return;
    this.#latest.shift();
    this.#latestEarlier += 1;
  }
}

/** Whether people, or proxies, see it otherwise: other checks of it tell nothing new. */
function isSeen(before: InstanceSnapshot | null, after: InstanceSnapshot | null): boolean {
  return stateWord(before) !== stateWord(after) || before?.context.behind !== after?.context.behind;
}

/** A cordon that had ended already was taken away: that changes nothing. */
function isMoot({ type }: ServiceEvent, before: InstanceSnapshot | null): boolean {
  return type === 'uncordoned' && before !== null && before.context.cordon === null;
}

/** The instances that an event is about. */
function namedIn(event: ServiceEvent): InstanceId[] {
  if (event.type === 'health') return event.verdicts.map(({ instance }) => instance);
  return 'instance' in event && event.instance !== null ? [event.instance] : [];
}

export function stateWord(snapshot: InstanceSnapshot | null): string {
  return snapshot === null ? 'not registered' : visibleState(snapshot);
}

/** Whether proxies have anything to do for it. */
export function changesProxies({ before, after }: Chapter): boolean {
  return canonical(before === null ? null : desiredServer(before)) !== canonical(after === null ? null : desiredServer(after));
}
