/** Wakes one service, and keeps at it until the queue took it; what happens meanwhile joins the wake that waits. */
import type { EventId, ServiceName } from '../../shared/model/ids.ts';
import type { Logger } from '../../shared/observability/logger.ts';
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
    const events = [...(this.#waiting?.events ?? []), ...cause.events].slice(-EVENTS_MAX);
    this.#waiting = { path: cause.path, events, mzxid: cause.mzxid ?? this.#waiting?.mzxid ?? null, time: this.#waiting?.time ?? Date.now() };
    if (!this.#sending) void this.#run();
  }

  async #run(): Promise<void> {
    this.#sending = true;
    for (let failures = 0; this.#waiting !== null && !this.#signal.aborted; ) {
      const cause = this.#waiting;
      this.#waiting = null;
      try {
        await within(CALL_DEADLINE_MS, this.#wake.wakeService(this.#service, cause), () => new Error(`no answer within ${CALL_DEADLINE_MS} ms`));
        failures = 0;
      } catch (error) {
        this.#logger.warn({ service: this.#service, err: error }, 'cannot wake the service, trying again');
        const later: WakeCause | null = this.#waiting;
        this.#waiting = later === null ? cause : { ...later, events: [...cause.events, ...(later as WakeCause).events].slice(-EVENTS_MAX), time: cause.time };
        await pause(backoff(failures++, RETRY_MS), this.#signal);
      }
    }
    this.#sending = false;
  }
}
