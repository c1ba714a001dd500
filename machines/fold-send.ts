/** PURE. Sends events to an instance's machine and keeps the service's books in step with what comes of them. */
import { must } from '../shared/errors.ts';
import type { Said } from '../shared/model/event.ts';
import type { InstanceId } from '../shared/model/ids.ts';
import type { Registration, Rejection, Znode } from '../shared/model/registration.ts';
import { addressKey, claimAddress, serverIdKey } from './claims.ts';
import {
  type FoldState,
  isBacked,
  isLastUp,
  isRegistered,
  isRemembered,
  leave,
  mayKeep,
  noteRejection,
  noteRotation,
  unremember,
} from './fold-state.ts';
import { type GuardEvent, type GuardSnapshot, stepGuard } from './guard.ts';
import { type InstanceSnapshot, newInstance, stepInstance } from './instance.ts';
import type { InstanceEvent } from './instance-event.ts';
import { placeOf, samePlace } from './place.ts';
import { judge } from './policy.ts';
import { serverIdCandidates } from './server-id.ts';
import { exhume } from './service.ts';
import { counted, registeredOf } from './tiers.ts';
import { scaleOf, warmUpOf } from './warm-up.ts';

/** A znode says something: accept it, or reject it with the reason. */
export function hear(state: FoldState, id: InstanceId, znode: Znode | null, said: Said, at: number): void {
  if ('rejection' in said) {
    send(state, id, { type: 'reject', at, znode, offered: null, rejection: said.rejection, keep: mayKeep(state, id) });
    return;
  }
  const offered = said.registration;
  const refuse = (rejection: Rejection, keep: boolean): void => send(state, id, { type: 'reject', at, znode, offered, rejection, keep });
  const policy = judge(state.service, state.instances.get(id) ?? null, offered);
  // What says that it is elsewhere now is not used by what it said before.
  if (policy !== null) return refuse(policy, policy.code !== 'label-not-allowed' && mayKeep(state, id));
  const owner = claimAddress(state.addresses, id, addressKey(offered), isRemembered(state, id));
  if (owner !== null) {
    const detail = `${offered.address} port ${offered.port} is registered as ${owner}`;
    // Whoever moves frees its old address for those who wait for it: only the last that is up stays where it is.
    return refuse({ code: 'duplicate-address', detail }, isLastUp(state, id) && mayKeep(state, id));
  }
  const serverId = serverIdOf(state, id);
  if (serverId === null) {
    unclaim(state, id, offered, at);
    return refuse({ code: 'too-many-instances', detail: 'all its server ids are taken by others' }, false);
  }
  const { config } = state.service;
  send(state, id, { type: 'accept', at, znode, offered, serverId, warm: warmUpOf(config) });
  const scale = scaleOf(config);
  if (state.instances.get(id)?.context.scale !== scale) send(state, id, { type: 'scale', at, scale });
  place(state, id, at);
}

/** Near or standing by, and how it weighs, as what it has registered says now. */
export function place(state: FoldState, id: InstanceId, at: number): void {
  const context = state.instances.get(id)?.context;
  if (context?.registration == null) return;
  const place = placeOf(state.service.config, context.registration);
  if (!samePlace(context, place)) send(state, id, { type: 'place', at, place });
}

export function send(state: FoldState, id: InstanceId, event: InstanceEvent): void {
  if (event.type === 'reject' && !isRemembered(state, id)) return;
  const before = state.instances.get(id) ?? newInstance(id);
  const after = stepInstance(before, event);
  if (after === before) return;
  state.instances.set(id, after);
  if (!state.touched.has(id)) state.touched.set(id, before);
  // Rejected or not, it is back: the guard neither keeps it nor lets it go.
  if (isBacked(after) && !isBacked(before) && state.service.guard.context.losses.some((loss) => loss.instance === id)) {
    stepGuardOf(state, { type: 'return', instance: id }, event.at);
  }
  noteRegistered(state, before, after, event.at);
  if (before.state === 'gone' && after.state !== 'gone') state.service = exhume(state.service, id);
  noteRejection(state, before, after);
  noteRotation(state, before, after);
  if (
    isRegistered(before) &&
    (!isRegistered(after) ||
      addressKey(must(after.context.registration, 'registration')) !== addressKey(must(before.context.registration, 'registration')))
  ) {
    unclaim(state, id, must(before.context.registration, 'registration'), event.at);
  }
  if (after.state === 'gone' && before.state !== 'gone') leave(state, after, event.at);
  if (after.context.cordon === null && before.context.cordon !== null) unremember(state, after);
}

/** How many are registered, of all and below each of several paths: the guard counts losses against that. */
function noteRegistered(state: FoldState, before: InstanceSnapshot, after: InstanceSnapshot, at: number): void {
  const { tiers } = state.service;
  const change = Number(isRegistered(after)) - Number(isRegistered(before));
  const books = tiers === undefined ? undefined : counted(tiers, before, after);
  if (books !== undefined && books !== tiers) state.service = { ...state.service, tiers: books };
  if (change !== 0) state.service = { ...state.service, registered: state.service.registered + change };
  else if (books === tiers || before.context.path === after.context.path) return;
  stepGuardOf(
    state,
    { type: 'count', count: state.service.registered, ...(books === undefined ? {} : { paths: registeredOf(books) }) },
    at,
  );
}

export function stepGuardOf(state: FoldState, event: DistributiveOmit<GuardEvent, 'at' | 'config'>, at: number): void {
  const config = state.service.config?.guard ?? { maxLoss: 1, window: 0, hold: 1 };
  const next: GuardSnapshot = stepGuard(state.service.guard, { ...event, at, config });
  if (next !== state.service.guard) state.service = { ...state.service, guard: next };
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** Gives the address up; those who wait are heard again, the one who waited longest first, until one is accepted. */
function unclaim(state: FoldState, id: InstanceId, registration: Registration, at: number): void {
  const key = addressKey(registration);
  const held = state.addresses.get(key) ?? null;
  if (held === null || held.owner !== id) return;
  const [next, ...waiting] = held.waiting;
  state.addresses.set(key, next === undefined ? null : { owner: next, waiting });
  if (next === undefined) return;
  const snapshot = state.instances.get(next);
  const offered = snapshot?.context.offered ?? null;
  if (snapshot && offered !== null && isBacked(snapshot) && addressKey(offered) === key)
    hear(state, next, null, { registration: offered }, at);
  const heard = state.instances.get(next);
  // It may stand where it stood before, its last good form kept.
  if (!heard || !isRegistered(heard) || addressKey(must(heard.context.registration, 'registration')) !== key)
    unclaim(state, next, registration, at);
}

function serverIdOf(state: FoldState, id: InstanceId): number | null {
  const known = state.instances.get(id)?.context.serverId ?? null;
  if (known !== null) return known;
  const free = serverIdCandidates(id).find((candidate) => (state.addresses.get(serverIdKey(candidate))?.owner ?? id) === id);
  if (free === undefined) return null;
  state.addresses.set(serverIdKey(free), { owner: id, waiting: [] });
  return free;
}
