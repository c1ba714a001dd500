/**
 * Tells a service's log what one proxy's checks say of it, where that is news: one event for all that one look found. Who folds in this process is told at once;
 * the job follows all the same.
 */
import { anothersPrefix } from '../../shared/haproxy/installation.ts';
import type { DesiredBackend } from '../../shared/model/desired.ts';
import type { HealthChange } from '../../shared/model/event.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { ObservedBackend } from '../../shared/model/observed.ts';
import type { ProxyConfig } from '../../shared/model/proxy-config.ts';
import { HANDED_OVER_MS } from '../../shared/runtime/handover.ts';
import { pause } from '../../shared/runtime/wait.ts';
import type { ReconcilerPorts } from '../reconciler/proxy-agent.ts';
import { withCheckWords } from './check-words.ts';
import { healthNews } from './verdicts.ts';

/** Another observer of the proxy may be telling it just now; what it has told is read, and what is left is told. */
const TRIES = 2;
/** Instances named in a wake: enough for a person to begin with. */
const NAMED_MAX = 5;

export interface Reading {
  readonly revision: number;
  /** null: the service is not configured, or not known. */
  readonly desired: DesiredBackend | null;
  /** What was told now. */
  readonly told: readonly HealthChange[];
  /** Whether the log now says what was observed. */
  readonly settled: boolean;
}

export class HealthTeller {
  readonly #proxy: ProxyConfig;
  readonly #ports: ReconcilerPorts;
  readonly #signal: AbortSignal;
  readonly #later = new Set<Promise<void>>();

  constructor(proxy: ProxyConfig, ports: ReconcilerPorts, signal: AbortSignal) {
    this.#proxy = proxy;
    this.#ports = ports;
    this.#signal = signal;
  }

  async tell(service: ServiceName, found: ObservedBackend | null): Promise<Reading> {
    const { log, desired: store, keys } = this.#ports;
    const observed = anothersPrefix(found, null, keys.prefix) === null ? found : null;
    for (let attempt = 1; ; attempt += 1) {
      const [{ revision, backend: desired }, known] = await Promise.all([store.read(service), log.verdicts(service, this.#proxy.id)]);
      const heard = desired === null ? [] : healthNews(known, desired, observed);
      if (heard.length === 0) return { revision, desired, told: [], settled: true };
      const news = await withCheckWords(this.#proxy.runtime, service, desired, heard);
      if (await this.#append(service, news)) return { revision, desired, told: news, settled: true };
      if (attempt >= TRIES) return { revision, desired, told: [], settled: false };
    }
  }

  /** Wakes that are on their way. */
  async ended(): Promise<void> {
    await Promise.all(this.#later);
  }

  async #append(service: ServiceName, news: readonly HealthChange[]): Promise<boolean> {
    const { log, handover } = this.#ports;
    const appended = log.tellHealth(service, this.#proxy.id, news);
    // Health seldom changes what proxies should have: without a hint it is only folded, and no proxy is readied for a pass.
    handover.service?.(service, []);
    if (!(await appended)) return false;
    const named = news.slice(0, NAMED_MAX).map(({ instance, to }) => `${instance} ${to}`);
    const cause = { why: `health on ${this.#proxy.id}: ${named.join(', ')}`, time: Date.now() };
    if (handover.service === null) await this.#ports.queues.wakeService(service, cause);
    else this.#afterwards(() => this.#ports.queues.wakeService(service, cause));
    return true;
  }

  /** Once those who were told have mostly done it. Should it be lost: the sweep of the services follows. */
  #afterwards(wake: () => Promise<unknown>): void {
    const later = pause(HANDED_OVER_MS.service, this.#signal)
      .then(wake)
      .catch((error: unknown) => this.#ports.logger.debug({ error: String(error) }, 'wake failed, the next sweep follows'))
      .then(() => void this.#later.delete(later));
    this.#later.add(later);
  }
}
