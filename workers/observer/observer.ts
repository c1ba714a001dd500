/**
 * The observer role: tells the services' logs what each proxy's checks say where that is news, and wakes the reconciler when another worker process answers
 * (a restart, a foreign reload) or when a backend is not as desired. It changes nothing.
 */

import type { ProxyConfig } from '../../shared/model/proxy-config.ts';
import type { Role } from '../../shared/runtime/role.ts';
import type { ReconcilerPorts } from '../reconciler/proxy-agent.ts';
import { ProxyObserver } from './proxy-observer.ts';
import { ServiceRevisions } from './service-revisions.ts';

export class Observer implements Role {
  readonly name = 'observer';
  readonly #ports: ReconcilerPorts;
  readonly #observers: readonly ProxyObserver[];
  readonly #stopping = new AbortController();
  #loops: Promise<void>[] = [];

  constructor(proxies: readonly ProxyConfig[], ports: ReconcilerPorts) {
    this.#ports = ports;
    const revisions = new ServiceRevisions(ports);
    this.#observers = proxies.map((proxy) => new ProxyObserver(proxy, ports, revisions));
  }

  async start(): Promise<void> {
    this.#ports.redis.on('ready', this.#redisIsBack);
    this.#loops = this.#observers.map((observer) => observer.run(this.#stopping.signal));
  }

  async stop(): Promise<void> {
    this.#ports.redis.off('ready', this.#redisIsBack);
    this.#stopping.abort();
    await Promise.all(this.#loops);
  }

  readonly #redisIsBack = (): void => {
    for (const observer of this.#observers) observer.forget();
  };
}
