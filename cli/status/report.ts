/**
 * PURE. What `pointsman status` says, as values: this is the shape of `--json` (format 1: keys are added, none changes its meaning). Times are ms
 * since the epoch; lists are sorted by name.
 */
import type { BackendSnapshot } from '../../machines/backend.ts';
import type { InstanceSnapshot } from '../../machines/instance.ts';
import { desiredServer, healthOf, type VisibleState, visibleSince, visibleState } from '../../machines/projection.ts';
import type { Rotation } from '../../machines/rotation.ts';
import type { ServiceSnapshot } from '../../machines/service.ts';
import { inVain } from '../../shared/model/asked-options.ts';
import { eventTime, type InstanceId } from '../../shared/model/ids.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { pathText } from '../../shared/model/service-path.ts';
import { checkText } from './check-text.ts';
import { counted } from './counted.ts';
import { reasonOf } from './instance-reason.ts';
import { type OverrideStatus, overridesStatus } from './overrides.ts';
import type { RegistrarStatus } from './registrars.ts';
import type { RolloutStatus } from './rollout.ts';

export const STATUS_FORMAT = 1;

export interface StatusReport {
  readonly format: typeof STATUS_FORMAT;
  readonly at: number;
  readonly services: readonly ServiceStatus[];
  /** Those that are gone are left out. */
  readonly instances: readonly InstanceStatus[];
  readonly proxies: readonly ProxyStatus[];
  /** Those that were heard of last come first. */
  readonly watchers: readonly WatcherStatus[];
  readonly registrars: readonly RegistrarStatus[];
  readonly queues: readonly QueueStatus[];
  readonly rollout: RolloutStatus;
}

export interface ServiceStatus {
  readonly service: string;
  /** unread: in this host's config, and no watcher has published it · retired: no watcher has it in its config any more. */
  readonly config: 'published' | 'unread' | 'retired';
  readonly path: string | null;
  /** Of several paths of which only one is active, that one; null: it is not so. */
  readonly activePath: string | null;
  /** The path that the leading watcher waits for, because it is not there. */
  readonly waitsFor: string | null;
  readonly mode: string | null;
  readonly check: string | null;
  readonly listen: string | null;
  readonly revision: number;
  /** Instances by state; a state that none is in is left out. */
  readonly states: Readonly<Record<string, number>>;
  /** Instances that take requests, as far as is known. */
  readonly inRotation: number;
  /** Why none does: `3 cordoned`; null: some does, or none ever did. */
  readonly outage: string | null;
  readonly guard: { readonly state: string; readonly held: number; readonly since: number | null; readonly until: number | null };
  /** Events that are not folded yet: how many (`more`: at least), and how old the oldest is, in ms. */
  readonly lag: { readonly events: number; readonly more: boolean; readonly ms: number };
}

export interface InstanceStatus {
  readonly service: string;
  readonly instance: string;
  readonly state: string;
  readonly since: number;
  readonly health: { readonly word: string; readonly up: number; readonly down: number; readonly unknown: number };
  /** Who says so, by name; with many proxies those that changed last. */
  readonly witnesses: readonly WitnessStatus[];
  readonly weight: number | null;
  /** What its registration asks for in vain by its server options. */
  readonly ignored: readonly string[];
  readonly address: string | null;
  readonly znodes: readonly string[];
  /** Why it is in this state, where the state alone does not say it. */
  readonly reason: string | null;
  /** When the state ends by itself, ms; null: not by time alone. */
  readonly until: number | null;
}

export interface WitnessStatus {
  readonly proxy: string;
  readonly verdict: string;
  readonly since: number;
}

export interface ProxyStatus {
  readonly proxy: string;
  readonly pool: string;
  readonly version: string | null;
  readonly worker: number | null;
  /** Workers that reloads left and that have sessions still; null: nobody could tell. */
  readonly oldWorkers: number | null;
  /** When its reconciler was last heard of; null: never. */
  readonly lastSeen: number | null;
  /** Whether that is recent. */
  readonly live: boolean;
  /** How an observer hears of changes of health: as they happen (ring), or when it looks (poll) and why; null: none has looked yet. */
  readonly hearing: { readonly by: string; readonly detail: string | null } | null;
  /** Why HAProxy cannot be worked on; null: it can, or nobody has tried. */
  readonly unreachable: string | null;
  /** Its runtime socket hangs, and nobody connects to it but to try it again, when and why; null: it does not, as far as is known. */
  readonly breaker: {
    readonly state: string;
    readonly detail: string | null;
    readonly since: number | null;
    readonly nextTry: number | null;
  } | null;
  /** Services that it still has to look at. */
  readonly dirty: number;
  readonly backends: readonly BackendStatus[];
  /** `failed`: what went wrong; null: nothing, or it is not over. */
  readonly lastReload: { readonly at: number; readonly reason: string | null; readonly failed: string | null } | null;
}

