/**
 * Whether new options do the servers harm, as far as checks say: of each service that a reload changed, as many servers have to pass a check of the new
 * worker as took requests before. For so long as the checks need to say so; without checks nobody knows, and nothing is waited for.
 */
import type { ServiceName } from '../../shared/model/ids.ts';
import type { ObservedBackend, ObservedServer } from '../../shared/model/observed.ts';
import { DEFAULTS, type OwnRollout, type Up, type UpBefore } from '../../shared/model/rollout.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import type { Settled } from '../../shared/redis/rollout-store.ts';
import type { ProxyAgent } from './proxy-agent.ts';
import type { Attempt } from './reload-attempt.ts';

const NOTHING: Up = new Map();

/** Of each service that the reload changes and that is checked: how many servers take requests before it. */
export function countedBefore({ backends, turn, wanted }: Attempt, own: OwnRollout | null): Up {
  const changing = wanted.restamped ? wanted.services.keys() : turn.tried.keys();
  const counts = [...changing].flatMap((service) => {
    if (wanted.services.get(service)?.config.check.type === 'none') return [];
    // Options that took servers down are no measure for those that come after them.
    const earlier = turn.tried.has(service) ? [own?.up.get(service), own?.stopped.get(service)?.get(service)] : [];
    const [most] = [counted(backends.get(service) ?? null), ...earlier].filter((is) => is !== undefined).sort((a, b) => b.up - a.up);
    return most !== undefined && most.up > 0 ? [[service, most] as const] : [];
  });
  return new Map(counts);
}

/** ms that the checks of these services may take to say how they are. */
export function longestMs(agent: ProxyAgent, up: Up, services: Attempt['wanted']['services']): number {
  return Math.max(0, ...[...up.keys()].map((service) => checksMs(agent, services.get(service)?.config)));
}

/**
 * What is in sync and as well as it was, after a pass. `running`: services that run with the options that they should have; `defaults`: whether the worker
 * does with the managed defaults.
 */
export function judged(agent: ProxyAgent, own: OwnRollout, running: readonly ServiceName[], defaults: boolean): Omit<Settled, 'waiting'> {
  const there = new Set(running);
  const isWell = (service: ServiceName, before: UpBefore | undefined): boolean =>
    there.has(service) && (before === undefined || missing(agent, service, before) === 0);
  const areWell = (up: Up): boolean => [...up].every(([service, before]) => isWell(service, before));
  const mine = [...own.up].filter(([service]) => there.has(service));
  const well = mine.filter(([service, before]) => isWell(service, before)).map(([service]) => service);
  const ill = mine.flatMap(([service, before]) => {
    const down = missing(agent, service, before);
    if (down === 0) return [];
    const reason = `${down} of ${before.up} servers are down with them`;
    const ms = checksMs(agent, agent.seen.get(service)?.desired.config);
    return [
      { what: service, service, ms, reason },
      { what: DEFAULTS, service, ms, reason: `${service}: ${reason}` },
    ];
  });
  const isAsBefore = (service: ServiceName): boolean =>
    isWell(service, own.up.get(service)) && areWell(own.stopped.get(service) ?? NOTHING);
  const inSync = running.filter(isAsBefore);
  const all = defaults && (!own.changes.has(DEFAULTS) || areWell(own.up)) && areWell(own.stopped.get(DEFAULTS) ?? NOTHING);
  return { inSync: all ? [...inSync, DEFAULTS] : inSync, well, ill };
}

/** How many servers are to pass a check still. Those that were taken out meanwhile are not waited for. */
function missing(agent: ProxyAgent, service: ServiceName, before: UpBefore): number {
  const seen = agent.seen.get(service);
  if (seen === undefined || seen.observed === null || seen.desired.config.check.type === 'none') return 0;
  const now = counted(seen.observed);
  const left = Math.max(0, before.ready - now.ready);
  return Math.max(0, before.up - left - now.up);
}

function counted(backend: ObservedBackend | null): UpBefore {
  const servers = [...(backend?.servers.values() ?? [])];
  return { up: servers.filter(isUp).length, ready: servers.filter(({ admin }) => admin === 'ready').length };
}

function isUp({ admin, operation, check }: ObservedServer): boolean {
  return admin === 'ready' && operation !== 'stopped' && (check === 'passed' || check === 'none');
}

/** HAProxy begins to check within the interval, and takes a server out after `fall` failures at most. */
function checksMs(agent: ProxyAgent, config: ServiceConfig | undefined): number {
  if (config === undefined || config.check.type === 'none') return 0;
  const { interval, fall } = config.check;
  return interval * fall + (config.timeouts.check ?? agent.config.defaults.timeouts.check);
}
