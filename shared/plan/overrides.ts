/**
 * PURE. What on HAProxy is somebody else's: other than desired, on a server that was as desired at the last look and of which nothing else has been
 * desired since. What was under way then (`Looked.open`) is ours, also when it was left half made. Another worker begins anew: there only what was recorded before is
 * somebody's, and it is set again.
 */

import { type ByHand, type Looked, OPEN_MAX, OVERRIDES_MAX, type Override } from '../model/by-hand.ts';
import type { DesiredBackend, DesiredServer } from '../model/desired.ts';
import type { ObservedBackend, ObservedServer } from '../model/observed.ts';
import { hasLimits, MAX_CONN_MAX, type ServerOptions } from '../model/server-options.ts';
import type { BackendPlan } from './backend-plan.ts';
import { limitOf, movesTo } from './changes.ts';
import { isStranger } from './strangers.ts';
import { isLater } from './weights-here.ts';

/** Why a command is sent against what nobody asked for. */
export const OUTSIDE = '; somebody changed it outside pointsman';

export interface Recognition {
  readonly desired: DesiredBackend;
  readonly observed: ObservedBackend;
  /** By server name, what HAProxy lets in at once; missing: it was not asked. */
  readonly maxConns?: ReadonlyMap<string, number>;
  /** The record of the last look; null: there is none. */
  readonly looked: Looked | null;
  /** Who answers now (`workerWord`). */
  readonly worker: string;
  /** Whether something else is desired of the server than at the last look. */
  readonly isNews: (server: string) => boolean;
  /** Which run of Redis has the record. */
  readonly redis: string;
  /** Where the record is missing, or may be old: servers that the managed file has as ready, or as somebody's. Where it is full: as somebody's. */
  readonly filed: ReadonlySet<string>;
  /** ms since the epoch */
  readonly now: number;
}

/** By server name, sorted; all of them, of which `recorded` are kept. */
export function overridesOf(input: Recognition): readonly Override[] {
  const { desired, observed, looked, worker, now } = input;
  const before = new Map((looked?.overrides ?? []).map((override) => [override.server, override]));
  const isOver = looked !== null && looked.worker !== worker;
  const open = isRecorded(input) && looked !== null && looked.open !== null ? new Set(looked.open) : null;
  const isSettled = (server: string): boolean => open !== null && !open.has(server) && !input.isNews(server);
  const found: Override[] = [];
  const add = (server: string, byHand: ByHand | null): void => {
    const known = before.get(server);
    if (byHand === null || Object.keys(byHand).length === 0) return;
    const isSame = known !== undefined && (known.foreign === true ? byHand.foreign === true : sameByHand(known, byHand));
    const since = isSame ? known.since : now;
    found.push({ server, since, ...byHand });
  };
  for (const wanted of desired.servers.values()) {
    const known = before.get(wanted.name);
    const seen = observed.servers.get(wanted.name);
    const kept = known === undefined || known.foreign === true ? null : partsOf(known, wanted);
    if (isOver) add(wanted.name, kept?.deleted === true && seen !== undefined ? null : (kept ?? filedOut(wanted, seen, input.filed)));
    else if (wanted.admin === 'drain') add(wanted.name, kept);
    else if (seen === undefined)
      add(wanted.name, kept?.deleted === true || (isSettled(wanted.name) && wanted.admin === 'ready') ? { deleted: true } : null);
    else add(wanted.name, difference(wanted, seen, { ...input, before: kept ?? {}, settled: isSettled(wanted.name) }));
  }
  const needed = new Set([...desired.servers.values()].map(({ id }) => id));
  for (const seen of observed.servers.values()) {
    if (!isStranger(desired, seen.name)) continue;
    const known = before.get(seen.name);
    // What is under way is what it was before: a new worker begins with it as the file says.
    const isUnderWay = known?.foreign === true && (isOver || (open?.has(seen.name) ?? false));
    if (known?.foreign === true || isSettled(seen.name))
      add(seen.name, needed.has(seen.id) ? null : { foreign: true, ...adminOf(isUnderWay ? known.admin : seen.admin) });
    else if (!isOver) add(seen.name, unheard(seen, known, input.filed));
  }
  return found.sort((a, b) => (a.server < b.server ? -1 : 1));
}

