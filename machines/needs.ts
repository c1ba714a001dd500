/** PURE. What the fold of an event touches, so that no more is loaded. */
import { unreachable } from '../shared/errors.ts';
import type { ServiceEvent } from '../shared/model/event.ts';
import type { InstanceId } from '../shared/model/ids.ts';
import { addressKey, serverIdKey } from './claims.ts';
import { serverIdCandidates } from './server-id.ts';

export interface Needs {
  /** Every instance: the config changed. */
  readonly all: boolean;
  /**
   * The instances on the guard's list too, though none of their claims. `while-open`: only while a loss can turn into a hold, which then concerns those
   * that were lost before it; once it holds, those are many and nothing becomes of them but by its timer.
   */
  readonly losses: 'none' | 'while-open' | 'all';
  readonly instances: readonly InstanceId[];
  readonly addresses: readonly string[];
}

/** What has to be loaded before the event can be folded. */
export function needs(event: ServiceEvent): Needs {
  switch (event.type) {
    case 'configured':
    case 'rebuilt':
      return { all: true, losses: 'none', instances: [], addresses: [] };
    case 'unconfigured':
    case 'complete':
      return { all: false, losses: 'none', instances: [], addresses: [] };
    case 'registered':
    case 'changed': {
      const addresses =
        'registration' in event.said ? [addressKey(event.said.registration), ...serverIdCandidates(event.instance).map(serverIdKey)] : [];
      return { all: false, losses: 'none', instances: [event.instance], addresses };
    }
    case 'deregistered':
      return {
        all: false,
        losses: 'while-open',
        instances: [event.instance],
        addresses: [likelyAddress(event.instance), ...serverIdCandidates(event.instance).map(serverIdKey)],
      };
    case 'cordoned':
    case 'uncordoned':
      return { all: false, losses: 'none', instances: [event.instance], addresses: [] };
    case 'released':
    case 'trusted':
      return { all: false, losses: 'all', instances: [], addresses: [] };
    case 'backwards':
      return { all: false, losses: 'none', instances: [], addresses: [] };
    case 'health':
      return { all: false, losses: 'none', instances: event.verdicts.map((verdict) => verdict.instance), addresses: [] };
    case 'timer':
      return {
        all: false,
        losses: event.instance === null ? 'all' : 'none',
        instances: event.instance === null ? [] : [event.instance],
        addresses: [],
      };
    default:
      return unreachable(event, 'event');
  }
}

/** The claim that an instance named by its IP address has; one named by a host name has another, which is then read in a further trip. */
function likelyAddress(instance: InstanceId): string {
  const colon = instance.lastIndexOf(':');
  return `${instance.slice(0, colon).replace(/^\[|\]$/g, '')} ${instance.slice(colon + 1)}`;
}
