/**
 * The observer role: looks at every proxy every 2 s. It tells the services' logs what the checks say where that is news, and wakes the
 * reconciler when another worker process answers (a restart, a foreign reload) or when a backend is not as desired. It changes nothing.
 */

import { type ObservedProxy, observeBackends, observeProxy, sameWorker } from '../../shared/haproxy/observe.ts';
import { structureOf } from '../../shared/haproxy/render-service.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { DesiredBackend } from '../../shared/model/desired.ts';
import { matchesAny } from '../../shared/model/glob.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { ObservedBackend, WorkerIdentity } from '../../shared/model/observed.ts';
import type { ProxyConfig } from '../../shared/model/proxy-config.ts';
import { planBackend } from '../../shared/plan/plan-backend.ts';
import type { Role } from '../../shared/runtime/role.ts';
import { pause } from '../../shared/runtime/wait.ts';
import type { ReconcilerPorts } from '../reconciler/proxy-agent.ts';
import { healthNews } from './verdicts.ts';

const LOOK_EVERY_MS = 2_000;

export class Observer implements Role {
  readonly name = 'observer';
  readonly #proxies: readonly ProxyConfig[];
  readonly #ports: ReconcilerPorts;
  readonly #stopping = new AbortController();
  #loops: Promise<void>[] = [];

  constructor(proxies: readonly ProxyConfig[], ports: ReconcilerPorts) {
    this.#proxies = proxies;
    this.#ports = ports;
  }

  async start(): Promise<void> {
    this.#loops = this.#proxies.map((proxy) => this.#watch(proxy));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#loops);
  }

  /** Looks, waits, looks again; a look that fails is the next one's business. */
  async #watch(proxy: ProxyConfig): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#look(proxy).catch((error: unknown) => this.#ports.logger.debug({ proxy: proxy.id, error: String(error) }, 'look failed'));
      await pause(LOOK_EVERY_MS, signal);
    }
  }

  async #look(proxy: ProxyConfig): Promise<void> {
    const seen = await withRuntime(proxy.runtime, async (connection) => ({
      worker: await observeProxy(connection),
      backends: await observeBackends(connection),
    }));
    if (seen.worker.stopping) return;
    const known = (await this.#ports.proxies.state(proxy.id)).worker;
    if (known === undefined || !sameWorker(JSON.parse(known) as WorkerIdentity, seen.worker.identity)) {
      const carried = (await this.#ports.log.services()).filter((service) => matchesAny(proxy.services, service));
      await this.#ports.proxies.mark([proxy.id], new Map(carried.map((service) => [service, 0])));
      return this.#wake(proxy, 'another worker process answers');
    }
    for (const service of await this.#ports.log.services()) {
      if (!matchesAny(proxy.services, service)) continue;
      await this.#service(proxy, service, seen).catch((error: unknown) =>
        this.#ports.logger.debug({ proxy: proxy.id, service, error: String(error) }, 'look at a service failed'),
      );
    }
  }

  async #service(
    proxy: ProxyConfig,
    service: ServiceName,
    seen: { worker: ObservedProxy; backends: ReadonlyMap<string, ObservedBackend> },
  ): Promise<void> {
    const { log, desired: store, proxies, queues } = this.#ports;
    const [{ revision, backend: desired }, verdicts] = await Promise.all([store.read(service), log.verdicts(service, proxy.id)]);
    if (desired === null) return;
    const observed = seen.backends.get(service) ?? null;
    const news = healthNews(verdicts, desired, observed);
    if (news.length > 0 && (await log.tellHealth(service, proxy.id, news))) {
      await queues.wakeService(service, {
        why: `health on ${proxy.id}: ${news
          .slice(0, 5)
          .map((n) => `${n.instance} ${n.to}`)
          .join(', ')}`,
        time: Date.now(),
      });
      // The managed file says which servers may start in rotation, so it follows.
      await proxies.mark([proxy.id], new Map([[service, revision]]));
      await this.#wake(proxy, `${service}: the checks changed their mind`);
    } else if (await this.#drifted(proxy, desired, seen.worker, observed)) {
      await proxies.mark([proxy.id], new Map([[service, revision]]));
      await this.#wake(proxy, `${service}: not as desired`);
    }
  }

  /** Also when it is dirty already: its wake may have been lost. */
  async #drifted(proxy: ProxyConfig, desired: DesiredBackend, worker: ObservedProxy, observed: ObservedBackend | null): Promise<boolean> {
    const wanted = proxy.runtimeOnly ? null : structureOf(desired.config, proxy.defaults);
    // Until a reload has loaded new options, servers are judged by those that their backend runs with.
    const loaded = wanted !== null && observed?.structure !== wanted ? await this.#ports.proxies.loaded(proxy.id, desired.service) : null;
    const plan = planBackend({
      backend: desired.service,
      desired: loaded === null ? desired : { ...desired, config: loaded },
      structure: wanted,
      observed,
      sessions: new Map(),
      capabilities: worker.capabilities,
      runtimeOnly: proxy.runtimeOnly,
    });
    return plan.commands.length > 0;
  }

  async #wake(proxy: ProxyConfig, why: string): Promise<void> {
    await this.#ports.queues.wakeProxy(proxy.pool, proxy.id, { why, time: Date.now() });
  }
}
