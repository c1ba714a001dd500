/**
 * What is done when a reload could not be made: the last good files are put back, who is to blame is kept with the time of the next try, and
 * every service that waits for the reload shows why it does not come.
 */
import { errorFields, type PointsmanError } from '../../shared/errors.ts';
import { syncManaged } from '../../shared/haproxy/managed-folder.ts';
import { sameWorker } from '../../shared/haproxy/observe.ts';
import { isGone, whoStays } from '../../shared/haproxy/reload.ts';
import { startAgain } from '../../shared/haproxy/reload-command.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { ProxyEvent } from '../../shared/model/proxy-event.ts';
import { DEFAULTS } from '../../shared/model/rollout.ts';
import type { ProxyAgent } from './proxy-agent.ts';
import { type Attempt, type Outcome, reloadInput } from './reload-attempt.ts';
import { noteRejections, RETRY_REJECTED_MS, type Rejected, wantReload } from './reload-request.ts';
import { blame, reasonText } from './reload-turn.ts';
import type { Wanted } from './wanted-files.ts';

/** A HAProxy that did not answer is looked at again for its reload after this. */
const RETRY_UNREACHABLE_MS = 5_000;

/**
 * After a failure: a HAProxy that is restarted from the folder must come up. What a new worker runs with is not taken from under it. With pidFile the
 * start is ours too: a new process that took over and ended has left nobody at all.
 */
export async function putBack(attempt: Attempt, lastGood: ReadonlyMap<string, string>): Promise<void> {
  const { agent, folder, before, way } = attempt;
  const { id, runtime } = agent.config;
  // Nobody waited to see how it ended: HAProxy may be reading them.
  if (attempt.signal.aborted) return;
  const now = await whoStays(runtime);
  if (!attempt.stillClaimed() || (now !== null && !now.stopping && !sameWorker(now.identity, before.identity))) return;
  try {
    await syncManaged(folder, lastGood);
    agent.ports.logger.warn({ proxy: id }, 'the last good files are back');
    if (way.kind === 'pidFile' && (await isGone(runtime))) await startAgain(way.path, reloadInput(attempt));
  } catch (error) {
    agent.ports.logger.error({ proxy: id, ...errorFields(error) }, 'the last good files could not be put back, or not started from');
  }
}

/** No reload can be made, for a reason that is not one service's. */
export async function refuseAll({ agent, journal, wanted, turn, refused }: Attempt, reason: Rejected): Promise<void> {
  const { message, nextTry } = reason;
  const services = new Map<ServiceName, Rejected>();
  for (const [service, structure] of wanted.changed) {
    if (!turn.held.has(service)) services.set(service, refused.get(service) ?? { structure, message, nextTry });
  }
  const withStamp = turn.refused === null && (wanted.restamped || turn.tried.size === 0);
  await noteRejections(agent, services, withStamp ? reason : undefined);
  await journal.write(blockedEvents(new Map([...concerned(wanted, reason), ...refused, ...services])), Date.now());
}

/** It was not said by one service's file, or it was not tried: who is to blame is kept, and tried again in turn. */
export async function failed({ agent, journal, wanted, turn, refused, stamp, signal }: Attempt, error: PointsmanError): Promise<Outcome> {
  const { config, ports } = agent;
  const now = Date.now();
  ports.logger.error({ proxy: config.id, ...errorFields(error) }, 'haproxy did not reload');
  if (signal.aborted) {
    await wantReload(agent, 'its outcome was not waited for');
    return { outcome: 'failed', reasons: wanted.reasons, detail: error.message };
  }
  const tried = new Map([...turn.tried].filter(([service]) => !refused.has(service)));
  const blamed = blame(error, tried, { restamped: wanted.restamped, stamp, now });
  await noteRejections(agent, blamed.services, blamed.stamp);
  const reason = { structure: stamp, message: reasonText(error), nextTry: blamed.stamp?.nextTry ?? now + RETRY_REJECTED_MS };
  await journal.write(blockedEvents(new Map([...concerned(wanted, reason), ...refused, ...blamed.services])), now);
  for (const [service, rejected] of blamed.services) refused.set(service, rejected);
  if (blamed.stamp !== undefined && wanted.restamped) refused.set(DEFAULTS, blamed.stamp);
  if (blamed.again || turn.left) await wantReload(agent, 'services to be tried one at a time');
  return { outcome: 'failed', reasons: wanted.reasons, detail: error.message };
}

/** HAProxy does not answer: nobody knows what is needed. The pass that follows says so of every service, and the reload is tried again. */
export async function unobserved(agent: ProxyAgent, error: PointsmanError): Promise<Outcome> {
  const { config, ports } = agent;
  ports.logger.error({ proxy: config.id, ...errorFields(error) }, 'haproxy did not reload');
  await agent.later(1, 'haproxy could not be looked at for a reload');
  await ports.queues.wakeReload(config.pool, config.id, RETRY_UNREACHABLE_MS, { why: error.message, time: Date.now() });
  return { outcome: 'failed', reasons: [], detail: error.message };
}

/** Those that wait for the reload: with new defaults that is every service. */
function concerned({ restamped, services, changed, removed }: Wanted, reason: Rejected): Map<ServiceName, Rejected> {
  const names = restamped ? services.keys() : [...changed.keys(), ...removed];
  return new Map([...names].map((service) => [service, reason]));
}

export function blockedEvents(refused: ReadonlyMap<ServiceName, Rejected>): ProxyEvent[] {
  return [...refused].map(([service, { message, nextTry }]) => ({ type: 'blocked', service, detail: message, nextTry }));
}
