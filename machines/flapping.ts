/**
 * PURE. Flapping: an instance whose registration or health changes more than `flap.transitions` times within `window` is put in quarantine. It comes
 * back by itself, later each time. Never so many that it does more harm than the flapping: no more than the guard would let go at once, and only
 * while another server is up; when none is up any more, whoever is in quarantine is let out.
 */
import type { InstanceId } from '../shared/model/ids.ts';
import { send } from './fold-send.ts';
import type { FoldState } from './fold-state.ts';
import { fullWeight, isQuarantined, isUp } from './projection.ts';
import { QUARANTINED_MAX } from './service.ts';

export function judgeFlapping(state: FoldState, id: InstanceId, at: number): void {
  const { config, quarantined, registered, up } = state.service;
  const snapshot = state.instances.get(id);
  const flap = config?.flap ?? null;
  if (!snapshot || flap === null || config === null || isQuarantined(snapshot)) return;
  const recent = snapshot.context.flap.recent.filter((time) => time > at - flap.window);
  if (recent.length <= flap.transitions) return;
  const most = Math.min(QUARANTINED_MAX, Math.floor(config.guard.maxLoss * Math.max(registered, 1)));
  if (quarantined.length + 1 > most || up - Number(isUp(snapshot)) < 1) return;
  send(state, id, { type: 'quarantine', at, shortest: flap.quarantine });
}

/** Ends: each pardon takes one off the list. */
export function pardon(state: FoldState, at: number): void {
  if (state.service.up > 0) return;
  for (const id of state.service.quarantined) {
    // Who is not there, or is seen down, helps nobody.
    const snapshot = state.instances.get(id);
    if (snapshot && snapshot.context.health.up > 0 && fullWeight(snapshot) > 0) send(state, id, { type: 'pardon', at });
  }
}
