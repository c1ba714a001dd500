/** PURE. How many servers of a service take requests, as far as is known, and what became of the others when none does. */
import type { RejectCode } from '../shared/model/registration.ts';
import type { InstanceSnapshot } from './instance.ts';
import { fullWeight, healthOf, isInRotation, type VisibleState, visibleState } from './projection.ts';
import type { ServiceSnapshot } from './service.ts';

export interface Rotation {
  /** Instances in rotation that are not seen down everywhere; one that nobody has looked at yet counts. */
  readonly left: number;
  /** Why none is: `3 cordoned`; null: some is, or none ever was. */
  readonly outage: string | null;
  /** Instances by the word that people see; those that are gone are left out. */
  readonly states: Readonly<Partial<Record<VisibleState, number>>>;
  /** Those that are rejected, by the code of the reason. */
  readonly rejections: Readonly<Partial<Record<RejectCode, number>>>;
}

/** `service` null: nothing is known of it. */
export function rotationOf(service: ServiceSnapshot | null, instances: Iterable<InstanceSnapshot>): Rotation {
  const states: Partial<Record<VisibleState, number>> = {};
  const rejections: Partial<Record<RejectCode, number>> = {};
  let left = 0;
  let idle = 0;
  for (const snapshot of instances) {
    const state = visibleState(snapshot);
    if (state === 'gone') continue;
    states[state] = (states[state] ?? 0) + 1;
    const code = snapshot.context.rejection?.code;
    if (code !== undefined) rejections[code] = (rejections[code] ?? 0) + 1;
    if (isInRotation(snapshot) && healthOf(snapshot) !== 'down' && snapshot.context.behind !== true) {
      if (fullWeight(snapshot) > 0) left += 1;
      else idle += 1;
    }
  }
  const known = service !== null && service.config !== null && service.complete;
  return { left, outage: known && left === 0 ? outageOf(service, states, idle) : null, states, rejections };
}

function outageOf({ tombstones }: ServiceSnapshot, states: Rotation['states'], idle: number): string | null {
  const words = Object.entries(states).sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  const asked = idle === 0 ? '' : `, ${idle} of them with weight 0`;
  if (words.length > 0) return `${words.map(([state, count]) => `${count} ${state}`).join(', ')}${asked}`;
  return tombstones.length > 0 ? 'no instance is registered' : null;
}

/** The one line for whoever looks: `web has no server in rotation: 3 cordoned`. */
export function outageText(service: string, outage: string): string {
  return `${service} has no server in rotation: ${outage}`;
}
