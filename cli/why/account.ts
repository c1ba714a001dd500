/** PURE. The answer, put together from a service's history and its proxies' records. */
import type { InstanceSnapshot } from '../../machines/instance.ts';
import { visibleSince, visibleState } from '../../machines/projection.ts';
import type { ServiceSnapshot } from '../../machines/service.ts';
import type { InstanceId, ServiceName } from '../../shared/model/ids.ts';
import { pathText, type ServicePath } from '../../shared/model/service-path.ts';
import { serverName } from '../../shared/znode/address.ts';
import { checkText } from '../status/check-text.ts';
import { counted } from '../status/counted.ts';
import { actionsOf } from './actions.ts';
import { isEarlierUp } from './earlier-paths.ts';
import { type Chapter, changesProxies, type History, stateWord, type VerdictSince } from './history.ts';
import { instanceReasons } from './instance-reasons.ts';
import { type Action, type Link, type Overview, type ProxyStanding, type Reason, WHY_FORMAT, type WhyReport } from './report.ts';
import { type ServiceFacts, serviceReasons } from './service-reasons.ts';
import { type ProxyFacts, proxyReasons, proxyStanding, type Subject } from './standing.ts';
import { changeText, eventText } from './words.ts';

const DELETED = 'its registration ended; its sessions have ended too, and its server is deleted';
/** Of one event; a delete that is tried until sessions have ended fills no screen. */
const ACTIONS_MAX = 24;

export interface Known {
  readonly at: number;
  readonly past: boolean;
  readonly service: ServiceName;
  /** null: the service as a whole. */
  readonly instance: InstanceId | null;
  readonly history: History;
  /** What Redis has stored; null: a moment of the past. */
  readonly stored: { readonly service: ServiceSnapshot | null; readonly instance: InstanceSnapshot | null } | null;
  /** All instances, for counting them; empty when one was asked about. */
  readonly instances: readonly InstanceSnapshot[];
  readonly facts: Omit<ServiceFacts, 'snapshot'>;
  readonly proxies: readonly ProxyFacts[];
  readonly moreProxies: number;
  /** When the instance was first heard of, if that was after the moment. */
  readonly heardOf: number | null;
  /** Whether what stood at the log's beginning is not known. */
  readonly cut: boolean;
  readonly notes: readonly string[];
}

export function account(known: Known): WhyReport {
  const { at, past, service, instance, history, moreProxies, notes } = known;
  const snapshot = serviceOf(known);
  const own = instance === null ? null : instanceOf(known, instance);
  const { chapters, earlier } = instance === null ? history.latest() : history.chaptersOf(instance);
  const path = snapshot?.config?.path ?? null;
  const done = known.proxies.map(({ record }) =>
    instance === null ? [] : actionsOf(chapters, record, `${service}/${serverName(instance)}`),
  );
  const all = history.replay.state().instances;
  const standings: ProxyStanding[] = [];
  const ofProxies: Reason[] = [];
  for (const [index, facts] of known.proxies.entries()) {
    const subject: Subject = {
      service,
      snapshot,
      instance: own,
      verdict: instance === null ? null : verdictOn(facts.proxy, own, history.verdictsOf(instance).get(facts.proxy) ?? null),
      behind: instance !== null && facts.record.whole && isBehind(chapters, done[index] ?? []),
      standsBy: own === null ? false : isEarlierUp(own, facts.proxy, all.values()),
    };
    const standing = proxyStanding(facts, subject);
    standings.push(standing);
    ofProxies.push(...proxyReasons(facts, standing, subject));
  }
  if (!standings.some(({ carried }) => carried) && moreProxies === 0)
    ofProxies.unshift({ code: 'no-proxy', text: 'no proxy that is known carries it', proxy: null, since: null, until: null });
  const ofService = serviceReasons({ ...known.facts, snapshot });
  const ofInstance = instance === null ? [] : own === null ? [absence(known)] : instanceReasons(own, snapshot ?? history.replay.service);
  const [first] = ofInstance;
  if (first?.code === 'draining' && isDeleted(standings, done)) ofInstance.splice(0, 1, { ...first, text: DELETED, until: null });
  const codes = new Set(ofInstance.map(({ code }) => code));
  return {
    format: WHY_FORMAT,
    at,
    past,
    service,
    instance,
    state: instance === null ? serviceState(snapshot) : own === null ? absence(known).code : stateWord(own),
    since: own === null ? null : visibleSince(own),
    reasons: [...ofInstance, ...ofService.filter(({ code }) => !codes.has(code)), ...ofProxies],
    overview: instance === null ? overviewOf(known, snapshot) : null,
    chain: chapters.map((chapter, index) =>
      linkOf(
        chapter,
        path,
        done.flatMap((actions) => actions[index] ?? []),
      ),
    ),
    earlier,
    proxies: standings,
    moreProxies,
    notes,
  };
}

