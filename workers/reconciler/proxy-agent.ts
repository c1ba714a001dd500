/**
 * What one process knows of one proxy between its jobs: nothing that could not be found out again. How long servers have been quiet,
 * when a file was last written, how often a look was repeated.
 */

import type { Redis } from 'ioredis';
import { structureOf } from '../../shared/haproxy/render-service.ts';
import type { DesiredBackend } from '../../shared/model/desired.ts';
import { matchesAny } from '../../shared/model/glob.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { ObservedBackend, WorkerIdentity } from '../../shared/model/observed.ts';
import type { ProxyConfig } from '../../shared/model/proxy-config.ts';
import type { OwnRollout } from '../../shared/model/rollout.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import type { ServerSessions } from '../../shared/plan/sessions.ts';
import { Claim } from '../../shared/redis/claim.ts';
import type { DesiredStore } from '../../shared/redis/desired-store.ts';
import type { Keys } from '../../shared/redis/keys.ts';
import type { ProxyStore } from '../../shared/redis/proxy-store.ts';
import type { Queues } from '../../shared/redis/queues.ts';
import type { ServiceLog } from '../../shared/redis/service-log.ts';
import type { Handover } from '../../shared/runtime/handover.ts';
import { BackendTeller } from './backend-teller.ts';
import { Journal } from './journal.ts';
import { KeptForms } from './kept-forms.ts';
import { KeptStrangers } from './kept-strangers.ts';
import { type ProxyLock, takeProxyLock } from './proxy-lock.ts';

export interface ReconcilerPorts {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly log: ServiceLog;
  readonly desired: DesiredStore;
  readonly proxies: ProxyStore;
  readonly queues: Queues;
  readonly handover: Handover;
  readonly logger: Logger;
}

/** A service as desired and as last seen, for the files. */
export interface Seen {
  readonly desired: DesiredBackend;
  /** The config that the backend runs with; null: not known, or there is no backend. */
  readonly running: ServiceConfig | null;
  readonly observed: ObservedBackend | null;
}

/** What this process last saw of a worker's map of routes. */
interface KeptRoutes {
  readonly worker: WorkerIdentity;
  readonly routes: ReadonlyMap<string, ServiceName>;
}

export class ProxyAgent {
  readonly config: ProxyConfig;
  readonly ports: ReconcilerPorts;
  /** The worker that the last pass of this process spoke to. */
  worker: WorkerIdentity | null = null;
  readonly seen = new Map<ServiceName, Seen>();
  readonly sessions = new Map<ServiceName, { at: number; counts: ReadonlyMap<string, ServerSessions> }>();
  readonly strangers: KeptStrangers;
  readonly forms = new KeptForms();
  /** The map of the shared frontend as it was last read. */
  routes: KeptRoutes | null = null;
  /** Backends made at runtime that this process has published. */
  published: { readonly worker: WorkerIdentity; readonly services: Set<ServiceName> } | null = null;
  readonly written = new Map<ServiceName, number>();
  /** The last pass that reached HAProxy left a managed file unwritten, or did not get to its end. */
  owes = false;
  /** Looks in a row that ended waiting. */
  waits = 0;
  /** Contacts in a row that failed. */
  failures = 0;
  /** What it has of a rollout, as the pass that is under way found it; null: neither a slot, nor a stop. */
  rollout: OwnRollout | null = null;
  /** HAProxy was seen to run without our folder. */
  unmanaged = false;
  readonly #teller: BackendTeller;

  constructor(config: ProxyConfig, ports: ReconcilerPorts) {
    this.config = config;
    this.ports = ports;
    this.strangers = new KeptStrangers(ports.proxies, config.id);
    this.#teller = new BackendTeller(config.id, ports.logger);
  }

  /** For one pass or one reload. */
  newJournal(): Journal {
    return new Journal(this.ports.proxies, this.config.id, this.#teller);
  }

  /** Every service that this proxy carries, sorted. */
  async carried(): Promise<ServiceName[]> {
    const services = await this.ports.log.services();
    return services.filter((service) => matchesAny(this.config.services, service));
  }

  /** The config that a backend runs with: the desired one if that is loaded, else what was loaded before. */
  async running(desired: DesiredBackend, structure: string | null): Promise<ServiceConfig | null> {
    const { defaults } = this.config;
    if (structure === null) return this.config.runtimeOnly ? desired.config : null;
    if (structureOf(desired.config, defaults) === structure) return desired.config;
    const before = await this.ports.proxies.loaded(this.config.id, desired.service);
    return before !== null && structureOf(before, defaults) === structure ? before : null;
  }

  /**
   * Runs under the claim and the lock; null: another worker has them. `about`: a service whose backend snapshot comes with the claim. `onAsked` is
   * called when the claim's request is on its way, and given what resolves to the claim once both are ours, or to null.
   */
  async exclusively<T>(
    run: (claim: Claim) => Promise<T>,
    { about = null, onAsked = () => undefined }: { about?: ServiceName | null; onAsked?: (ours: Promise<Claim | null>) => void } = {},
  ): Promise<{ value: T } | null> {
    const asked = Claim.take(this.ports.redis, this.ports.keys, this.config.id, about === null ? [] : [about]);
    const ours = Promise.withResolvers<Claim | null>();
    onAsked(ours.promise);
    let lock: ProxyLock | null = null;
    let claim: Claim | null = null;
    try {
      // A file's lock takes a moment of this thread, well spent while the answers are on their way.
      lock = await takeProxyLock(this.config.runtime);
      claim = await asked;
      if (lock !== null) ours.resolve(claim);
      return claim === null || lock === null ? null : { value: await run(claim) };
    } finally {
      ours.resolve(null);
      try {
        lock?.release();
      } finally {
        claim ??= await asked.catch(() => null);
        await claim?.release();
      }
    }
  }

  async later(delayMs: number, why: string): Promise<void> {
    await this.ports.queues.wakeProxyLater(this.config.pool, this.config.id, delayMs, { why, time: Date.now() });
  }
}
