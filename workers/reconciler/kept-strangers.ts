/**
 * Servers that nobody has heard of and that were too many to let go stay for the guard's `hold`, also when most of them are back and the rest would be few
 * enough: they were lost together, and are judged together. An operator's `release` ends that. Until when is kept with the proxy's state, so that whoever
 * plans for it (the reconciler, the observer, `pointsman plan`) judges alike.
 */

import type { DesiredBackend } from '../../shared/model/desired.ts';
import type { ProxyId, ServiceName } from '../../shared/model/ids.ts';
import type { ObservedBackend } from '../../shared/model/observed.ts';
import { hasStrangers, servingStrangers, whyStrangersStay } from '../../shared/plan/strangers.ts';
import type { ProxyStore } from '../../shared/redis/proxy-store.ts';

/** A deadline that moved by less is not written again. */
const WRITE_EVERY_MS = 5_000;

export class KeptStrangers {
  readonly #proxies: ProxyStore;
  readonly #proxy: ProxyId;
  /** Those that may be in Redis; read once, so that a look without strangers asks nothing. null: not read yet. */
  #fields: Set<string> | null = null;

  constructor(proxies: ProxyStore, proxy: ProxyId) {
    this.#proxies = proxies;
    this.#proxy = proxy;
  }

  /**
   * Why those that serve stay; null: they may go. `now`: ms since the epoch. Redis is asked only when there are any. `keeps`: also writes until when, and takes
   * that away once there are none.
   */
  async why(desired: DesiredBackend, observed: ObservedBackend, now: number, keeps: boolean): Promise<string | null> {
    if (keeps && !hasStrangers(desired, observed)) await this.forget(desired.service);
    if (servingStrangers(desired, observed) === 0) return null;
    const { hold } = desired.config.guard;
    // Long ago, it was about others.
    if (desired.released !== null && now - desired.released < hold) return null;
    const field = fieldOf(desired.service);
    const kept = (await this.#proxies.state(this.#proxy))[field];
    if (kept !== undefined) this.#fields?.add(field);
    const until = Number(kept ?? 0);
    const why = whyStrangersStay(desired, observed);
    if (why === null) return now < until ? 'no instance of its name is known, as of too many others a while ago' : null;
    if (keeps && desired.complete && now + hold - until > WRITE_EVERY_MS) await this.#keep(field, now + hold);
    return why;
  }

  /** There are none any more: those that come later are judged by themselves. */
  async forget(service: ServiceName): Promise<void> {
    const field = fieldOf(service);
    this.#fields ??= new Set(Object.keys(await this.#proxies.state(this.#proxy)));
    if (this.#fields.delete(field)) await this.#proxies.dropState(this.#proxy, field);
  }

  async #keep(field: string, until: number): Promise<void> {
    this.#fields?.add(field);
    await this.#proxies.setState(this.#proxy, { [field]: String(until) });
  }
}

function fieldOf(service: ServiceName): string {
  return `strangers ${service}`;
}
