/**
 * What holds of a service after every event of its log, whatever was in it: the books agree with the instances, and what a step may not do. The numbers
 * are those of machines/SPEC.md. Each function returns what is broken, in words.
 */
import { addressKey, serverIdKey, WAITING_MAX } from '../../machines/claims.ts';
import { type FoldState, isBacked, isRegistered } from '../../machines/fold-state.ts';
import { type InstanceSnapshot, newInstance } from '../../machines/instance.ts';
import { desiredServer, healthOf, isQuarantined, isUp } from '../../machines/projection.ts';
import type { ServiceSnapshot } from '../../machines/service.ts';
import { CORDONED_MAX, QUARANTINED_MAX, TOMBSTONES_MAX } from '../../machines/service.ts';
import { asInstance, asService } from '../../machines/stored-form.ts';
import type { Askable } from '../../shared/model/asked-options.ts';
import { canonical } from '../../shared/model/canonical.ts';
import type { ServiceEvent } from '../../shared/model/event.ts';
import type { InstanceId } from '../../shared/model/ids.ts';
import { isFar } from '../../shared/model/prefer.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { namedParent, parentOf, pathsOf, tiersOf } from '../../shared/model/service-path.ts';
import { whyNotWhere } from '../../shared/model/where.ts';
import { brokenOfGuard, brokenOfGuardStep, brokenOfInstance, brokenOfInstanceStep } from './machine-invariants.ts';

type Known = ReadonlyMap<InstanceId, InstanceSnapshot>;

/** What a fold works on, at a moment. */
export interface Moment {
  readonly service: ServiceSnapshot;
  readonly instances: Known;
}

export function momentOf({ service, instances }: FoldState): Moment {
  return { service, instances: new Map([...instances].flatMap(([id, one]) => (one === null ? [] : [[id, one] as const]))) };
}

export function brokenOfFold(state: FoldState): readonly string[] {
  const { service, instances } = momentOf(state);
  const all = [...instances.values()];
  const idsOf = (is: (one: InstanceSnapshot) => boolean): string[] => all.filter(is).map(({ context }) => context.id);
  const rejected = (one: InstanceSnapshot): boolean => one.state === 'rejected';
  const { guard, last } = service;
  // Whose drain was over before the hold began is on the guard's list, and gone.
  const listed = guard.state === 'open' ? [] : guard.context.losses.map(({ instance }) => instance);
  const kept = listed.filter((id) => (instances.get(id)?.state ?? 'gone') !== 'gone');
  const serverIds = all.flatMap(({ context }) => (context.serverId === null ? [] : [context.serverId]));
  return [
    ...all.flatMap((one) => brokenOfInstance(one).map((what) => `${one.context.id}: ${what}`)),
    ...brokenOfGuard(guard),
    ...same('F1: registered', service.registered, idsOf(isRegistered).length),
    ...same('F1: up', service.up, idsOf(isUp).length),
    ...same('F1: stay', service.stay ?? [], sorted(idsOf(staysRegistered))),
    ...same('F1: rejected', service.rejected, idsOf(rejected).length),
    ...same('F1: refused', sorted(service.refused), sorted(idsOf((one) => rejected(one) && one.context.serverId !== null))),
    ...same('F1: cordoned', service.cordoned, sorted(idsOf(({ context }) => context.cordon !== null))),
    ...same('F1: quarantined', service.quarantined, sorted(idsOf(isQuarantined))),
    ...same('F2: held', sorted(idsOf((one) => one.state === 'held')), sorted([...kept, ...(last === null ? [] : [last.instance])])),
    ...all
      .filter((one) => state.touched.has(one.context.id) && asInstance(one.context.id, canonical(one)) === null)
      .map((one) => `F12: ${one.context.id} cannot be read again`),
    ...(asService(canonical(service)) === null ? ['F12: the service cannot be read again'] : []),
    ...same('F3: server ids', new Set(serverIds).size, serverIds.length),
    ...all
      .filter((one) => isBacked(one) !== (isRegistered(one) || rejected(one)))
      .map((one) => `F4: ${one.context.id} is ${one.state}, and backed or not`),
    ...brokenClaims(state, instances),
    ...(last === null || (last.timer !== null) === (service.config?.check.type === 'none')
      ? []
      : ['F9: the last server has a deadline, or a check']),
    ...all
      .filter((one) => desiredServer(one)?.admin === 'ready' && !isPlaced(service, one))
      .map((one) => `F13: ${one.context.id} takes requests, and its labels forbid it`),
    ...all
      .filter((one) => isRegistered(one) && service.config !== null && !isInPlace(service.config, one))
      .map((one) => `F14: ${one.context.id} stands by, or takes requests, against its labels and what it asks for`),
    ...brokenTiers(service, all),
    ...(service.cordoned.length <= CORDONED_MAX &&
    service.quarantined.length <= QUARANTINED_MAX &&
    service.tombstones.length <= TOMBSTONES_MAX
      ? []
      : ['F6: more is kept than is bounded']),
  ];
}

function staysRegistered({ state, context }: InstanceSnapshot): boolean {
  return context.stays === true && state !== 'held';
}

