/** PURE. What an instance's snapshot holds, and what its events do to each part of it. */
import type { Verdict } from '../shared/model/event.ts';
import type { InstanceId, ProxyId } from '../shared/model/ids.ts';
import type { Registration, Rejection, Znode } from '../shared/model/registration.ts';
import { renamed } from '../shared/model/service-path.ts';

/** Proxies named in a snapshot as witnesses of health; every verdict lives with its proxy. */
export const WITNESSES_MAX = 16;
/** Changes that are remembered to find flapping; `flap.transitions` is below that. */
export const FLAPS_MAX = 32;
/** A quarantine is at most this long, however often it was needed. */
const QUARANTINE_MAX_MS = 3_600_000;
/** Who was calm for so many times the last quarantine starts again with the shortest one. */
const CALM_TIMES = 10;

export interface Witness {
  readonly proxy: ProxyId;
  readonly verdict: Verdict;
  readonly since: number;
}

/** An operator takes the instance out. */
export interface Cordon {
  readonly by: string;
  readonly reason: string;
  readonly at: number;
}

/** Deadlines by what they end: a drain, a cordon, a quarantine, a step of the warm-up. The token tells one from those of earlier visits. */
export type TimerName = 'drain' | 'cordon' | 'quarantine' | 'warm';
export type Timers = Readonly<Partial<Record<TimerName, { readonly at: number; readonly token: number }>>>;

export interface InstanceContext {
  readonly id: InstanceId;
  /** HAProxy's server id; null until the instance is first accepted, then kept. */
  readonly serverId: number | null;
  /** The znodes that back it, by name. */
  readonly znodes: Readonly<Record<string, Znode>>;
  /** The last well-formed thing that was said, whether policy accepts it or not. */
  readonly offered: Registration | null;
  /** The last accepted one: what proxies are given. */
  readonly registration: Registration | null;
  readonly rejection: Rejection | null;
  /** How many proxies say what. */
  readonly health: { readonly up: number; readonly down: number; readonly unknown: number };
  readonly witnesses: readonly Witness[];
  readonly cordon: Cordon | null;
  /** recent: times of the last changes of registration and health, oldest first; level: quarantines in a row; verdict: the last one of all proxies together. */
  readonly flap: { readonly recent: readonly number[]; readonly level: number; readonly verdict: 'up' | 'down' | null };
  /** Since when, for how long (ms), and whether it is over: the next one is longer if it comes soon. */
  readonly quarantine: { readonly since: number; readonly ms: number; readonly over: boolean } | null;
  /** The warm-up: which of how many steps, each `every` ms; null: full weight. */
  readonly warm: { readonly step: number; readonly of: number; readonly every: number } | null;
  /** Weights are multiplied by it, so that a warm-up has steps to take; the same for all instances of a service. */
  readonly scale: number;
  /** It stands by until no near instance is up (`prefer`); missing: it is near. */
  readonly far?: true | undefined;
  /** It stands by because it asks to; missing: it does not, or is not heard. */
  readonly backup?: true | undefined;
  /** Connections to it at once, where it asks for fewer than the config has; missing: as the config has it. */
  readonly maxConn?: number | undefined;
  /** 0..256: its weight when it is warm, where the config has a say in it; missing: what it registered, multiplied by `scale`. */
  readonly weight?: number | undefined;
  /** 1..256: what it had before it came to ask for no requests, and when (ms) it did; missing: it asks for some, or never had any. */
  readonly had?: { readonly weight: number; readonly at: number } | undefined;
  /** It has that still, as the last server that takes requests, or as one that is held (withdrawal.ts); missing: it has what it asks for. */
  readonly stays?: true | undefined;
  /** The first path below which it is, or was last, registered; missing: no path of the service stands behind another, or it is not known. */
  readonly path?: string | undefined;
  /** Which of the service's paths in order that is: 1 the second; missing: the first, or there is no order. */
  readonly tier?: number | undefined;
  /** It stands by where a server of an earlier path is up, because such a path is active; missing: its own is, or a later one. */
  readonly behind?: true | undefined;
  /** When the present state was entered. */
  readonly since: number;
  readonly timers: Timers;
  /** The last token given out. */
  readonly token: number;
}

