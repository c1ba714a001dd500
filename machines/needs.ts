/** PURE. What the fold of an event touches, so that no more is loaded. */
import { unreachable } from '../shared/errors.ts';
import type { ServiceEvent } from '../shared/model/event.ts';
import type { InstanceId } from '../shared/model/ids.ts';
import { addressKey, serverIdKey } from './claims.ts';
import { serverIdCandidates } from './server-id.ts';
import type { ServiceSnapshot } from './service.ts';

/** What has to be loaded before the event can be folded. `all`: every instance (the config changed, or a guard's list may). */
export function needs(
  service: ServiceSnapshot,
  event: ServiceEvent,
): { all: boolean; instances: readonly InstanceId[]; addresses: readonly string[] } {
  switch (event.type) {
    case 'configured':
      return { all: true, instances: [], addresses: [] };
    case 'unconfigured':
    case 'complete':
      return { all: false, instances: [], addresses: [] };
    case 'registered':
    case 'changed': {
      const addresses =
        'registration' in event.said ? [addressKey(event.said.registration), ...serverIdCandidates(event.instance).map(serverIdKey)] : [];
      return { all: false, instances: [event.instance], addresses };
    }
    case 'deregistered':
      return { all: false, instances: [event.instance, ...service.guard.context.losses.map((loss) => loss.instance)], addresses: [] };
    case 'health':
      return { all: false, instances: event.verdicts.map((verdict) => verdict.instance), addresses: [] };
    case 'timer':
      return {
        all: false,
        instances: event.instance === null ? service.guard.context.losses.map((loss) => loss.instance) : [event.instance],
        addresses: [],
      };
    default:
      return unreachable(event, 'event');
  }
}
