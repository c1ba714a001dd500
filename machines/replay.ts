/**
 * PURE. A service's log folded from its start, or from a checkpoint: the same `fold` as production, with everything loaded. What it holds at an event
 * is what the snapshots in Redis held when their cursor stood there, byte for byte.
 */
import type { Logged, ServiceEvent } from '../shared/model/event.ts';
import type { InstanceId } from '../shared/model/ids.ts';
import type { AddressClaim } from './claims.ts';
import { fold, type Transition } from './fold.ts';
import type { FoldState } from './fold-state.ts';
import type { InstanceSnapshot } from './instance.ts';
import { newService, type ServiceSnapshot } from './service.ts';

/** What a replay goes on from; of a log that is whole, nothing. */
export interface Checkpoint {
  readonly service: ServiceSnapshot;
  readonly instances: ReadonlyMap<InstanceId, InstanceSnapshot>;
  readonly addresses: ReadonlyMap<string, AddressClaim>;
}

export class Replay {
  readonly #state: FoldState;

  constructor(start: Checkpoint | null = null) {
    this.#state = {
      service: start?.service ?? newService(),
      instances: new Map(start?.instances ?? []),
      addresses: new Map(start?.addresses ?? []),
      touched: new Map(),
    };
  }

  get service(): ServiceSnapshot {
    return this.#state.service;
  }

  instance(id: InstanceId): InstanceSnapshot | null {
    return this.#state.instances.get(id) ?? null;
  }

  /** Everything as it stands, without what is forgotten. */
  state(): Checkpoint {
    return {
      service: this.#state.service,
      instances: new Map([...this.#state.instances].flatMap(([id, snapshot]) => (snapshot === null ? [] : [[id, snapshot] as const]))),
      addresses: new Map([...this.#state.addresses].flatMap(([key, claim]) => (claim === null ? [] : [[key, claim] as const]))),
    };
  }

  /** Which instances changed their state. Events come in the order of the log. */
  step(logged: Logged<ServiceEvent>): Transition[] {
    const transitions = fold(this.#state, logged);
    for (const id of this.#state.touched.keys()) if (this.#state.instances.get(id) === null) this.#state.instances.delete(id);
    return transitions;
  }
}