/** Those that are kept until the next look: of too many, the oldest. */
export function recorded(overrides: readonly Override[]): readonly Override[] {
  if (overrides.length <= OVERRIDES_MAX) return overrides;
  const oldest = [...overrides].sort((a, b) => a.since - b.since).slice(0, OVERRIDES_MAX);
  return oldest.sort((a, b) => (a.server < b.server ? -1 : 1));
}

/** Whether there may have been more than the record has. */
export function isFull(looked: Looked | null): boolean {
  return looked !== null && looked.overrides.length >= OVERRIDES_MAX;
}

/** Whether the record is the last word on this worker. */
export function isRecorded({ looked, worker, redis }: Pick<Recognition, 'looked' | 'worker' | 'redis'>): boolean {
  return looked !== null && looked.worker === worker && looked.redis === redis;
}

interface Of extends Recognition {
  /** What was somebody's at the last look. */
  readonly before: ByHand;
  readonly settled: boolean;
}

function difference(wanted: DesiredServer, seen: ObservedServer, of: Of): ByHand {
  const { before, settled, looked } = of;
  const { server } = of.desired.config;
  const admin = adminByHand(wanted, seen, of);
  const isOurs = (part: unknown): boolean => part === undefined && !settled;
  return {
    ...(admin === null ? {} : { admin }),
    ...(isLater(wanted) || seen.weight === wanted.weight || isOurs(before.weight) ? {} : { weight: seen.weight }),
    ...(!movesTo(wanted, seen) || isOurs(before.address) || !canBeSaid(seen) ? {} : { address: seen.address, port: seen.port }),
    ...limitByHand({
      limit: limitOf(wanted, server),
      isOurs: hasLimits(server),
      seen: of.maxConns?.get(wanted.name),
      before: before.maxConn,
      settled: settled && looked?.maxConn === server.maxConn,
    }),
  };
}

/** To HAProxy, and in its files. */
function canBeSaid({ address, port }: ObservedServer): boolean {
  return /^[0-9A-Fa-f.:]+$/.test(address) && port > 0;
}

/** `seen`: undefined when it was not asked, and then it is as before, where it is `isOurs` to say. */
function limitByHand(of: {
  limit: number;
  isOurs: boolean;
  seen: number | undefined;
  before: number | undefined;
  settled: boolean;
}): ByHand {
  if (!of.isOurs && of.seen === undefined) return {};
  const maxConn = of.seen === undefined ? of.before : of.before !== undefined || of.settled ? of.seen : undefined;
  return maxConn === undefined || maxConn === of.limit || maxConn > MAX_CONN_MAX ? {} : { maxConn };
}

/** One that pointsman keeps out (`out`) is in drain by itself. */
function adminByHand(wanted: DesiredServer, seen: ObservedServer, { before, settled, filed }: Of): 'drain' | 'maint' | null {
  const was = before.admin !== undefined;
  if (seen.admin === 'ready') return null;
  if (wanted.admin === 'out' && seen.admin === 'drain') return was ? 'drain' : null;
  return was || settled || (wanted.admin === 'ready' && isFiled(seen, filed)) ? seen.admin : null;
}

/** The managed file tells that it took requests by our doing. In drain and down, a recipe of ours may have stopped half way. */
function isFiled({ name, admin, operation }: ObservedServer, filed: ReadonlySet<string>): boolean {
  return filed.has(name) && !(admin === 'drain' && operation === 'stopped');
}

/** Beyond what the record holds, on a worker that has it out because the file says so. */
function filedOut(wanted: DesiredServer, seen: ObservedServer | undefined, filed: ReadonlySet<string>): ByHand | null {
  return seen?.admin === 'maint' && wanted.admin === 'ready' && filed.has(wanted.name) ? { admin: 'maint' } : null;
}

function adminOf(admin: ObservedServer['admin'] | undefined): Pick<ByHand, 'admin'> {
  return admin === undefined || admin === 'ready' ? {} : { admin };
}

