/**
 * Servers that nobody has heard of and that were too many to let go stay for the guard's `hold`, also when most of them are back and the rest would be few
 * enough: they were lost together, and are judged together. An operator's `release` ends that. Until when is kept with the proxy's state, so that whoever
 * plans for it (the reconciler, the observer, `pointsman plan`) judges alike.
 */

import type { DesiredBackend } from '../../shared/model/desired.ts';
import type { ProxyId } from '../../shared/model/ids.ts';
import type { ObservedBackend } from '../../shared/model/observed.ts';
import { servingStrangers, whyStrangersStay } from '../../shared/plan/strangers.ts';
import type { ProxyStore } from '../../shared/redis/proxy-store.ts';

/** A deadline that moved by less is not written again. */
const WRITE_EVERY_MS = 5_000;

export class KeptStrangers {
  readonly #proxies: ProxyStore;
  readonly #proxy: ProxyId;

  constructor(proxies: ProxyStore, proxy: ProxyId) {
    this.#proxies = proxies;
    this.#proxy = proxy;
  }

  /** Why those that serve stay; null: they may go. `now`: ms since the epoch. Redis is asked only when there are any. `keeps`: also writes until when. */
  async why(desired: DesiredBackend, observed: ObservedBackend, now: number, keeps: boolean): Promise<string | null> {
    if (servingStrangers(desired, observed) === 0) return null;
    const { hold } = desired.config.guard;
    // Long ago, it was about others.
    if (desired.released !== null && now - desired.released < hold) return null;
    const field = `strangers ${desired.service}`;
    const until = Number((await this.#proxies.state(this.#proxy))[field] ?? 0);
    const why = whyStrangersStay(desired, observed);
    if (why === null) return now < until ? 'no instance of its name is known, as of too many others a while ago' : null;
    if (keeps && desired.complete && now + hold - until > WRITE_EVERY_MS)
      await this.#proxies.setState(this.#proxy, { [field]: String(now + hold) });
    return why;
  }
}
