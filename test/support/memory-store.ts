/** A service's log and store in memory, for folds without Redis: what the transition worker reads and commits, with the same promises. */
import type { Logged, ServiceEvent } from '../../shared/model/event.ts';
import type { ServiceLog } from '../../shared/redis/service-log.ts';
import { type Commit, type Fetched, type Named, NONE, type ServiceStore } from '../../shared/redis/service-store.ts';

export class MemoryStore {
  readonly log: Logged<ServiceEvent>[] = [];
  readonly instances = new Map<string, string>();
  readonly desired = new Map<string, string>();
  readonly addresses = new Map<string, string>();
  readonly deadlines = new Map<string, number>();
  service: string | null = null;
  /** Events of the log that are folded. */
  cursor = 0;
  revision = 0;
  /** Events in one fetch. */
  batch = 1_000;
  now = 1_000_000;

  append(events: readonly ServiceEvent[]): void {
    for (const event of events) {
      // As it would come back from the log.
      const kept = JSON.parse(JSON.stringify(event)) as ServiceEvent;
      this.log.push({ id: `${this.now}-${this.log.length + 1}`, time: this.now, event: kept, source: 'memory', cause: null });
    }
  }

  /** As the transition worker takes them. */
  get ports(): { log: ServiceLog; store: ServiceStore } {
    const log = { appendPlain: async (_service: string, events: readonly ServiceEvent[]) => this.append(events) };
    const store = {
      fetch: async (_service: string, now: number, _most: unknown, named?: Named) => this.#fetch(now, named ?? NONE),
      instances: async (_service: string, ids: readonly string[] | 'all') => pick(this.instances, ids),
      addresses: async (_service: string, keys: readonly string[]) => pick(this.addresses, keys),
      commit: async (_service: string, commit: Commit) => this.#commit(commit),
    };
    return { log: log as unknown as ServiceLog, store: store as unknown as ServiceStore };
  }

  #fetch(now: number, named: Named): Fetched {
    return {
      head: { revision: this.revision, cursor: String(this.cursor), published: this.revision, service: this.service },
      damage: null,
      due: [...this.deadlines].filter(([, at]) => at <= now).map(([member]) => member),
      events: this.log.slice(this.cursor, this.cursor + this.batch),
      instances: pick(this.instances, [...named.instances]),
      addresses: pick(this.addresses, [...named.addresses]),
    };
  }

  #commit(commit: Commit): number {
    this.revision = commit.readRevision + 1;
    this.cursor = this.log.findIndex(({ id }) => id === commit.cursor) + 1;
    this.service = commit.service;
    put(this.instances, commit.instances);
    put(this.desired, commit.desired);
    put(this.addresses, commit.addresses);
    put(this.deadlines, commit.deadlines);
    return this.revision;
  }
}

function pick(all: ReadonlyMap<string, string>, names: readonly string[] | 'all'): Map<string, string> {
  if (names === 'all') return new Map(all);
  return new Map(names.flatMap((name) => (all.has(name) ? [[name, all.get(name) as string] as const] : [])));
}

function put<T>(all: Map<string, T>, changes: ReadonlyMap<string, T | null>): void {
  for (const [name, value] of changes) {
    if (value === null) all.delete(name);
    else all.set(name, value);
  }
}