/** Until its instance is heard of: its admin state alone. */
function unheard(seen: ObservedServer, known: ByHand | undefined, filed: ReadonlySet<string>): ByHand | null {
  return seen.admin !== 'ready' && (known?.admin !== undefined || isFiled(seen, filed)) ? { admin: seen.admin } : null;
}

/** Weights of later tiers are ours alone: what somebody set is not told from what another proxy's view would have. */
function partsOf({ server: _server, since: _since, weight, ...byHand }: Override, wanted: DesiredServer): ByHand {
  return weight === undefined || isLater(wanted) ? byHand : { ...byHand, weight };
}

function sameByHand(a: ByHand, b: ByHand): boolean {
  const keys = ['admin', 'weight', 'address', 'port', 'maxConn', 'deleted', 'foreign'] as const;
  return keys.every((key) => a[key] === b[key]);
}

/** What is to be brought about with the overrides left as they are. Without any, what was given. */
export function withOverrides(desired: DesiredBackend, overrides: readonly Override[]): DesiredBackend {
  const servers = new Map(desired.servers);
  let changes = false;
  for (const override of overrides) {
    const wanted = servers.get(override.server);
    if (wanted === undefined || wanted.admin === 'drain') continue;
    changes = true;
    const weight = isLater(wanted) ? wanted.weight : (override.weight ?? wanted.weight);
    const { admin, address = wanted.address, port = wanted.port, maxConn, deleted } = override;
    if (deleted === true) servers.delete(override.server);
    else {
      const byHand = { ...(admin === undefined ? {} : { admin }), ...(maxConn === undefined ? {} : { maxConn }) };
      servers.set(override.server, { ...wanted, weight, address, port, admin: admin === undefined ? wanted.admin : 'out', byHand });
    }
  }
  const foreign = overrides.filter((override) => override.foreign === true).map(({ server }) => server);
  const changed = changes ? { ...desired, servers } : desired;
  return foreign.length === 0 ? changed : { ...changed, foreign: new Set(foreign) };
}

/**
 * The servers that the next look may not take for as they should be: something is planned for them, or they lack what is not planned for because
 * they are out, or nobody has heard of them. `desired` and `observed`: with overrides. null: too many.
 */
export function openServers(
  desired: DesiredBackend,
  observed: ObservedBackend,
  plan: BackendPlan,
  maxConns: ReadonlyMap<string, number> | undefined,
): readonly string[] | null {
  const open = new Set([...plan.commands.map(({ command }) => command.server), ...plan.waiting.map(({ server }) => server)]);
  for (const { name } of observed.servers.values()) if (!desired.servers.has(name)) open.add(name);
  for (const wanted of desired.servers.values()) {
    const seen = observed.servers.get(wanted.name);
    // One that leaves and is not there needs nothing: when it is wanted again, that is news.
    if (seen === undefined && wanted.admin === 'drain') continue;
    // A weight that is to be another here is planned for, or waits with its server.
    const weighsOtherwise = seen !== undefined && !isLater(wanted) && seen.weight !== wanted.weight;
    if (seen === undefined || weighsOtherwise || movesTo(wanted, seen)) open.add(wanted.name);
    else if (wanted.admin === 'out' && seen.admin === 'maint' && wanted.byHand?.admin === undefined) open.add(wanted.name);
    else if (isLimitedOtherwise(wanted, desired.config.server, maxConns?.get(wanted.name))) open.add(wanted.name);
  }
  return open.size > OPEN_MAX ? null : [...open].sort();
}

/** `seen`: undefined when it was not asked. */
function isLimitedOtherwise(wanted: DesiredServer, options: ServerOptions, seen: number | undefined): boolean {
  const limit = limitOf(wanted, options);
  if (seen === undefined && !hasLimits(options)) return false;
  return (seen ?? limit) !== (wanted.byHand?.maxConn ?? limit);
}

/** The plan against what somebody set, with that as its reason. */
export function repairing(plan: BackendPlan, overrides: readonly Override[]): BackendPlan {
  if (overrides.length === 0) return plan;
  const changed = new Set(overrides.map(({ server }) => server));
  const commands = plan.commands.map((one) => (changed.has(one.command.server) ? { ...one, reason: `${one.reason}${OUTSIDE}` } : one));
  return { ...plan, commands };
}
