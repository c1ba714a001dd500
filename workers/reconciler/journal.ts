/**
 * What happens on a proxy, written down: events to its stream, and the backend machines folded over them, stored together.
 * One writer per proxy (the claim), so no compare is needed. A backend is loaded before it is written of.
 */
import { type BackendSnapshot, backendEvent, lookedAt, newBackend, stepBackend } from '../../machines/backend.ts';
import { type Looked, OPEN_LOGGED_MAX } from '../../shared/model/by-hand.ts';
import { canonical } from '../../shared/model/canonical.ts';
import type { EventId, ProxyId, ServiceName } from '../../shared/model/ids.ts';
import type { ProxyEvent } from '../../shared/model/proxy-event.ts';
import type { ProxyStore } from '../../shared/redis/proxy-store.ts';
import type { BackendTeller } from './backend-teller.ts';

export class Journal {
  readonly #store: ProxyStore;
  readonly #proxy: ProxyId;
  readonly #teller: BackendTeller;
  readonly #snapshots = new Map<ServiceName, BackendSnapshot>();
  readonly #causes = new Map<ServiceName, EventId>();

  constructor(store: ProxyStore, proxy: ProxyId, teller: BackendTeller) {
    this.#store = store;
    this.#proxy = proxy;
    this.#teller = teller;
  }

  /** Reads how the backends stand. Call it under the claim. `asked`: the answer, if it was asked for already. */
  async load(services: readonly ServiceName[], asked?: ReadonlyMap<ServiceName, string>): Promise<void> {
    this.#keep(await (asked ?? this.#store.backendsOf(this.#proxy, services)));
  }

  /** Reads them all, also those of services that nobody names any more; answers their names, sorted. */
  async loadAll(): Promise<ServiceName[]> {
    const stored = await this.#store.backends(this.#proxy);
    this.#keep(stored);
    return [...stored.keys()].sort();
  }

  /** What is written of the service from now on follows from this event of its log; null: from none. */
  causedBy(service: ServiceName, event: EventId | null): void {
    if (event === null) this.#causes.delete(service);
    else this.#causes.set(service, event);
  }

  /** How the last look left it; null: none is on record. */
  looked(service: ServiceName): Looked | null {
    return this.#snapshots.get(service)?.context.looked ?? null;
  }

  /** Keeps what was found without a look of its own. */
  async note(found: ReadonlyMap<ServiceName, Looked>): Promise<void> {
    const changed = new Map<ServiceName, string>();
    for (const [service, looked] of found) {
      const after = lookedAt(this.#snapshots.get(service) ?? newBackend(), looked);
      this.#snapshots.set(service, after);
      changed.set(service, canonical(after));
    }
    if (changed.size > 0) await this.#store.record(this.#proxy, [], changed);
  }

  /** Appends the events and what follows from them. What would repeat the present state is not written again. */
  async write(events: readonly ProxyEvent[], at: number): Promise<void> {
    const written: ProxyEvent[] = [];
    const changed = new Map<ServiceName, string>();
    const told = new Map<ServiceName, BackendSnapshot>();
    for (const event of events) {
      const means = backendEvent(event, at);
      if (means === null || !('service' in event)) {
        written.push(event);
        continue;
      }
      const before = this.#snapshots.get(event.service) ?? newBackend();
      const after = stepBackend(before, means);
      told.set(event.service, after);
      const announces = event.type === 'patching' && event.commands.length > 0;
      if (!announces && standsAs(before, after)) continue;
      this.#snapshots.set(event.service, after);
      changed.set(event.service, canonical(after));
      written.push(asLogged(event));
    }
    this.#teller.tell(told);
    if (written.length > 0) await this.#store.record(this.#proxy, written, changed, this.#causes);
  }

  /** The proxy no longer has the service. */
  async forget(service: ServiceName): Promise<void> {
    this.#teller.forget(service);
    if (!this.#snapshots.delete(service)) return;
    await this.#store.record(this.#proxy, [], new Map([[service, null]]));
  }

  #keep(stored: ReadonlyMap<ServiceName, string>): void {
    for (const [service, json] of stored) this.#snapshots.set(service, JSON.parse(json) as BackendSnapshot);
  }
}

/** The names of servers that are under way are for the next look, which has them from the snapshot. */
function asLogged(event: ProxyEvent): ProxyEvent {
  if (!('looked' in event) || event.looked === undefined || (event.looked.open?.length ?? 0) <= OPEN_LOGGED_MAX) return event;
  return { ...event, looked: { ...event.looked, open: null } };
}

/** Whether neither a person nor the next look would see a difference. */
function standsAs(a: BackendSnapshot, b: BackendSnapshot): boolean {
  const [before, after] = [a.context, b.context];
  const stands = a.state === b.state && before.detail === after.detail && before.revision === after.revision;
  return stands && (before.looked === after.looked || canonical(before.looked ?? null) === canonical(after.looked ?? null));
}