function isInPlace({ prefer, farWeight, server, ...config }: ServiceConfig, one: InstanceSnapshot): boolean {
  const { registration } = one.context;
  const got = desiredServer(one);
  if (registration === null || got === null) return true;
  const asks = (word: Askable): boolean => server.options?.includes(word) === true && registration.options?.[word] !== undefined;
  const standsBy = asks('backup') || (farWeight === undefined && isFar(prefer, registration.labels));
  const limit = Math.min(asks('maxconn') ? (registration.options?.maxconn ?? 0) : Infinity, server.maxConn ?? Infinity);
  const isOut = registration.weight === 0 || asks('disabled') || (asks('weight') && registration.options?.weight === 0);
  const limited = (got.maxConn ?? server.maxConn ?? Infinity) === limit;
  const most = config.warmUp === null && farWeight === undefined ? (config.weights?.max ?? 256) : 256;
  const none = isOut && one.context.stays !== true;
  return (got.backup === true) === standsBy && limited && (got.weight === 0) === none && (got.weight <= most || one.context.stays === true);
}

/** F15: of several paths of which only one is active, the books agree, and nobody behind it takes requests; nobody before it, or without it, stands by. */
function brokenTiers({ config, tiers }: ServiceSnapshot, all: readonly InstanceSnapshot[]): readonly string[] {
  const servers = all.filter((one) => isRegistered(one) || one.state === 'held');
  if (tiers === undefined)
    return same('F15: nobody stands by', all.filter(({ context }) => context.behind || context.tier || context.path).length, 0);
  const named = Object.keys(tiers.paths).filter((path) => path !== '');
  const below = ({ context: { path } }: InstanceSnapshot, of: string): boolean =>
    path !== undefined && (of === '' ? !named.includes(path) : path === of);
  const takes = isUp;
  const registered = (path: string): InstanceSnapshot[] => all.filter((one) => isRegistered(one) && below(one, path));
  const up = (path: string): InstanceSnapshot[] => registered(path).filter(takes);
  const kept = (path: string): InstanceSnapshot[] => all.filter((one) => one.state === 'held' && takes(one) && below(one, path));
  const counts = [...named, ''].map((path) => [
    path,
    { registered: registered(path).length, up: up(path).length, kept: kept(path).length },
  ]);
  const order = config === null ? null : (tiersOf(config.path) ?? pathsOf(config.path).slice(0, 1));
  const books = same('F15: paths', canonical(tiers.paths), canonical(Object.fromEntries(counts)));
  if (order === null) return books;
  const inOrder = [...order, ''];
  const later = [registered, kept].map((of) => inOrder.findIndex((path) => of(path).length > 0));
  const active = inOrder.find((path) => up(path).length > 0) ?? inOrder[Math.max(...later)] ?? null;
  const rank = (path: string): number => (order.includes(path) ? order.indexOf(path) : order.length);
  return [
    ...books,
    ...same('F15: active', tiers.active, active),
    ...(servers.some(takes) && !servers.some((one) => takes(one) && one.context.behind !== true)
      ? ['F16 (I3): somebody is up, and nobody of those takes requests']
      : []),
    ...servers.flatMap((one) => {
      const { id, path, behind, znodes } = one.context;
      const names = Object.keys(znodes);
      const known = names.map((name) => (config === null ? null : parentOf(config.path, name)));
      const isOne = config !== null && tiersOf(config.path) === null && known.some((parent) => parent !== null);
      const named = isOne ? order[0] : order.find((parent) => known.includes(parent));
      const others = names.map(namedParent).filter((parent) => parent !== null);
      const own = names.length === 0 ? path : (named ?? others.sort()[0]);
      const stands = own !== undefined && active !== null && rank(own) > rank(active);
      return [
        ...same(`F15: path of ${id}`, path ?? null, own ?? null),
        ...same(`F15: tier of ${id}`, desiredServer(one)?.tier ?? 0, own === undefined ? 0 : rank(own)),
        ...same(`F15: ${id} stands by`, behind === true, stands),
      ];
    }),
  ];
}

function isPlaced({ config }: ServiceSnapshot, { context: { registration } }: InstanceSnapshot): boolean {
  return registration === null || whyNotWhere(config?.where ?? {}, registration.labels) === null;
}

