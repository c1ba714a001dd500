/** PURE. What the dashboard and the metrics say of one service. */
import type { Rotation } from '../../machines/rotation.ts';
import type { ServiceSnapshot } from '../../machines/service.ts';
import type { ServiceName } from '../../shared/model/ids.ts';

export interface ServiceOverview {
  readonly service: ServiceName;
  readonly configured: boolean;
  readonly registered: number;
  /** In rotation, and seen up by some proxy. */
  readonly up: number;
  readonly rejected: number;
  readonly cordoned: number;
  readonly quarantined: number;
  readonly guard: ServiceSnapshot['guard']['state'];
  /** Instances that are kept although their registration ended: by the guard, or as the last server that is up. */
  readonly held: number;
  /** By the word that people see; those that are gone are left out. */
  readonly states: Rotation['states'];
  /** Instances that are refused, by the code of the reason. */
  readonly rejections: Rotation['rejections'];
  /** Why no server is in rotation; null: one is, or none ever was. */
  readonly outage: string | null;
  /** Since when the guard is in its state, ms. */
  readonly since: number;
}

export function overviewOf(
  service: ServiceName,
  { config, registered, up, rejected, cordoned, quarantined, guard, last }: ServiceSnapshot,
  { states, outage, rejections }: Rotation,
): ServiceOverview {
  const kept = new Set(guard.state === 'open' ? [] : guard.context.losses.map(({ instance }) => instance));
  if (last !== null) kept.add(last.instance);
  return {
    service,
    configured: config !== null,
    registered,
    up,
    rejected,
    cordoned: cordoned.length,
    quarantined: quarantined.length,
    guard: guard.state,
    held: kept.size,
    states,
    rejections,
    outage,
    since: guard.context.since,
  };
}

/** Whether somebody should look at it. */
export function isHeld({ guard, held }: ServiceOverview): boolean {
  return guard !== 'open' || held > 0;
}
