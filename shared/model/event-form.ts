/**
 * PURE. Whether what was read as an event has the form of one. What the log of this Redis holds was written by pointsman; an export may have been
 * written by anybody, and the machines take what they are given.
 */
import { WEIGHT_MAX } from './desired.ts';
import { isServiceEventType, type ServiceEvent, type ServiceEventType } from './event.ts';
import { MAX_CONN_MAX } from './server-options.ts';
import { SCALE_MAX } from './weights.ts';

type Fields = Readonly<Record<string, unknown>>;

/** What its fields must be; more fields do no harm. */
const FORMS: Readonly<Record<ServiceEventType, (event: Fields) => boolean>> = {
  configured: ({ config }) => isConfig(config),
  unconfigured: () => true,
  complete: () => true,
  registered: isTold,
  changed: isTold,
  deregistered: ({ instance, znode, left, more }) =>
    isText(instance) && isZnode(znode) && (left === undefined || isNumber(left)) && (more === undefined || typeof more === 'boolean'),
  health: ({ proxy, verdicts }) => isText(proxy) && Array.isArray(verdicts) && verdicts.every(isChange),
  cordoned: ({ instance, by, reason, until }) => [instance, by, reason].every(isText) && isNumberOrNull(until),
  uncordoned: ({ instance }) => isText(instance),
  released: ({ by, reason }) => isText(by) && isText(reason),
  backwards: ({ seen, found }) => isText(seen) && isText(found),
  trusted: ({ by }) => isText(by),
  rebuilt: ({ detail }) => isText(detail),
  timer: ({ timer, instance, token }) =>
    (timer === 'guard' ? instance === null : TIMERS.includes(timer) && isText(instance)) && isNumber(token),
};
const TIMERS: readonly unknown[] = ['drain', 'cordon', 'quarantine', 'warm'];
const VERDICTS: readonly unknown[] = ['absent', 'unknown', 'up', 'down'];

/** null: it has not. */
export function asServiceEvent(type: string, data: unknown): ServiceEvent | null {
  if (!isServiceEventType(type) || !isRecord(data) || !FORMS[type](data)) return null;
  return { ...data, type } as unknown as ServiceEvent;
}

export function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTold({ instance, znode, said }: Fields): boolean {
  if (!isText(instance) || !isZnode(znode) || !isRecord(said)) return false;
  const { registration, rejection } = said;
  return rejection === undefined ? isRegistration(registration) : isRejection(rejection);
}

export function isRejection(value: unknown): boolean {
  return isRecord(value) && isText(value['code']) && isText(value['detail']);
}

export function isRegistration(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { host, address, port, weight, weighed, labels, out, options } = value;
  if ((out !== undefined && !isText(out)) || (weighed !== undefined && weighed !== true) || !isAsked(options)) return false;
  return isText(host) && isText(address) && isWhole(port, 1, 65_535) && isWhole(weight, 0, WEIGHT_MAX) && isRecord(labels);
}

function isAsked(value: unknown): boolean {
  if (value === undefined) return true;
  if (!isRecord(value)) return false;
  const { weight, maxconn, backup, disabled, unread } = value;
  const numbers = (weight === undefined || isWhole(weight, 0, WEIGHT_MAX)) && (maxconn === undefined || isWhole(maxconn, 1, MAX_CONN_MAX));
  return numbers && [backup, disabled].every((one) => one === undefined || one === true) && (unread === undefined || isTexts(unread));
}

export function isZnode(value: unknown): boolean {
  return isRecord(value) && isText(value['name']) && isText(value['czxid']) && isText(value['mzxid']) && isNumber(value['version']);
}

function isChange(value: unknown): boolean {
  return (
    isRecord(value) && isText(value['instance']) && isVerdict(value['from']) && isVerdict(value['to']) && isTextOrNone(value['detail'])
  );
}

function isTextOrNone(value: unknown): boolean {
  return value === undefined || isText(value);
}

export function isVerdict(value: unknown): boolean {
  return VERDICTS.includes(value);
}

/** What the machines reckon with: times in ms, counts, a share. */
export function isConfig(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { name, path, drainTimeout, guard, allow, maxInstances, check } = value;
  const counts =
    isRecord(guard) && [guard['window'], guard['hold'], drainTimeout, maxInstances].every(isCount) && isShare(guard['maxLoss']);
  const added =
    isCountOrNull(value['warmUp'] ?? null) && isFlap(value['flap'] ?? null) && isWhere(value['where']) && isPrefer(value['prefer']);
  const checked = isRecord(check) && isText(check['type']);
  const weighed = isWeights(value['weights']) && isPart(value['farWeight']) && isGranting(value['server']);
  return (
    isText(name) &&
    isPath(path) &&
    counts &&
    added &&
    checked &&
    weighed &&
    isRecord(allow) &&
    Array.isArray(allow['cidrs']) &&
    allow['cidrs'].every(isText)
  );
}

function isPath(value: unknown): boolean {
  const several = isRecord(value) ? (value['first'] ?? value['union']) : null;
  return isText(value) || (Array.isArray(several) && several.every((path) => isText(path) && path.startsWith('/')));
}

/** Missing in what an earlier version wrote. */
function isFlap(value: unknown): boolean {
  return value === null || (isRecord(value) && [value['transitions'], value['window'], value['quarantine']].every(isCount));
}

function isPrefer(value: unknown): boolean {
  return value === undefined || (isRecord(value) && Object.values(value).every(isTexts));
}

function isWeights(value: unknown): boolean {
  if (value === undefined) return true;
  if (!isRecord(value)) return false;
  const { registered, scale, max } = value;
  const weights = [value['default'], max].every((weight) => isWhole(weight, 1, WEIGHT_MAX));
  return typeof registered === 'boolean' && weights && isNumber(scale) && scale > 0 && scale <= SCALE_MAX;
}

/** What the machines look at of the servers' options. */
function isGranting(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { maxConn, options } = value;
  return (maxConn === null || isWhole(maxConn, 1, MAX_CONN_MAX)) && (options === undefined || isTexts(options));
}

/** A share, neither none nor all. */
function isPart(value: unknown): boolean {
  return value === undefined || (isNumber(value) && value > 0 && value < 1);
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every(isText);
}

function isWhere(value: unknown): boolean {
  const isRule = (rule: unknown): boolean =>
    isRecord(rule) && (isTexts(rule['in']) || isTexts(rule['not']) || typeof rule['exists'] === 'boolean');
  return value === undefined || (isRecord(value) && Object.values(value).every(isRule));
}

function isCountOrNull(value: unknown): boolean {
  return value === null || isCount(value);
}

function isCount(value: unknown): boolean {
  return isNumber(value) && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
}

function isShare(value: unknown): boolean {
  return isNumber(value) && value >= 0 && value <= 1;
}

export function isWhole(value: unknown, least: number, most: number): boolean {
  return isNumber(value) && Number.isInteger(value) && value >= least && value <= most;
}

function isNumberOrNull(value: unknown): boolean {
  return value === null || isNumber(value);
}

export function isText(value: unknown): value is string {
  return typeof value === 'string';
}

export function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
