/**
 * A rollout of new options over the fleet: who may reload now (slots, each for a bounded time), and what goes no further because it failed at a proxy
 * (stops). A slot is taken by proxy, not by process: whoever takes over the job of a worker that died has its slot.
 */
import type { Redis } from 'ioredis';
import type { ProxyId, ServiceName } from '../model/ids.ts';
import type { Changes, OwnRollout, RolloutStop, Up, UpBefore } from '../model/rollout.ts';
import type { Keys } from './keys.ts';
import { HOLD_SLOT, OWN_ROLLOUT, RENEW_SLOT, SETTLE_SLOT, stopField, TAKE_SLOT } from './rollout-scripts.ts';
import { runScript } from './script.ts';

const EXPIRED = 'it was not in sync with them in time, or its worker is gone';

export type Slot =
  | { readonly taken: false; readonly by: readonly ProxyId[] }
  /** `before`: what an earlier reload of this proxy loaded and is not in sync yet. */
  | { readonly taken: true; readonly before: Changes };

/** How what a proxy's slot is for, and what stopped at it, stands after a pass. */
export interface Settled {
  /** Services, or `DEFAULTS`, that are in sync, with as many servers up as before. */
  readonly inSync: readonly ServiceName[];
  /** Those that wait for other options than those that were loaded. */
  readonly waiting: readonly ServiceName[];
  /** Services of the slot that have as many servers up as before. */
  readonly well: readonly ServiceName[];
  /** Those that have not: what goes no further for it when that lasts for `ms` from when the slot was last held, and why. */
  readonly ill: readonly { readonly what: ServiceName; readonly service: ServiceName; readonly ms: number; readonly reason: string }[];
}

export class RolloutStore {
  readonly #redis: Redis;
  readonly #slots: string;
  readonly #stops: string;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    ({ slots: this.#slots, stops: this.#stops } = keys.rollout);
  }

  async take(proxy: ProxyId, most: number, ms: number): Promise<Slot> {
    const answer = await runScript(this.#redis, TAKE_SLOT, [this.#slots, this.#stops], [proxy, String(most), String(ms), EXPIRED]);
    const [what, ...rest] = answer as [string, ...string[]];
    if (what === 'full') return { taken: false, by: rest.sort() };
    return { taken: true, before: new Map(Object.entries(JSON.parse(rest[0] || '{}') as Record<string, string>)) };
  }

  /** Who has a slot besides this proxy, now that those whose time is over have given theirs up. */
  async others(proxy: ProxyId): Promise<readonly ProxyId[]> {
    const slot = await this.take(proxy, 0, 0);
    return slot.taken ? [] : slot.by;
  }

  /** `stops`: whether the rest stops when the slot's time is over before this is in sync. */
  async hold(proxy: ProxyId, of: Pick<OwnRollout, 'changes' | 'up'>, { ms, stops }: { ms: number; stops: boolean }): Promise<void> {
    const [changes, up] = [of.changes, of.up].map((map) => JSON.stringify(Object.fromEntries(map))) as [string, string];
    await runScript(this.#redis, HOLD_SLOT, [this.#slots], [proxy, String(ms), stops ? '1' : '', changes, up]);
  }

  /** What its slot is held for has to prove itself anew. */
  async renew(proxy: ProxyId): Promise<void> {
    await runScript(this.#redis, RENEW_SLOT, [this.#slots], [proxy]);
  }

  async release(proxy: ProxyId): Promise<void> {
    await this.#redis.hdel(this.#slots, proxy);
  }

  /** What the proxy has of the rollout, whichever process it was that began it; null: nothing. */
  async own(proxy: ProxyId): Promise<OwnRollout | null> {
    const [slot = '', ...stops] = (await runScript(this.#redis, OWN_ROLLOUT, [this.#slots, this.#stops], [proxy])) as string[];
    if (slot === '' && stops.length === 0) return null;
    const { changes, up } = JSON.parse(slot || '{}') as { changes?: Record<string, string>; up?: Record<string, UpBefore> };
    const stopped = stops.map((json) => JSON.parse(json) as RolloutStop).map((stop) => [stop.what, mapOf(stop.up)] as const);
    return { changes: new Map(Object.entries(changes ?? {})), up: mapOf(up), stopped: new Map(stopped) };
  }

  /**
   * `heldMs`: a slot is not free earlier than that after it was last held. `held`: it is still, and its time is not over; `stopped`: what goes no further,
   * as of now.
   */
  async settle(proxy: ProxyId, found: Settled, heldMs: number): Promise<{ held: boolean; stopped: readonly ServiceName[] }> {
    const args = [proxy, String(heldMs), JSON.stringify(found)];
    const [held, ...stopped] = (await runScript(this.#redis, SETTLE_SLOT, [this.#slots, this.#stops], args)) as [number, ...string[]];
    return { held: held === 1, stopped };
  }

  /** Who reloads now, or has yet to prove that its reload did well; sorted. */
  async reloading(): Promise<ProxyId[]> {
    return (await this.#redis.hkeys(this.#slots)).sort();
  }

  async stop(proxy: ProxyId, changes: ReadonlyMap<ServiceName, { structure: string; reason: string }>, at: number): Promise<void> {
    const fields = [...changes].map(
      ([what, of]) => [stopField(what, proxy), JSON.stringify({ what, proxy, ...of, at } satisfies RolloutStop)] as const,
    );
    if (fields.length > 0) await this.#redis.hset(this.#stops, Object.fromEntries(fields));
  }

  /** By what stopped, the first of each first. */
  async stops(): Promise<RolloutStop[]> {
    const all = (await this.#redis.hvals(this.#stops)).map((json) => JSON.parse(json) as RolloutStop);
    // Those of an earlier version do not say of what they are.
    return all.filter(({ what }) => what !== undefined).sort((a, b) => (a.what === b.what ? a.at - b.at : a.what < b.what ? -1 : 1));
  }

  async clear(stops: readonly RolloutStop[]): Promise<void> {
    if (stops.length > 0) await this.#redis.hdel(this.#stops, ...stops.map(({ what, proxy }) => stopField(what, proxy)));
  }
}

function mapOf(counts: Readonly<Record<ServiceName, UpBefore>> = {}): Up {
  return new Map(Object.entries(counts));
}