/** Whether every proxy that carries it has deleted its server since. */
function isDeleted(standings: readonly ProxyStanding[], done: readonly (readonly Action[][])[]): boolean {
  const carriers = done.filter((_, index) => standings[index]?.carried);
  const last = carriers.map((chapters) => chapters.flat().findLast(({ kind }) => kind === 'command'));
  return last.length > 0 && last.every((action) => action?.text.startsWith('del server ') === true && action.outcome === 'done');
}

function serviceOf({ stored, history }: Known): ServiceSnapshot | null {
  if (stored !== null) return stored.service;
  return history.isEmpty ? null : history.replay.service;
}

function instanceOf({ stored, history }: Known, instance: InstanceId): InstanceSnapshot | null {
  return stored === null ? history.replay.instance(instance) : stored.instance;
}

function serviceState(snapshot: ServiceSnapshot | null): string {
  if (snapshot === null) return 'unread';
  if (snapshot.config === null) return 'not-configured';
  return snapshot.guard.state === 'open' ? 'configured' : 'held';
}

/** Why there is nothing of the instance, though it is known from another time or place. */
function absence({ past, heardOf, history, instance, cut }: Known): Reason {
  const told = instance !== null && history.chaptersOf(instance).chapters.length > 0;
  const when = { proxy: null, since: null, until: null };
  if (heardOf !== null) {
    const text = past
      ? 'it was not registered then; it was first heard of later'
      : 'it is in the log, and no transition worker has folded that yet';
    return { ...when, code: 'not-registered', text, since: heardOf };
  }
  if (past && cut) return { ...when, code: 'unknown', text: 'the log does not reach back far enough to say it' };
  if (told) return { ...when, code: 'not-registered', text: 'it is registered no longer, and nothing of it is kept' };
  return { ...when, code: 'unknown', text: 'it was heard of, and the log no longer says when' };
}

/** What its proxy says last; the snapshot names only some proxies, the history only what the log still has. */
function verdictOn(proxy: string, own: InstanceSnapshot | null, heard: VerdictSince | null): VerdictSince | null {
  const witness = own?.context.witnesses.find((one) => one.proxy === proxy);
  if (witness === undefined) return heard;
  return { verdict: witness.verdict, since: witness.since, detail: heard?.verdict === witness.verdict ? heard.detail : null };
}

function isBehind(chapters: readonly Chapter[], actions: readonly (readonly Action[])[]): boolean {
  const last = chapters.findLastIndex(changesProxies);
  return last >= 0 && !(actions[last] ?? []).some(({ kind }) => kind === 'in-sync');
}

function overviewOf({ history, instances }: Known, snapshot: ServiceSnapshot | null): Overview {
  const config = snapshot?.config ?? null;
  const guard = snapshot?.guard ?? null;
  const open = guard === null || guard.state === 'open';
  return {
    path: config === null ? null : pathText(config.path),
    activePath: snapshot?.tiers?.active || null,
    check: config === null ? null : checkText(config.check),
    configured: history.configured,
    complete: history.complete,
    guard: open
      ? { state: 'open', held: 0, since: null, until: null }
      : { state: guard.state, held: guard.context.losses.length, since: guard.context.since, until: guard.context.timer?.at ?? null },
    states: counted(instances.map((one) => visibleState(one)).filter((state) => state !== 'gone')),
  };
}

function linkOf(chapter: Chapter, path: ServicePath | null, actions: readonly Action[]): Link {
  const { event, instance, from, to } = chapter;
  const sorted = actions.toSorted((a, b) => a.at - b.at);
  return {
    event: {
      id: event.id,
      time: event.time,
      type: event.event.type,
      text: eventText(event.event, instance, chapter.service.config?.path ?? path),
    },
    instance,
    from,
    to,
    ...changeText(chapter),
    actions: sorted.slice(0, ACTIONS_MAX),
    moreActions: Math.max(0, sorted.length - ACTIONS_MAX),
  };
}
