/**
 * Says in the log when backends become blocked, with HAProxy's own words, and when they are in sync again: once per change as this process saw
 * it, however often they are looked at or tried. Backends that are blocked for one reason are told together.
 */
import type { BackendSnapshot } from '../../machines/backend.ts';
import type { ProxyId, ServiceName } from '../../shared/model/ids.ts';
import type { Logger } from '../../shared/observability/logger.ts';

/** Services that a line names; the rest is counted. */
const NAMED_MAX = 20;

export class BackendTeller {
  readonly #proxy: ProxyId;
  readonly #logger: Logger;
  /** Those that were told as blocked, with the reason. */
  readonly #blocked = new Map<ServiceName, string>();

  constructor(proxy: ProxyId, logger: Logger) {
    this.#proxy = proxy;
    this.#logger = logger;
  }

  tell(changed: ReadonlyMap<ServiceName, BackendSnapshot>): void {
    const blocked = new Map<string, ServiceName[]>();
    const free: ServiceName[] = [];
    for (const [service, { state, context }] of changed) {
      if (state === 'in-sync' && this.#blocked.delete(service)) free.push(service);
      if (state !== 'blocked') continue;
      const reason = context.detail ?? '';
      if (this.#blocked.get(service) === reason) continue;
      this.#blocked.set(service, reason);
      blocked.set(reason, [...(blocked.get(reason) ?? []), service]);
    }
    for (const [reason, services] of blocked) this.#logger.warn({ ...this.#named(services), reason }, 'blocked');
    if (free.length > 0) this.#logger.info(this.#named(free), 'no longer blocked');
  }

  forget(service: ServiceName): void {
    this.#blocked.delete(service);
  }

  #named(services: readonly ServiceName[]): Record<string, unknown> {
    const more = services.length - NAMED_MAX;
    return { proxy: this.#proxy, services: services.slice(0, NAMED_MAX), ...(more > 0 ? { more } : {}) };
  }
}
