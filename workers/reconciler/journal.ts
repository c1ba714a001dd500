/**
 * What happens on a proxy, written down: events to its stream, and the backend machines folded over them, stored together.
 * One writer per proxy (the claim), so no compare is needed.
 */
import { type BackendSnapshot, backendEvent, newBackend, stepBackend } from '../../machines/backend.ts';
import { canonical } from '../../machines/snapshot.ts';
import type { ProxyId, ServiceName } from '../../shared/model/ids.ts';
import type { ProxyEvent } from '../../shared/model/proxy-event.ts';
import type { ProxyStore } from '../../shared/redis/proxy-store.ts';

export class Journal {
  readonly #store: ProxyStore;
  readonly #proxy: ProxyId;
  readonly #snapshots: Map<ServiceName, BackendSnapshot>;

  private constructor(store: ProxyStore, proxy: ProxyId, snapshots: Map<ServiceName, BackendSnapshot>) {
    this.#store = store;
    this.#proxy = proxy;
    this.#snapshots = snapshots;
  }

  /** Reads how the backends stand. Call it under the claim. */
  static async open(store: ProxyStore, proxy: ProxyId): Promise<Journal> {
    const stored = await store.backends(proxy);
    const snapshots = new Map([...stored].map(([service, json]) => [service, JSON.parse(json) as BackendSnapshot]));
    return new Journal(store, proxy, snapshots);
  }

  backend(service: ServiceName): BackendSnapshot {
    return this.#snapshots.get(service) ?? newBackend();
  }

  services(): ServiceName[] {
    return [...this.#snapshots.keys()].sort();
  }

  /** Appends the events and what follows from them. What would repeat the present state is not written again. */
  async write(events: readonly ProxyEvent[], at: number): Promise<void> {
    const written: ProxyEvent[] = [];
    const changed = new Map<ServiceName, string>();
    for (const event of events) {
      const means = backendEvent(event, at);
      if (means === null || !('service' in event)) {
        written.push(event);
        continue;
      }
      const before = this.backend(event.service);
      const after = stepBackend(before, means);
      const announces = event.type === 'patching' && event.commands.length > 0;
      if (!announces && standsAs(before, after)) continue;
      this.#snapshots.set(event.service, after);
      changed.set(event.service, canonical(after));
      written.push(event);
    }
    if (written.length > 0) await this.#store.record(this.#proxy, written, changed);
  }

  /** The proxy no longer has the service. */
  async forget(service: ServiceName): Promise<void> {
    if (!this.#snapshots.delete(service)) return;
    await this.#store.record(this.#proxy, [], new Map([[service, null]]));
  }
}

/** Whether a person would see no difference. */
function standsAs(a: BackendSnapshot, b: BackendSnapshot): boolean {
  return a.state === b.state && a.context.detail === b.context.detail && a.context.revision === b.context.revision;
}
