/** PURE. How a service's backend stands on one proxy, what that means for one instance, and what of it keeps the instance out. */
import { type BackendSnapshot, backendEvent, newBackend, stepBackend } from '../../machines/backend.ts';
import type { InstanceSnapshot } from '../../machines/instance.ts';
import { desiredServer } from '../../machines/projection.ts';
import type { ServiceSnapshot } from '../../machines/service.ts';
import { type Override, overrideSentence } from '../../shared/model/by-hand.ts';
import { matchesAny } from '../../shared/model/glob.ts';
import type { ProxyId, ServiceName } from '../../shared/model/ids.ts';
import { serverName } from '../../shared/znode/address.ts';
import type { ProxyRecord } from './actions.ts';
import type { VerdictSince } from './history.ts';
import type { ProxyStanding, Reason } from './report.ts';

export interface ProxyFacts {
  readonly proxy: ProxyId;
  /** Names or globs of the services that it carries. */
  readonly services: readonly string[];
  /** When its reconciler was last heard of; null: never. */
  readonly lastSeen: number | null;
  /** Whether that is too long ago; false at a moment of the past. */
  readonly silent: boolean;
  /** As stored now; null: nothing is, or it is a moment of the past and the record says it. */
  readonly stored: BackendSnapshot | null;
  readonly record: ProxyRecord;
}

/** What is asked about, as it stands. */
export interface Subject {
  readonly service: ServiceName;
  readonly snapshot: ServiceSnapshot | null;
  /** null: the service as a whole, or an instance that is not there. */
  readonly instance: InstanceSnapshot | null;
  readonly verdict: VerdictSince | null;
  /** Whether the proxy has yet to look at what changed last. */
  readonly behind: boolean;
  /** Whether it stands by here, because a server of an earlier path is up here; null: it is not known. */
  readonly standsBy: boolean | null;
}

const BACKEND_TEXTS: Readonly<Record<string, string>> = {
  unknown: 'it has not been looked at yet',
  patching: 'commands are under way, or wait for sessions to end',
  'awaiting-reload': 'it waits for a reload',
  reloading: 'it is being reloaded',
  drifted: 'it has something else than it should have',
  unreachable: 'it cannot be worked on',
  blocked: 'it is blocked',
};

export function proxyStanding(facts: ProxyFacts, subject: Subject): ProxyStanding {
  const backend = backendOf(facts);
  const carried = matchesAny(facts.services, subject.service);
  const { since, detail, nextTry } = backend.context;
  const unseen = backend.state === 'unknown';
  const { verdict } = subject;
  return {
    proxy: facts.proxy,
    carried,
    rotation: subject.instance === null ? null : isOutByHand(overrideOf(facts, subject)) ? 'out' : rotationOf(subject, backend, carried),
    state: backend.state,
    since: unseen ? null : since,
    detail,
    nextTry,
    verdict: verdict?.verdict ?? null,
    verdictSince: verdict?.since ?? null,
    verdictDetail: verdict?.detail ?? null,
    lastSeen: facts.lastSeen,
  };
}

export function proxyReasons(facts: ProxyFacts, standing: ProxyStanding, subject: Subject): Reason[] {
  const { proxy, state, since, detail, nextTry } = standing;
  const reasons: Reason[] = [];
  const add = (code: string, text: string, from: number | null = null, until: number | null = null): void => {
    reasons.push({ code: `proxy-${code}`, text, proxy, since: from, until });
  };
  if (!standing.carried) {
    add('not-carrying', `it does not carry ${subject.service} (services: ${facts.services.join(', ')})`);
    return reasons;
  }
  const text = BACKEND_TEXTS[state] ?? state;
  if (state !== 'in-sync') add(state, detail === null ? text : `${text}: ${detail}`, since, nextTry);
  else if (subject.behind) add('behind', 'it has not looked at the last change yet');
  if (subject.standsBy === true) add('stands-by', 'a server of an earlier path is up here');
  const override = overrideOf(facts, subject);
  if (override !== null) add('override', overrideSentence(override), override.since);
  if (facts.silent)
    add(
      'silent',
      facts.lastSeen === null ? 'its reconciler was never heard of' : 'its reconciler is not heard of any more',
      facts.lastSeen,
    );
  return reasons;
}

/** What somebody set of the instance's server by hand. */
function overrideOf(facts: ProxyFacts, { instance }: Subject): Override | null {
  if (instance === null) return null;
  const name = serverName(instance.context.id);
  return backendOf(facts).context.looked?.overrides.find(({ server }) => server === name) ?? null;
}

function backendOf({ stored, record }: ProxyFacts): BackendSnapshot {
  if (stored !== null) return stored;
  return record.events.reduce((snapshot, { event, time }) => {
    const means = backendEvent(event, time);
    return means === null ? snapshot : stepBackend(snapshot, means);
  }, newBackend());
}

function isOutByHand(override: Override | null): boolean {
  return override !== null && (override.admin !== undefined || override.deleted === true || override.weight === 0);
}

function rotationOf(
  { snapshot, instance, verdict, behind, standsBy }: Subject,
  backend: BackendSnapshot,
  carried: boolean,
): 'in' | 'out' | 'unknown' {
  if (!carried) return 'out';
  const wanted = instance === null ? null : desiredServer(instance);
  const settled = backend.state === 'in-sync' && !behind;
  if (wanted === null) return settled ? 'out' : 'unknown';
  if (wanted.admin !== 'ready') return settled || backend.state === 'patching' ? 'out' : 'unknown';
  if (standsBy === true) return settled ? 'out' : 'unknown';
  if (verdict?.verdict === 'down' || verdict?.verdict === 'absent') return 'out';
  if (backend.state === 'unreachable' || standsBy === null) return 'unknown';
  if (verdict?.verdict === 'up') return 'in';
  const checked = snapshot?.config !== null && snapshot?.config.check.type !== 'none';
  return instance?.state === 'joining' && checked ? 'out' : 'unknown';
}