export function newContext(id: InstanceId): InstanceContext {
  return {
    id,
    serverId: null,
    znodes: {},
    offered: null,
    registration: null,
    rejection: null,
    health: { up: 0, down: 0, unknown: 0 },
    witnesses: [],
    cordon: null,
    flap: { recent: [], level: 0, verdict: null },
    quarantine: null,
    warm: null,
    scale: 1,
    since: 0,
    timers: {},
    token: 0,
  };
}

export function withZnode(znodes: InstanceContext['znodes'], znode: Znode | null): InstanceContext['znodes'] {
  return znode === null ? znodes : { ...znodes, [znode.name]: znode };
}

export function withoutZnode(znodes: InstanceContext['znodes'], name: string): InstanceContext['znodes'] {
  const { [name]: _gone, ...rest } = znodes;
  return rest;
}

/** Named by their whole paths from now on; those that are so already stay, as far as they are others. */
export function renamedZnodes(znodes: InstanceContext['znodes'], below: string): InstanceContext['znodes'] {
  const all = Object.values(znodes).map((znode) => ({ ...znode, name: renamed(znode.name, below) }));
  const inOrder = [...all.filter(({ name }) => Object.hasOwn(znodes, name)), ...all.filter(({ name }) => !Object.hasOwn(znodes, name))];
  return Object.fromEntries(inOrder.map((znode) => [znode.name, znode]));
}

export function armed(context: InstanceContext, name: TimerName, at: number): Pick<InstanceContext, 'timers' | 'token'> {
  const token = context.token + 1;
  return { token, timers: { ...context.timers, [name]: { at, token } } };
}

export function disarmed({ timers }: InstanceContext, name: TimerName): Timers {
  const { [name]: _gone, ...rest } = timers;
  return rest;
}

/** A proxy's verdict changed; with it, now and then, that of all proxies together, which is what counts as flapping. */
export function counted(
  context: InstanceContext,
  event: { readonly at: number; readonly proxy: ProxyId; readonly from: Verdict; readonly to: Verdict },
): Pick<InstanceContext, 'health' | 'witnesses' | 'flap'> {
  const health = { ...context.health };
  if (event.from !== 'absent') health[event.from] = Math.max(0, health[event.from] - 1);
  if (event.to !== 'absent') health[event.to] += 1;
  const others = context.witnesses.filter((witness) => witness.proxy !== event.proxy);
  const witnesses =
    event.to === 'absent' ? others : [{ proxy: event.proxy, verdict: event.to, since: event.at }, ...others].slice(0, WITNESSES_MAX);
  const verdict = health.up > 0 && health.down === 0 ? 'up' : health.down > 0 && health.up === 0 ? 'down' : null;
  if (verdict === null || verdict === context.flap.verdict) return { health, witnesses, flap: context.flap };
  const flap: InstanceContext['flap'] = { ...context.flap, verdict };
  return { health, witnesses, flap: context.flap.verdict === null ? flap : { ...flap, recent: noted(flap.recent, event.at) } };
}

/** One more change. */
export function noted(recent: readonly number[], at: number): readonly number[] {
  return [...recent, at].slice(-FLAPS_MAX);
}

/** The next quarantine: twice as long as the one before, if that was not long ago. */
export function quarantined(
  context: InstanceContext,
  at: number,
  shortest: number,
): Pick<InstanceContext, 'quarantine' | 'flap' | 'timers' | 'token'> {
  const { quarantine: last, flap } = context;
  const soon = last !== null && at - (last.since + last.ms) < CALM_TIMES * last.ms;
  const level = soon ? flap.level + 1 : 0;
  const ms = Math.min(QUARANTINE_MAX_MS, shortest * 2 ** Math.min(level, 20));
  return {
    quarantine: { since: at, ms: Math.max(ms, 1), over: false },
    flap: { ...flap, level, recent: [] },
    ...armed(context, 'quarantine', at + ms),
  };
}
