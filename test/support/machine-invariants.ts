/**
 * What holds of every snapshot of a machine, and of every step between two. The numbers are those of machines/SPEC.md. Each function returns what is
 * broken, in words, so that a path or a story can say where it happened.
 */
import type { BackendSnapshot } from '../../machines/backend.ts';
import type { GuardSnapshot } from '../../machines/guard.ts';
import type { InstanceSnapshot } from '../../machines/instance.ts';
import { FLAPS_MAX, WITNESSES_MAX } from '../../machines/instance-context.ts';
import { desiredServer, isQuarantined, visibleState } from '../../machines/projection.ts';
import { SERVER_ID_MAX, WEIGHT_MAX } from '../../shared/model/desired.ts';

type Check = readonly [holds: boolean, what: string];

function broken(checks: readonly Check[]): readonly string[] {
  return checks.filter(([holds]) => !holds).map(([, what]) => what);
}

function isSane(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

export function brokenOfInstance({ state, context }: InstanceSnapshot): readonly string[] {
  const { timers, registration, rejection, serverId, health, quarantine } = context;
  const serves = state === 'joining' || state === 'serving' || state === 'held' || state === 'draining';
  const server = desiredServer({ schema: 0, state, context });
  const armed = Object.values(timers);
  return broken([
    [serves === (registration !== null), `M1: ${state}, registration ${registration === null ? 'none' : 'there'}`],
    [!serves || serverId !== null, `M1: ${state} without a server id`],
    [(server !== null) === serves, `M1: ${state}, server ${server === null ? 'none' : 'desired'}`],
    [state !== 'rejected' || rejection !== null, 'M2: rejected without a reason'],
    [rejection === null || state === 'rejected' || state === 'joining' || state === 'serving', `M2: ${state} with a rejection`],
    [(timers.drain !== undefined) === (state === 'draining'), `M3: ${state}, drain ${timers.drain === undefined ? 'not armed' : 'armed'}`],
    [timers.cordon === undefined || context.cordon !== null, 'M3: the deadline of a cordon that is not there'],
    [(timers.quarantine !== undefined) === isQuarantined({ schema: 0, state, context }), 'M3: quarantine and its deadline differ'],
    [quarantine === null || quarantine.ms > 0, 'M3: a quarantine without length'],
    [timers.warm === undefined || context.warm !== null, 'M3: the deadline of a warm-up that is not there'],
    [armed.every(({ token }) => token <= context.token), 'M4: a token that was not given out'],
    [new Set(armed.map(({ token }) => token)).size === armed.length, 'M4: one token for two deadlines'],
    [server === null || isSane(server.weight, 0, WEIGHT_MAX), `M5: weight ${server?.weight}`],
    [server === null || isSane(server.id, 1, SERVER_ID_MAX), `M5: server id ${server?.id}`],
    [server === null || (server.admin === 'drain') === (state === 'draining'), `M5: ${state}, admin ${server?.admin}`],
    [server?.admin !== 'ready' || (context.cordon === null && !isQuarantined({ schema: 0, state, context })), 'M5: ready, and taken out'],
    [Object.values(health).every((count) => isSane(count, 0, Number.MAX_SAFE_INTEGER)), 'M6: a count of proxies'],
    [context.witnesses.length <= WITNESSES_MAX && context.flap.recent.length <= FLAPS_MAX, 'M6: more is kept than is bounded'],
    [state !== 'gone' || (registration === null && context.warm === null), 'M6: gone, and something is left of its life'],
    [(visibleState({ schema: 0, state, context }) === 'gone') === (state === 'gone'), 'M7: people see another end than there is'],
  ]);
}

/** Of a step, or of a whole event of the fold. */
export function brokenOfInstanceStep(before: InstanceSnapshot, after: InstanceSnapshot, at: number): readonly string[] {
  const { context: was } = before;
  const { context: is } = after;
  const given = (name: string): number => was.timers[name as keyof typeof was.timers]?.token ?? 0;
  return broken([
    [was.id === is.id, 'M8: another name'],
    [was.serverId === null || was.serverId === is.serverId, `M8: server id ${was.serverId} became ${is.serverId}`],
    [was.token <= is.token, 'M4: tokens went backwards'],
    [
      Object.entries(is.timers).every(([name, { token }]) => token === given(name) || token > was.token),
      'M4: a deadline under a token that was given out before',
    ],
    [before.state === after.state || is.since === at, 'M9: another state, and not since now'],
  ]);
}

export function brokenOfGuard({ state, context }: GuardSnapshot): readonly string[] {
  const { losses, timer, token, peaks } = context;
  const kept = losses.map(({ instance }) => instance);
  return broken([
    [(timer !== null) === (state === 'holding' || state === 'releasing'), `G1: ${state}, deadline ${timer === null ? 'none' : 'armed'}`],
    [timer === null || timer.token === token, 'G2: the deadline is not under the last token'],
    [state !== 'holding' && state !== 'releasing' ? true : losses.length > 0, `G3: ${state}, and nobody is held`],
    [state === 'open' || new Set(kept).size === kept.length, `G4: ${state}, somebody is on the list twice`],
    [losses.every((loss, index) => loss.at >= (losses[index - 1]?.at ?? 0)), 'G4: the list is not in the order of losses'],
    [peaks.every((peak, index) => peak.at >= (peaks[index - 1]?.at ?? 0)), 'G5: counts are not in the order of time'],
  ]);
}

export function brokenOfGuardStep(before: GuardSnapshot, after: GuardSnapshot, at: number): readonly string[] {
  return broken([
    [before.context.token <= after.context.token, 'G2: tokens went backwards'],
    [
      before.context.timer?.token === after.context.timer?.token ||
        after.context.timer === null ||
        after.context.token > before.context.token,
      'G2',
    ],
    [before.state === after.state || after.context.since === at, 'G6: another state, and not since now'],
  ]);
}

export function brokenOfBackend({ state, context }: BackendSnapshot): readonly string[] {
  const explained = state === 'awaiting-reload' || state === 'drifted' || state === 'unreachable' || state === 'blocked';
  return broken([
    [!explained || context.detail !== null, `B1: ${state} without a reason`],
    [explained || context.detail === null, `B1: ${state} with the reason of an earlier one`],
    [context.nextTry === null || state === 'blocked' || state === 'unreachable', `B2: ${state} with a next try`],
  ]);
}

export function brokenOfBackendStep(before: BackendSnapshot, after: BackendSnapshot, at: number): readonly string[] {
  return broken([
    [before.state === after.state || after.context.since === at, 'B3: another state, and not since now'],
    [before.context.revision === after.context.revision || after.state === 'in-sync', 'B4: a revision in place that was not seen so'],
  ]);
}
