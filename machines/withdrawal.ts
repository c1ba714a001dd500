/**
 * PURE. Registrations that come to ask for no requests (weight 0, out of service, `disabled`). That is heard at once, but for two that it must not empty the
 * service by: the last server that takes requests keeps what it had until another one does, and what the guard holds that asked for none just before it was
 * lost (as a registrar does that ends) keeps what it had as long as it is held.
 */
import type { InstanceId } from '../shared/model/ids.ts';
import { send } from './fold-send.ts';
import type { FoldState } from './fold-state.ts';
import type { InstanceSnapshot } from './instance.ts';
import { askedWeight, isUp } from './projection.ts';

/** Behind an event, of one that it has changed. Who asked for none before, and does so still, stays or not as it did. */
export function mindWithdrawal(state: FoldState, id: InstanceId, at: number): void {
  const before = state.touched.get(id);
  const after = state.instances.get(id);
  if (!before || !after || after.context.registration === null) return;
  const [asked, asks] = [askedWeight(before), askedWeight(after)];
  if (asks > 0) {
    if (after.context.had !== undefined) send(state, id, { type: 'withdraw', at, had: undefined, stays: undefined });
  } else if (asked > 0) {
    // Nobody else takes requests, and with what it had it would.
    const isLast = isUp(before) && state.service.up === 0;
    const left = { ...after, context: { ...after.context, had: { weight: asked, at }, stays: true as const } };
    send(state, id, { type: 'withdraw', at, had: left.context.had, stays: isLast && isUp(left) ? true : undefined });
  }
}

/** It is held now: what it asked for within `window` is judged with its loss. */
export function keepWeight(state: FoldState, id: InstanceId, at: number): void {
  const snapshot = state.instances.get(id);
  const { had, stays } = snapshot?.context ?? {};
  const window = state.service.config?.guard.window ?? 0;
  if (snapshot?.state !== 'held' || had === undefined || stays === true || at - had.at > window) return;
  send(state, id, { type: 'withdraw', at, had, stays: true });
}

/** Once another server takes requests, whoever stays as the last gets what it asks for: none. */
export function relieveStaying(state: FoldState, at: number): void {
  for (const id of state.service.stay ?? []) {
    const snapshot = state.instances.get(id);
    if (snapshot && state.service.up - Number(isUp(snapshot)) > 0) endStay(state, snapshot, at);
  }
}

/** An operator wants what the registry says. */
export function endStays(state: FoldState, at: number): void {
  for (const id of state.service.stay ?? []) {
    const snapshot = state.instances.get(id);
    if (snapshot) endStay(state, snapshot, at);
  }
}

function endStay(state: FoldState, { context: { id, had } }: InstanceSnapshot, at: number): void {
  send(state, id, { type: 'withdraw', at, had, stays: undefined });
}
