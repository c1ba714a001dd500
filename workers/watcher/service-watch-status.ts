/** How the watch of one service stands. */
import type { PointsmanError } from '../../shared/errors.ts';
import type { ServiceName } from '../../shared/model/ids.ts';

export interface ServiceWatchStatus {
  readonly service: ServiceName;
  /** The path, when it is not there. */
  readonly absent: string | null;
  /** On record. */
  readonly children: number;
  /** The view is what Zookeeper has, by a watch that is in force. */
  readonly fresh: boolean;
  /** ms since it was last fresh; null: it is. */
  readonly staleMs: number | null;
  /** Children that are missing and not believed to be gone yet. */
  readonly missing: number;
  readonly problem: PointsmanError | null;
  /** A wake that the queue has not taken. */
  readonly wakeWaiting: boolean;
}