export interface WatcherStatus {
  readonly watcher: string;
  readonly leader: boolean;
  readonly lastSeen: number;
  /** Whether that is recent. */
  readonly live: boolean;
  /** To Zookeeper, and since when it is or is not. */
  readonly connected: boolean;
  readonly since: number;
  readonly problem: string | null;
  readonly services: number;
  /** Services that it cannot read (stale), or whose path is not there. */
  readonly troubled: readonly { readonly service: string; readonly why: 'path' | 'stale' | 'refused'; readonly detail: string }[];
}

export interface BackendStatus {
  readonly service: string;
  readonly state: string;
  readonly since: number;
  readonly revision: number;
  readonly detail: string | null;
  readonly nextTry: number | null;
  /** What somebody set on HAProxy by hand, and is left so. */
  readonly overrides: readonly OverrideStatus[];
}

export interface QueueStatus {
  readonly queue: string;
  readonly waiting: number;
  readonly active: number;
  readonly delayed: number;
  readonly failed: number;
}

export function serviceStatus(input: {
  readonly service: string;
  readonly snapshot: ServiceSnapshot | null;
  readonly revision: number;
  readonly instances: readonly InstanceStatus[];
  readonly lag: ServiceStatus['lag'];
  readonly rotation?: Rotation;
  readonly waitsFor?: string | null;
}): ServiceStatus {
  const { service, snapshot, revision, instances, lag, rotation, waitsFor = null } = input;
  const config = snapshot?.config ?? null;
  const guard = snapshot?.guard ?? null;
  const open = guard === null || guard.state === 'open';
  return {
    service,
    config: config !== null ? 'published' : snapshot === null ? 'unread' : 'retired',
    path: config === null ? null : pathText(config.path),
    activePath: snapshot?.tiers?.active || null,
    waitsFor,
    mode: config?.mode ?? null,
    check: config === null ? null : checkText(config.check),
    listen: config?.listen ?? null,
    revision,
    states: counted(instances.map(({ state }) => state)),
    inRotation: rotation?.left ?? 0,
    outage: rotation?.outage ?? null,
    guard: open
      ? { state: 'open', held: 0, since: null, until: null }
      : { state: guard.state, held: guard.context.losses.length, since: guard.context.since, until: guard.context.timer?.at ?? null },
    lag,
  };
}

/** null: it is gone, and kept only for its server id. `last`: the instance that is kept as the last server that is up. */
export function instanceStatus(
  service: string,
  snapshot: InstanceSnapshot,
  last: InstanceId | null,
  config: ServiceConfig | null = null,
): InstanceStatus | null {
  const state = visibleState(snapshot);
  if (state === 'gone') return null;
  const { id, health, witnesses, registration, znodes } = snapshot.context;
  return {
    service,
    instance: id,
    state,
    since: visibleSince(snapshot),
    health: { word: healthOf(snapshot), ...health },
    witnesses: [...witnesses].sort((a, b) => (a.proxy < b.proxy ? -1 : 1)),
    weight: desiredServer(snapshot)?.weight ?? registration?.weight ?? null,
    ignored: inVain(config?.server.options, registration?.options),
    address: registration === null ? null : `${registration.address} port ${registration.port}`,
    znodes: Object.keys(znodes).sort(),
    reason: reasonOf(state, snapshot, id === last),
    until: untilOf(state, snapshot),
  };
}

export function backendStatus(service: string, { state, context }: BackendSnapshot): BackendStatus {
  const { since, revision, detail, nextTry, looked } = context;
  return { service, state, since, revision, detail, nextTry, overrides: overridesStatus(looked) };
}

/** `unfolded`: ids of the events behind the cursor, oldest first. */
export function lagOf(unfolded: readonly string[], most: number, now: number): ServiceStatus['lag'] {
  const [oldest] = unfolded;
  return { events: unfolded.length, more: unfolded.length >= most, ms: oldest === undefined ? 0 : Math.max(0, now - eventTime(oldest)) };
}

/** When the state ends by itself, ms; null: not by time alone. */
function untilOf(state: VisibleState, { context: { timers } }: InstanceSnapshot): number | null {
  const timer = { cordoned: timers.cordon, quarantined: timers.quarantine, draining: timers.drain }[state as string];
  return timer?.at ?? null;
}
