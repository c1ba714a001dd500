/**
 * Records what changed about one service: the view as it stands in the log, and the next step from it. A step that fails is
 * tried again until it is recorded or the signal aborts; one that meets a view that has moved is computed again from the new view.
 */

import { errorText, PointsmanError } from '../../shared/errors.ts';
import type { ServiceEvent } from '../../shared/model/event.ts';
import type { EventId, InstanceId, ServiceName } from '../../shared/model/ids.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import { redisFields } from '../../shared/redis/redis-error.ts';
import { within } from '../../shared/runtime/deadline.ts';
import { backoff, pause } from '../../shared/runtime/wait.ts';
import { Backing } from '../../shared/znode/backing.ts';
import type { ViewEntry } from '../../shared/znode/view.ts';
import type { WatcherLog } from './ports.ts';

/** The watcher's standing as the leader. */
export interface Tenure {
  readonly epoch: number;
  /** Called when the log refused `epoch`. true: there is a new one; false: we do not lead any more. Throws when it cannot be told. */
  fenced(epoch: number): Promise<boolean>;
}

export interface Change {
  readonly set: ReadonlyMap<string, ViewEntry>;
  readonly remove: readonly string[];
  readonly events: readonly ServiceEvent[];
}

export interface Recorded {
  readonly ids: readonly EventId[];
  /** Something may have been recorded without an answer: the service must be woken although no ids are known. */
  readonly unsure: boolean;
  /** The view was read from the log anew, and may not be what it was before this step. */
  readonly moved: boolean;
}

const CALL_DEADLINE_MS = 5_000;
const RETRY_MS = { first: 50, most: 2_000 };

export class ViewWriter {
  children = new Map<string, ViewEntry>();
  backing = new Backing();
  config: ServiceConfig | null = null;
  complete = false;
  /** Who is cordoned by the record; what was appended lately included. */
  cordoned = new Set<InstanceId>();
  readonly #service: ServiceName;
  readonly #log: WatcherLog;
  readonly #tenure: Tenure;
  readonly #signal: AbortSignal;
  readonly #logger: Logger;
  #revision = 0;
  #loaded = false;
  #loads = 0;
  /** What failed last, and was told. */
  #told: string | null = null;

  constructor(service: ServiceName, options: { log: WatcherLog; tenure: Tenure; signal: AbortSignal; logger: Logger }) {
    this.#service = service;
    this.#log = options.log;
    this.#tenure = options.tenure;
    this.#signal = options.signal;
    this.#logger = options.logger;
  }

  /**
   * `compute` gives the step from the view as it is then. `reread`: the view is read from the log first, because it may have been
   * lost there. null: aborted, or we do not lead any more.
   */
  async commit(compute: () => Change, options: { reread?: boolean } = {}): Promise<Recorded | null> {
    let unsure = false;
    if (options.reread) this.#loaded = false;
    const loads = this.#loads;
    for (let failures = 0; !this.#signal.aborted; failures++) {
      const { epoch } = this.#tenure;
      const ready = await this.#attempt(() => this.#load());
      if (ready.ok) {
        const change = compute();
        if (change.events.length === 0) return { ids: [], unsure, moved: this.#loads > loads };
        const appended = await this.#attempt(() => this.#append(epoch, change));
        if (appended.ok) return { ids: appended.value, unsure, moved: this.#loads > loads };
        unsure = true;
        if (!(await this.#mayGoOn(appended.error, epoch))) return null;
      }
      await pause(backoff(failures, RETRY_MS), this.#signal);
    }
    return null;
  }

  async #load(): Promise<void> {
    if (this.#loaded) return;
    const { revision, children, config, complete, cordoned } = await this.#bounded(this.#log.readView(this.#service));
    this.#revision = revision;
    this.children = children;
    this.backing = new Backing(children);
    this.config = config;
    this.complete = complete;
    this.cordoned = new Set(cordoned);
    this.#loaded = true;
    this.#loads++;
  }

  async #append(epoch: number, change: Change): Promise<EventId[]> {
    const { set, remove, events } = change;
    const { revision, ids } = await this.#bounded(
      this.#log.append(this.#service, { epoch, viewRevision: this.#revision, set, remove, events }),
    );
    this.#revision = revision;
    for (const [name, entry] of set) {
      this.backing.note(name, this.children.get(name), entry);
      this.children.set(name, entry);
    }
    for (const name of remove) {
      this.backing.note(name, this.children.get(name), undefined);
      this.children.delete(name);
    }
    for (const event of events) {
      if (event.type === 'configured') this.config = event.config;
      if (event.type === 'complete') this.complete = true;
      if (event.type === 'cordoned') this.cordoned.add(event.instance);
      if (event.type === 'uncordoned') this.cordoned.delete(event.instance);
    }
    return ids;
  }

  async #mayGoOn(error: unknown, epoch: number): Promise<boolean> {
    const code = error instanceof PointsmanError ? error.code : null;
    // Whatever failed, it may have been recorded all the same.
    this.#loaded = false;
    if (code !== 'LOG_FENCED') return true;
    const told = await this.#attempt(() => this.#tenure.fenced(epoch));
    return told.ok ? told.value : true;
  }

  async #attempt<T>(work: () => Promise<T>): Promise<{ ok: true; value: T } | { ok: false; error: unknown }> {
    try {
      const value = await work();
      this.#told = null;
      return { ok: true, value };
    } catch (error) {
      // Once, as long as it is the same.
      const text = errorText(error);
      if (text !== this.#told) this.#logger.warn({ service: this.#service, ...redisFields(error) }, 'cannot record, trying again');
      this.#told = text;
      return { ok: false, error };
    }
  }

  #bounded<T>(call: Promise<T>): Promise<T> {
    return within(CALL_DEADLINE_MS, call, () => new Error(`the event log gave no answer within ${CALL_DEADLINE_MS} ms`));
  }
}
