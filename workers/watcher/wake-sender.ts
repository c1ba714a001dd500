/** Wakes one service, and keeps at it until the queue took it; what happens meanwhile joins the wake that waits. */

import type { EventId, ServiceName } from '../../shared/model/ids.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import { redisFields } from '../../shared/redis/redis-error.ts';
import { within } from '../../shared/runtime/deadline.ts';
import { backoff, pause } from '../../shared/runtime/wait.ts';
import type { ServiceWake, WakeCause } from './ports.ts';

/** Ids named in a wake: enough for a person to begin with. */
const EVENTS_MAX = 20;
const CALL_DEADLINE_MS = 5_000;
const RETRY_MS = { first: 50, most: 2_000 };

export class WakeSender {
  readonly #service: ServiceName;
  readonly #wake: ServiceWake;
  readonly #signal: AbortSignal;
  readonly #logger: Logger;
  #waiting: WakeCause | null = null;
  #sending = false;

  constructor(service: ServiceName, options: { wake: ServiceWake; signal: AbortSignal; logger: Logger }) {
    this.#service = service;
    this.#wake = options.wake;
    this.#signal = options.signal;
    this.#logger = options.logger;
  }

  /** Whether a wake has not been taken yet. */
  get waiting(): boolean {
    return this.#waiting !== null || this.#sending;
  }

  send(cause: { path: string; events: readonly EventId[]; mzxid: string | null }): void {
    this.#waiting = joined(this.#waiting, { ...cause, events: [...cause.events], time: Date.now() });
    if (!this.#sending) void this.#run();
  }

  async #run(): Promise<void> {
    this.#sending = true;
    for (let failures = 0; this.#waiting !== null && !this.#signal.aborted; ) {
      const cause = this.#waiting;
      this.#waiting = null;
      try {
        await within(
          CALL_DEADLINE_MS,
          this.#wake.wakeService(this.#service, cause),
          () => new Error(`no answer within ${CALL_DEADLINE_MS} ms`),
        );
        failures = 0;
      } catch (error) {
        if (failures === 0) this.#logger.warn({ service: this.#service, ...redisFields(error) }, 'cannot wake the service, trying again');
        this.#waiting = joined(cause, this.#waiting);
        await pause(backoff(failures++, RETRY_MS), this.#signal);
      }
    }
    this.#sending = false;
  }
}

/** The time is that of the elder, the rest that of both. */
function joined<T extends WakeCause | null>(elder: WakeCause | null, younger: T): WakeCause | T {
  if (elder === null) return younger;
  if (younger === null) return elder;
  const events = [...elder.events, ...younger.events].slice(-EVENTS_MAX);
  return { path: younger.path, events, mzxid: younger.mzxid ?? elder.mzxid, time: elder.time };
}
