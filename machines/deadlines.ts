/** PURE. The deadlines of an instance and of a service: when the next one is, and the events of those that are due. Times in ms. */
import type { ServiceEvent, TimerKind } from '../shared/model/event.ts';
import type { InstanceSnapshot } from './instance.ts';
import type { ServiceSnapshot } from './service.ts';

type TimerEvent = Extract<ServiceEvent, { type: 'timer' }>;

/** When the instance's next deadline is; null: none. */
export function instanceDeadline({ context }: InstanceSnapshot): number | null {
  return earliest(Object.values(context.timers));
}

/** When the service's own next deadline is; null: none. */
export function serviceDeadline(service: ServiceSnapshot): number | null {
  return earliest(serviceTimers(service));
}

/** Of the instance's deadlines, those at or before `now`. */
export function instanceDue({ context }: InstanceSnapshot, now: number): TimerEvent[] {
  return Object.entries(context.timers).flatMap(([timer, { at, token }]) =>
    at <= now ? [{ type: 'timer', timer: timer as TimerKind, instance: context.id, token }] : [],
  );
}

/** Of the service's own deadlines, those at or before `now`. */
export function serviceDue(service: ServiceSnapshot, now: number): TimerEvent[] {
  return serviceTimers(service).flatMap(({ at, token }) => (at <= now ? [{ type: 'timer', timer: 'guard', instance: null, token }] : []));
}

function serviceTimers({ guard, last }: ServiceSnapshot): { readonly at: number; readonly token: number }[] {
  return [guard.context.timer, last?.timer ?? null].filter((timer) => timer !== null);
}

function earliest(timers: readonly { readonly at: number }[]): number | null {
  return timers.length === 0 ? null : Math.min(...timers.map(({ at }) => at));
}
