/** PURE. What stands in the way of a whole service, or of the knowledge about it. */
import type { ServiceSnapshot } from '../../machines/service.ts';
import { pathText } from '../../shared/model/service-path.ts';
import type { Reason } from './report.ts';

export interface ServiceFacts {
  /** null: nothing of it was folded yet. */
  readonly snapshot: ServiceSnapshot | null;
  /** Whether this host's config has it. */
  readonly inConfig: boolean;
  /** Watchers that listen now; null: it is a moment of the past. */
  readonly watchers: number | null;
  /** Since when the watchers that run are all cut off from Zookeeper, ms; null or missing: they are not, or it is a moment of the past. */
  readonly cutOff?: number | null;
  /** Events that are not folded yet, and when the oldest was written; null: a moment of the past. */
  readonly unfolded: { readonly events: number; readonly more: boolean; readonly since: number | null } | null;
}

export function serviceReasons({ snapshot, inConfig, watchers, unfolded, cutOff = null }: ServiceFacts): Reason[] {
  const reasons: Reason[] = [];
  const add = (code: string, text: string, since: number | null = null, until: number | null = null): void => {
    reasons.push({ code, text, proxy: null, since, until });
  };
  const config = snapshot?.config ?? null;
  if (config === null) {
    const unheard = watchers === null ? 'nothing of the service was in the log by then' : 'no watcher has published it';
    const nothing = inConfig ? `${unheard} (this host's config has it)` : unheard;
    add('service-not-configured', snapshot === null ? nothing : 'no watcher has it in its config any more');
  } else if (snapshot?.complete === false)
    add('service-not-read', `${pathText(config.path)} was never read completely: who is not known may only not have been heard of`);
  if (watchers === 0) add('watcher-absent', 'no watcher runs: what changes in Zookeeper is not seen');
  else if (cutOff !== null) add('watcher-cut-off', 'the watcher is cut off from Zookeeper: what changes there is not seen', cutOff);
  if (unfolded !== null && unfolded.events > 0) {
    const events = `${unfolded.events}${unfolded.more ? ' or more' : ''} ${unfolded.events === 1 ? 'event' : 'events'}`;
    add('not-folded', `${events} of its log wait for a transition worker`, unfolded.since);
  }
  const guard = snapshot?.guard;
  if (guard !== undefined && guard.state !== 'open') {
    const { losses, since, timer } = guard.context;
    const text = guard.state === 'releasing' ? 'the guard lets go of what it kept, one by one' : 'the guard keeps those that went at once';
    add('held', `${text} (${losses.length} held)`, since, timer?.at ?? null);
  }
  return reasons;
}
