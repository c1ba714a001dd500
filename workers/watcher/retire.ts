/** Says of services that are no longer configured, or found, that they are not. Their views stay: they may come back. */

import type { ServiceName } from '../../shared/model/ids.ts';
import { pathText } from '../../shared/model/service-path.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import { redisFields } from '../../shared/redis/redis-error.ts';
import { backoff, pause } from '../../shared/runtime/wait.ts';
import type { ServiceWake, WatcherLog } from './ports.ts';
import { type Tenure, ViewWriter } from './view-writer.ts';
import { WakeSender } from './wake-sender.ts';

const RETRY_MS = { first: 50, most: 2_000 };

export interface RetireOptions {
  readonly log: WatcherLog;
  readonly wake: ServiceWake;
  readonly logger: Logger;
  readonly tenure: Tenure;
  readonly signal: AbortSignal;
}

/** `stays` is asked of each service on record when its turn comes. */
export async function retire(
  { log, wake, logger, tenure, signal }: RetireOptions,
  stays: (service: ServiceName) => boolean,
): Promise<void> {
  let known: ServiceName[] | null = null;
  for (let failures = 0; known === null && !signal.aborted; failures++) {
    try {
      known = await log.services();
    } catch (error) {
      logger.warn(redisFields(error), 'cannot list the services on record, trying again');
      await pause(backoff(failures, RETRY_MS), signal);
    }
  }
  for (const service of known ?? []) {
    if (stays(service)) continue;
    const writer = new ViewWriter(service, { log, tenure, signal, logger });
    let path = '';
    const recorded = await writer.commit(() => {
      path = writer.config === null ? '' : pathText(writer.config.path);
      return { set: new Map(), remove: [], events: writer.config === null ? [] : [{ type: 'unconfigured' }] };
    });
    if (recorded === null || (recorded.ids.length === 0 && !recorded.unsure)) continue;
    new WakeSender(service, { wake, signal, logger }).send({ path, events: recorded.ids, mzxid: null });
  }
}
