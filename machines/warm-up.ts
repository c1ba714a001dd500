/** PURE. The warm-up of a new instance: its weight rises in equal steps. Weights are multiplied first, because one of 1 has no steps to take. */
import type { ServiceConfig } from '../shared/model/service-config.ts';
import type { InstanceContext } from './instance-context.ts';

export const WARM_STEPS = 10;

/** null: it has its full weight from the start. */
export function warmUpOf(config: ServiceConfig | null): Omit<NonNullable<InstanceContext['warm']>, 'step'> | null {
  const warmUp = config?.warmUp ?? null;
  return warmUp === null ? null : { of: WARM_STEPS, every: Math.max(1, Math.round(warmUp / WARM_STEPS)) };
}

/** What every weight of the service is multiplied by. HAProxy's end at 256, so with a warm-up a registered weight above 25 counts as that. */
export function scaleOf(config: ServiceConfig | null): number {
  return (config?.warmUp ?? null) === null ? 1 : WARM_STEPS;
}
