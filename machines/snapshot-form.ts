/**
 * PURE. The fields of snapshots, one by one: whether the machines can reckon with what is stored. They are asked at every fold, so they are written by hand;
 * and they let through whatever a fold can lead to, because what is refused is built anew.
 */
import { TIER_MAX, WEIGHT_MAX } from '../shared/model/desired.ts';
import {
  isConfig,
  isNumber,
  isRecord,
  isRegistration,
  isRejection,
  isText,
  isVerdict,
  isWhole,
  isZnode,
} from '../shared/model/event-form.ts';
import { EVENT_TIME_MAX } from '../shared/model/ids.ts';
import { MAX_CONN_MAX } from '../shared/model/server-options.ts';
import { guardMachine } from './guard.ts';
import { instanceMachine } from './instance.ts';
import { tableOf } from './table.ts';

const INSTANCE_STATES: ReadonlySet<string> = new Set(tableOf(instanceMachine).keys());
const GUARD_STATES: ReadonlySet<string> = new Set(tableOf(guardMachine).keys());

type Fields = Readonly<Record<string, unknown>>;

/** Of either schema: what the first one did not have may be missing. */
export function isInstanceForm(id: string, { schema, state, context }: Fields): boolean {
  if (typeof state !== 'string' || !INSTANCE_STATES.has(state) || !isRecord(context) || context['id'] !== id) return false;
  const { serverId, znodes, offered, registration, rejection, health, witnesses, flap, since, token } = context;
  return (
    (serverId === null || isCount(serverId)) &&
    isRecord(znodes) &&
    eachValue(znodes, isZnode) &&
    (offered === null || isRegistration(offered)) &&
    (registration === null || isRegistration(registration)) &&
    (rejection === null || isRejection(rejection)) &&
    isRecord(health) &&
    isCount(health['up']) &&
    isCount(health['down']) &&
    isCount(health['unknown']) &&
    Array.isArray(witnesses) &&
    witnesses.every(isWitness) &&
    (flap === undefined ? schema === 1 : isFlap(flap)) &&
    isTime(since) &&
    isCount(token) &&
    (schema === 1 ? isTimer(context['timer']) : isRecord(context['timers']) && eachValue(context['timers'], isArmed) && isLater(context)) &&
    (!HAS_SERVER.has(state) || (registration !== null && serverId !== null))
  );
}

/** In these states proxies are given what it has registered. */
const HAS_SERVER: ReadonlySet<string> = new Set(['joining', 'serving', 'held', 'draining']);

/** What schema 2 added. */
function isLater({ cordon, quarantine, warm, scale, far, backup, weight, maxConn, had, stays, path, tier, behind }: Fields): boolean {
  return (
    (far === undefined || far === true) &&
    (backup === undefined || backup === true) &&
    (maxConn === undefined || isWhole(maxConn, 1, MAX_CONN_MAX)) &&
    (weight === undefined || isWhole(weight, 0, WEIGHT_MAX)) &&
    (had === undefined || (isRecord(had) && isWhole(had['weight'], 1, WEIGHT_MAX) && isTime(had['at']))) &&
    (stays === undefined || stays === true) &&
    isTextOrMissing(path) &&
    (tier === undefined || isWhole(tier, 1, TIER_MAX)) &&
    (behind === undefined || behind === true) &&
    (cordon === null || (isRecord(cordon) && isText(cordon['by']) && isText(cordon['reason']) && isTime(cordon['at']))) &&
    (quarantine === null ||
      (isRecord(quarantine) && isTime(quarantine['since']) && isCount(quarantine['ms']) && typeof quarantine['over'] === 'boolean')) &&
    (warm === null || (isRecord(warm) && isCount(warm['step']) && isCount(warm['of']) && warm['of'] > 0 && isNumber(warm['every']))) &&
    isNumber(scale) &&
    scale > 0
  );
}

/** Of either schema, what a new service has in the place of what is missing. */
export function isServiceForm(value: Fields): boolean {
  const { config, complete, guard, registered, up, last, cordoned, quarantined, rejected, refused, tombstones, tiers, stay } = value;
  return (
    (config === null || isConfig(config)) &&
    typeof complete === 'boolean' &&
    isGuard(guard) &&
    (tiers === undefined || isTiers(tiers)) &&
    isCount(registered) &&
    isCount(up) &&
    isCount(rejected) &&
    (last === null || isLast(last)) &&
    (stay === undefined || isTexts(stay)) &&
    isTexts(cordoned) &&
    isTexts(quarantined) &&
    isTexts(refused) &&
    Array.isArray(tombstones) &&
    tombstones.every((one) => isRecord(one) && isText(one['instance']) && isCount(one['serverId']) && isTime(one['at']))
  );
}

function isGuard(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { state, context } = value;
  if (typeof state !== 'string' || !GUARD_STATES.has(state) || !isRecord(context)) return false;
  const { losses, peaks, paths, timer, token, since } = context;
  return (
    Array.isArray(losses) &&
    losses.every((loss) => isRecord(loss) && isText(loss['instance']) && isTime(loss['at']) && isTextOrMissing(loss['path'])) &&
    isPeaks(peaks) &&
    (paths === undefined || (isRecord(paths) && eachValue(paths, isPeaks))) &&
    isTimer(timer) &&
    isCount(token) &&
    isTime(since)
  );
}

function isPeaks(value: unknown): boolean {
  return Array.isArray(value) && value.every((peak) => isRecord(peak) && isTime(peak['at']) && isCount(peak['count']));
}

function isTiers(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { active, paths } = value;
  const isCounts = (one: unknown): boolean => isRecord(one) && [one['registered'], one['up'], one['kept']].every(isCount);
  return (active === null || isText(active)) && isRecord(paths) && eachValue(paths, isCounts);
}

function isLast(value: unknown): boolean {
  return isRecord(value) && isText(value['instance']) && isTime(value['since']) && isTimer(value['timer']);
}

function isFlap(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { recent, level, verdict } = value;
  return Array.isArray(recent) && recent.every(isTime) && isCount(level) && (verdict === null || isVerdict(verdict));
}

function isWitness(value: unknown): boolean {
  return isRecord(value) && isText(value['proxy']) && isVerdict(value['verdict']) && isTime(value['since']);
}

function isTimer(value: unknown): boolean {
  return value === null || isArmed(value);
}

/** Until when a cordon lasts may be any number. */
function isArmed(value: unknown): boolean {
  return isRecord(value) && isNumber(value['at']) && isCount(value['token']);
}

function isTextOrMissing(value: unknown): boolean {
  return value === undefined || isText(value);
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every(isText);
}

function eachValue(record: Fields, is: (value: unknown) => boolean): boolean {
  for (const key in record) if (!is(record[key])) return false;
  return true;
}

/** ms since the epoch, as an event's id says: what a date can be. */
function isTime(value: unknown): boolean {
  return isNumber(value) && value >= 0 && value <= EVENT_TIME_MAX;
}

function isCount(value: unknown): value is number {
  return isNumber(value) && value >= 0;
}
