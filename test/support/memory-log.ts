/** The watcher's ports in memory, with the same promises: fenced, compared with the revision, all or nothing. And faults on request. */
import { PointsmanError } from '../../shared/errors.ts';
import type { ServiceEvent } from '../../shared/model/event.ts';
import type { EventId, ServiceName } from '../../shared/model/ids.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import type { ViewEntry } from '../../shared/znode/view.ts';
import type { ServiceWake, WakeCause, WatcherLog } from '../../workers/watcher/ports.ts';

interface ServiceState {
  epoch: number;
  revision: number;
  children: Map<string, ViewEntry>;
  config: ServiceConfig | null;
  events: { id: EventId; epoch: number; event: ServiceEvent }[];
}

export class MemoryLog implements WatcherLog {
  readonly states = new Map<ServiceName, ServiceState>();
  /** Calls of `append` that carried something. */
  appends = 0;
  /** Asked before each call; what it throws is the call's answer. `recorded`: as if the answer to a recorded append were lost. */
  fault: ((call: 'nextEpoch' | 'readView' | 'append' | 'services', service: ServiceName | null) => 'lose-answer' | undefined) | null = null;
  #epoch = 0;
  #sequence = 0;

  async nextEpoch(): Promise<number> {
    this.fault?.('nextEpoch', null);
    return ++this.#epoch;
  }

  async readView(service: ServiceName): ReturnType<WatcherLog['readView']> {
    this.fault?.('readView', service);
    const { revision, children, config, events } = this.#state(service);
    return { revision, children: new Map(children), config, complete: events.some(({ event }) => event.type === 'complete'), cordoned: [] };
  }

  async configOnRecord(service: ServiceName): Promise<ServiceConfig | null> {
    return this.#state(service).config;
  }

  async append(service: ServiceName, change: Parameters<WatcherLog['append']>[1]): Promise<{ revision: number; ids: EventId[] }> {
    const then = this.fault?.('append', service);
    const state = this.#state(service);
    if (change.epoch < state.epoch)
      throw new PointsmanError('LOG_FENCED', `epoch ${state.epoch} has written`, { hint: '', retry: 'after' });
    if (change.viewRevision !== state.revision)
      throw new PointsmanError('LOG_STALE_REVISION', `revision ${state.revision}`, { hint: '', retry: 'transient' });
    this.states.set(service, state);
    this.appends++;
    state.epoch = change.epoch;
    state.revision++;
    for (const [name, entry] of change.set) state.children.set(name, entry);
    for (const name of change.remove) state.children.delete(name);
    const ids = change.events.map((event) => {
      const id = `1-${++this.#sequence}`;
      // As it would come back from the log.
      const kept = JSON.parse(JSON.stringify(event)) as ServiceEvent;
      state.events.push({ id, epoch: change.epoch, event: kept });
      if (kept.type === 'configured') state.config = kept.config;
      if (kept.type === 'unconfigured') state.config = null;
      return id;
    });
    if (then === 'lose-answer') throw new Error('the answer was lost');
    return { revision: state.revision, ids };
  }

  async services(): Promise<ServiceName[]> {
    this.fault?.('services', null);
    return [...this.states.keys()].sort();
  }

  /** Without `complete`, which every story has once: see `completions`. */
  events(service: ServiceName): ServiceEvent[] {
    return this.#state(service)
      .events.map(({ event }) => event)
      .filter((event) => event.type !== 'complete');
  }

  /** How often it was told that the service was read completely. */
  completions(service: ServiceName): number {
    return this.#state(service).events.filter(({ event }) => event.type === 'complete').length;
  }

  /** One line per event: `registered 10.0.0.1:80`; `configured`. */
  story(service: ServiceName): string[] {
    return this.events(service).map((event) => ('instance' in event ? `${event.type} ${event.instance}` : event.type));
  }

  /** As if Redis had been emptied. */
  forget(): void {
    this.states.clear();
  }

  #state(service: ServiceName): ServiceState {
    return this.states.get(service) ?? { epoch: 0, revision: 0, children: new Map(), config: null, events: [] };
  }
}

export class MemoryWake implements ServiceWake {
  readonly causes: (WakeCause & { service: ServiceName })[] = [];
  failing = false;
  failures = 0;

  async wakeService(service: ServiceName, cause: WakeCause): Promise<void> {
    if (this.failing) {
      this.failures++;
      throw new Error('the queue is away');
    }
    this.causes.push({ service, ...cause });
  }
}

/** A service's config with everything at its default. */
export function serviceConfig(name: string, path: string, more: Partial<ServiceConfig> = {}): ServiceConfig {
  return {
    name,
    path,
    format: 'auto',
    listen: null,
    mode: 'http',
    balance: 'roundrobin',
    check: { type: 'none' },
    timeouts: { connect: null, client: null, server: null, check: null, queue: null },
    server: { maxConn: null },
    drainTimeout: 30_000,
    guard: { maxLoss: 0.5, window: 10_000, hold: 300_000 },
    flap: null,
    warmUp: null,
    allow: { cidrs: ['0.0.0.0/0', '::/0'], loopback: false, names: true },
    maxInstances: 10_000,
    ...more,
  };
}