function brokenClaims({ addresses }: FoldState, instances: Known): readonly string[] {
  const problems: string[] = [];
  for (const { state, context } of instances.values()) {
    const { id, registration, serverId, offered, rejection } = context;
    const wanted = rejection?.code === 'duplicate-address' && offered !== null ? addressKey(offered) : null;
    // Stories have fewer names for one address than may wait for it.
    if (wanted !== null && (addresses.get(wanted)?.owner ?? id) === id)
      problems.push(`F5: ${id} is refused for ${wanted}, which nobody else has`);
    const stands = state === 'joining' || state === 'serving';
    if (stands && registration !== null && addresses.get(addressKey(registration))?.owner !== id)
      problems.push(`F5: ${id} stands without its address`);
    if (serverId !== null && addresses.get(serverIdKey(serverId))?.owner !== id)
      problems.push(`F5: ${id} has a server id that is not its own`);
  }
  for (const [key, claim] of addresses) {
    const owner = claim === null ? null : (instances.get(claim.owner) ?? null);
    if (claim === null || key.startsWith('#')) continue;
    if (owner === null || !isRegistered(owner)) problems.push(`F5: ${key} belongs to ${claim.owner}, which does not stand`);
    if (claim.waiting.length > WAITING_MAX) problems.push(`F5: ${claim.waiting.length} wait for ${key}`);
    for (const id of claim.waiting) {
      const one = instances.get(id) ?? newInstance(id);
      const offered = one.context.offered === null ? null : addressKey(one.context.offered);
      if (one.context.rejection === null || offered !== key)
        problems.push(`F5: ${id} waits for ${key}, is ${one.state} and offers ${offered}`);
    }
  }
  return problems;
}

/** What one event may not do. */
export function brokenOfFoldStep(before: Moment, after: Moment, event: ServiceEvent, at: number): readonly string[] {
  const problems = [...brokenOfGuardStep(before.service.guard, after.service.guard, at)];
  for (const [id, was] of before.instances) {
    const is = after.instances.get(id);
    if (is !== undefined) problems.push(...brokenOfInstanceStep(was, is, at).map((what) => `${id}: ${what}`));
  }
  if (isRegistryEvidence(event, before.service) && before.service.up > 0 && after.service.up === 0 && !mayGo(before, after))
    problems.push('F7 (I3): the last server that is up went');
  return problems;
}

/** Whoever was up was held, and its address has been another's since; or it says now that it is where it may not be used. */
function mayGo(before: Moment, after: Moment): boolean {
  const addresses = [...after.instances.values()].filter(isRegistered).map(addressOf);
  return [...before.instances.values()].filter(isUp).every((one) => {
    const isServed = one.state === 'held' && addresses.includes(addressOf(one));
    return isServed || after.instances.get(one.context.id)?.context.rejection?.code === 'label-not-allowed';
  });
}

function addressOf({ context: { registration } }: InstanceSnapshot): string | null {
  return registration === null ? null : addressKey(registration);
}

/** Whether all that it says is what is registered, or is not any more: that cannot be enough to take the last server out. */
function isRegistryEvidence(event: ServiceEvent, { config }: ServiceSnapshot): boolean {
  if (event.type === 'timer') return event.timer !== 'guard' || config?.check.type !== 'none';
  return ['registered', 'changed', 'deregistered', 'backwards', 'complete'].includes(event.type);
}

function sorted(ids: readonly string[]): string[] {
  return [...ids].sort();
}

function same(what: string, book: unknown, truth: unknown): readonly string[] {
  const [kept, found] = [JSON.stringify(book), JSON.stringify(truth)];
  return kept === found ? [] : [`${what}: the book says ${kept}, the instances ${found}`];
}

/** PEAK_SLICES of the guard: a count is remembered up to so much longer than `hold`. */
const SLICE = 1 / 30;

/** An account of its own of what the guard may believe: never more within `window` than its share of the highest count of `hold`. */
export class Budget {
  #longestHold = 0;
  #counts: { readonly at: number; readonly count: number }[] = [];
  #losses: { readonly id: InstanceId; readonly at: number }[] = [];

  /** Notes an event's outcome, and says whether it overdrew. */
  note(before: Moment, after: Moment, event: ServiceEvent, at: number): readonly string[] {
    const { guard, config, registered } = after.service;
    this.#counts.push({ at, count: registered });
    this.#longestHold = Math.max(this.#longestHold, config?.guard.hold ?? 0);
    // Rejected or not: who has a znode again is back.
    this.#losses = this.#losses.filter(({ id }) => !isBacked(after.instances.get(id) ?? newInstance(id)));
    // Once the guard held, those before are judged; a hold that began and ended with this event gave out a token. Without a config nothing is counted.
    if (config === null || guard.state !== 'open' || before.service.guard.context.token !== guard.context.token) this.#losses = [];
    if (config === null || event.type !== 'deregistered' || guard.state !== 'open') return [];
    const was = before.instances.get(event.instance);
    const is = after.instances.get(event.instance);
    // Who was seen down goes on evidence.
    if (was === undefined || !isRegistered(was) || healthOf(was) === 'down' || is?.state !== 'draining') return [];
    this.#losses.push({ id: event.instance, at });
    if (config.guard.maxLoss >= 1) return [];
    const { maxLoss, window, hold } = config.guard;
    // A count that was noted under a longer hold stands in a longer slice.
    const from = at - hold - 2 * SLICE * this.#longestHold;
    const counted = this.#counts.filter((_count, index) => (this.#counts[index + 1]?.at ?? at) >= from);
    const most = Math.floor(maxLoss * Math.max(0, ...counted.map(({ count }) => count)));
    const open = this.#losses.filter((loss) => loss.at > at - window).length;
    return open <= most ? [] : [`F8: ${open} losses were believed within ${window} ms, ${most} may be`];
  }
}
