/**
 * Registrations that the service's config refuses (`where`, `allow`, an address that another instance has), told in the log once per change and in bounded numbers.
 * Those that could not be read the watcher has told.
 */
import type { InstanceSnapshot } from '../../machines/instance.ts';
import type { ServiceEvent } from '../../shared/model/event.ts';
import type { InstanceId, ServiceName } from '../../shared/model/ids.ts';
import type { Rejection } from '../../shared/model/registration.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import { ToldWindow } from '../../shared/observability/told-window.ts';
import { escapeText } from '../../shared/znode/escape.ts';

export interface Refused {
  readonly instance: InstanceId;
  readonly rejection: Rejection;
}

type Snapshots = ReadonlyMap<InstanceId, InstanceSnapshot | null>;

/** Those that are refused after a fold, and were not before, or for another reason. */
export function refusedBy(events: readonly { readonly event: ServiceEvent }[], before: Snapshots, after: Snapshots): readonly Refused[] {
  const told = new Set(
    events.flatMap(({ event }) =>
      (event.type === 'registered' || event.type === 'changed') && 'rejection' in event.said ? [event.instance] : [],
    ),
  );
  return [...after].flatMap(([instance, snapshot]) => {
    const rejection = snapshot?.context.rejection ?? null;
    const was = before.get(instance)?.context.rejection ?? null;
    const same = rejection?.code === was?.code && rejection?.detail === was?.detail;
    return rejection === null || same || told.has(instance) ? [] : [{ instance, rejection }];
  });
}

export class RefusalTeller {
  readonly #logger: Logger;
  readonly #windows = new Map<ServiceName, ToldWindow>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** `now`: performance.now() */
  tell(service: ServiceName, refused: readonly Refused[], now: number): void {
    if (refused.length === 0) return;
    const window = this.#windows.get(service) ?? new ToldWindow();
    this.#windows.set(service, window);
    for (const { instance, rejection } of refused) {
      const more = window.take(now);
      if (more === null) continue;
      const { code, detail } = rejection;
      this.#logger.warn({ service, instance: escapeText(instance), reason: code, detail, ...more }, 'registration refused');
    }
  }
}
