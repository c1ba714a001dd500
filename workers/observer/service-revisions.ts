/** The services that there are, each with the revision of its desired state: asked of Redis for all proxies of this process together. */
import type { ServiceName } from '../../shared/model/ids.ts';
import type { ReconcilerPorts } from '../reconciler/proxy-agent.ts';

/** ms for which an answer is taken as it is. */
const FRESH_MS = 1_000;

export type Revisions = ReadonlyMap<ServiceName, string>;

export class ServiceRevisions {
  readonly #ports: Pick<ReconcilerPorts, 'redis' | 'keys' | 'log'>;
  #asked: Promise<Revisions> | null = null;
  #askedAt = 0;

  constructor(ports: Pick<ReconcilerPorts, 'redis' | 'keys' | 'log'>) {
    this.#ports = ports;
  }

  /** Sorted by service. */
  current(): Promise<Revisions> {
    if (this.#asked !== null && performance.now() - this.#askedAt < FRESH_MS) return this.#asked;
    this.#askedAt = performance.now();
    const asked = this.#read();
    this.#asked = asked;
    asked.catch(() => {
      if (this.#asked === asked) this.#asked = null;
    });
    return asked;
  }

  async #read(): Promise<Revisions> {
    const { redis, keys, log } = this.#ports;
    const services = await log.services();
    const revisions = await Promise.all(services.map((service) => redis.hget(keys.service(service).meta, 'revision')));
    return new Map(services.map((service, index) => [service, revisions[index] ?? '']));
  }
}
