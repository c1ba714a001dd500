/**
 * Tells when a proxy's runtime socket hangs and when it answers again: once each in the log, and in what Redis has of the proxy, for `status` and
 * `plan`. When it answers again, its reconciler is woken: what changed meanwhile waits.
 */
import { errorText } from '../shared/errors.ts';
import type { BreakerState } from '../shared/haproxy/breaker.ts';
import { breakerOf } from '../shared/haproxy/runtime.ts';
import type { ProxyConfig } from '../shared/model/proxy-config.ts';
import type { Role } from '../shared/runtime/role.ts';
import type { Ports } from './app.ts';

/** So often what is in Redis is written again while a breaker is open, or after a write that failed. */
const KEEP_EVERY_MS = 5_000;

interface Told {
  readonly proxy: ProxyConfig;
  /** Its connections hang, and that was said. */
  open: boolean;
  /** What is in Redis is not what is so. */
  stale: boolean;
  readonly unwatch: () => void;
}

export class BreakerTeller implements Role {
  readonly name = 'breakers';
  readonly #ports: Ports;
  readonly #proxies: readonly ProxyConfig[];
  #told: Told[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(proxies: readonly ProxyConfig[], ports: Ports) {
    this.#proxies = proxies;
    this.#ports = ports;
  }

  async start(): Promise<void> {
    this.#told = this.#proxies.map((proxy) => {
      // What the process before this one said holds no longer.
      const told: Told = {
        proxy,
        open: false,
        stale: true,
        unwatch: breakerOf(proxy.runtime).watch((state) => this.#changed(told, state)),
      };
      return told;
    });
    await Promise.all(this.#told.map((told) => this.#keep(told)));
    this.#timer = setInterval(() => {
      for (const told of this.#told) if (told.stale || told.open) void this.#keep(told);
    }, KEEP_EVERY_MS);
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    for (const { unwatch } of this.#told.splice(0)) unwatch();
  }

  #changed(told: Told, { state, detail, nextTry }: BreakerState): void {
    const { logger, queues } = this.#ports;
    const { id, pool } = told.proxy;
    if (state === 'open' && !told.open)
      logger.error({ proxy: id, code: 'HAPROXY_HUNG', error: detail, nextTry }, 'HAPROXY HANGS: nobody connects to it but to try it again');
    if (state === 'closed' && told.open) {
      logger.info({ proxy: id }, 'haproxy answers again');
      queues
        .wakeProxy(pool, id, { why: 'HAProxy answers again', time: Date.now() })
        .catch((error: unknown) => logger.debug({ proxy: id, error: errorText(error) }, 'wake failed, the next one follows'));
    }
    told.open = state !== 'closed';
    void this.#keep(told);
  }

  async #keep(told: Told): Promise<void> {
    const { proxy } = told;
    const now = breakerOf(proxy.runtime).state;
    try {
      await this.#ports.proxies.setState(proxy.id, { breaker: now.state === 'closed' ? '' : JSON.stringify({ ...now, at: Date.now() }) });
      told.stale = false;
    } catch (error) {
      told.stale = true;
      this.#ports.logger.debug({ proxy: proxy.id, error: errorText(error) }, 'state not kept, the next time');
    }
  }
}
