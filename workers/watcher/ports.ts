/** What the watcher needs of the event log and of the queue. */
import type { ServiceEvent } from '../../shared/model/event.ts';
import type { EventId, InstanceId, ServiceName } from '../../shared/model/ids.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import type { ViewEntry } from '../../shared/znode/view.ts';

export interface WatcherLog {
  /** Rises with each call: the fence. */
  nextEpoch(): Promise<number>;
  /** `complete`: the log was told at some time that the service was read completely. `cordoned`: by the service's last snapshot. */
  readView(service: ServiceName): Promise<{
    revision: number;
    children: Map<string, ViewEntry>;
    config: ServiceConfig | null;
    complete: boolean;
    cordoned: readonly InstanceId[];
  }>;
  /**
   * Updates the view and appends the events, in one step, if the epoch is not older than the last one that wrote, and the view is
   * still at `viewRevision`. Throws PointsmanError LOG_FENCED or LOG_STALE_REVISION.
   */
  append(
    service: ServiceName,
    change: {
      readonly epoch: number;
      readonly viewRevision: number;
      readonly set: ReadonlyMap<string, ViewEntry>;
      readonly remove: readonly string[];
      readonly events: readonly ServiceEvent[];
    },
  ): Promise<{ revision: number; ids: EventId[] }>;
  /** The config that was published last; null: it is not configured. */
  configOnRecord(service: ServiceName): Promise<ServiceConfig | null>;
  /** Those that have a log. */
  services(): Promise<ServiceName[]>;
}

/** Why a service is woken: for people who look at the queue, not for code. `time` in ms since the epoch. */
export interface WakeCause {
  readonly path: string;
  readonly events: EventId[];
  readonly mzxid: string | null;
  readonly time: number;
}

export interface ServiceWake {
  wakeService(service: ServiceName, cause: WakeCause): Promise<void>;
}
