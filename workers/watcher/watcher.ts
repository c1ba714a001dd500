/**
 * The watcher: of all that run, the elected one watches every configured service and writes what changed into the services' event
 * logs, under an epoch that fences its elders. The others stand by. It does not own the link.
 */

import { canonical } from '../../shared/model/canonical.ts';
import type { DiscoverConfig, RefusedChild } from '../../shared/model/discover.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import { readsAlike, type ServiceConfig } from '../../shared/model/service-config.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import { redisFields } from '../../shared/redis/redis-error.ts';
import { within } from '../../shared/runtime/deadline.ts';
import type { Role } from '../../shared/runtime/role.ts';
import { backoff, pause } from '../../shared/runtime/wait.ts';
import { Election } from '../../shared/zookeeper/election.ts';
import { timedOut } from '../../shared/zookeeper/errors.ts';
import type { ZookeeperLink } from '../../shared/zookeeper/link.ts';
import { Discoveries } from './discoveries.ts';
import { type Lookup, NameResolver } from './name-resolver.ts';
import type { ServiceWake, WatcherLog } from './ports.ts';
import { retire } from './retire.ts';
import { ServiceWatch } from './service-watch.ts';
import type { ServiceWatchStatus } from './service-watch-status.ts';
import type { Tenure } from './view-writer.ts';

export interface WatcherOptions {
  /** Started and stopped by whoever made it. */
  readonly link: ZookeeperLink;
  /** Our own tree in Zookeeper, e.g. `/pointsman`. */
  readonly root: string;
  /** Who we are, for people: host and pid. */
  readonly id: string;
  readonly services: readonly ServiceConfig[];
  /** Where services are found by themselves; default: nowhere. */
  readonly discover?: readonly DiscoverConfig[];
  /** Whether no server of a service is desired any more; needed with `discover`. */
  readonly drained?: (service: ServiceName) => Promise<boolean>;
  readonly log: WatcherLog;
  readonly wake: ServiceWake;
  readonly logger: Logger;
  /** ms between full readings of a service. Default 30,000. */
  readonly rereadMs?: number;
  /** Told when a watch of a service has fired. */
  readonly noticed?: (service: ServiceName) => void;
  /** Told when what it fired for has been handed on. */
  readonly settled?: (service: ServiceName) => void;
  /** Default: the system's resolver. */
  readonly lookup?: Lookup;
}

export interface WatcherStatus {
  readonly leader: boolean;
  /** null: we do not lead, or have no epoch yet. */
  readonly epoch: number | null;
  /** By name. */
  readonly services: readonly ServiceWatchStatus[];
  /** Children of a discovered root that are no services. */
  readonly refused: readonly RefusedChild[];
  /** Discovered roots that cannot be read at the moment, with the reason. */
  readonly unread: ReadonlyMap<string, string>;
}

const RETRY_MS = { first: 50, most: 2_000 };
const RESYNC_DEADLINE_MS = 30_000;

/** One time of leading. */
interface Lead extends Tenure {
  epoch: number;
  readonly abort: AbortController;
  readonly watches: Map<ServiceName, ServiceWatch>;
  readonly discoveries: Discoveries;
}

export class Watcher implements Role {
  readonly name = 'watcher';
  readonly #options: WatcherOptions;
  readonly #election: Election;
  readonly #resolver: NameResolver;
  #services: readonly ServiceConfig[];
  #discover: readonly DiscoverConfig[];
  #lead: Lead | null = null;
  /** Changes of standing and of config go one after the other. */
  #turn: Promise<void> = Promise.resolve();
  #renewing: Promise<boolean> | null = null;

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#services = options.services;
    this.#discover = options.discover ?? [];
    this.#resolver = new NameResolver(options.logger, options.lookup);
    this.#election = new Election(options.link, { root: options.root, name: 'watcher', id: options.id, logger: options.logger });
    this.#election.on('elected', () => void this.#inTurn(() => this.#begin()));
    this.#election.on('lost', () => {
      this.#lead?.abort.abort();
      void this.#inTurn(() => this.#end());
    });
  }

  async start(): Promise<void> {
    this.#election.start();
  }

  async stop(): Promise<void> {
    this.#lead?.abort.abort();
    // First what is in hand, then the lead: the next leader begins where we ended.
    await this.#inTurn(() => this.#end());
    await this.#election.stop();
    await this.#turn;
  }

  /** Takes another set of services, or other configs of them. Resolves when it is at work on them. */
  reconfigure(services: readonly ServiceConfig[], discover: readonly DiscoverConfig[] = this.#discover): Promise<void> {
    const elsewhere = canonical(discover) !== canonical(this.#discover);
    this.#services = services;
    this.#discover = discover;
    return this.#inTurn(async () => {
      if (elsewhere) await this.#lead?.discoveries.begin(discover, this.#lead.abort.signal);
      await this.#apply();
    });
  }

  /**
   * Reads Zookeeper again, past any stale server, and records what differs; all services, or one. Resolves when that is done.
   * Throws ZOOKEEPER_TIMEOUT when it takes too long (no connection, no log); it is done later all the same.
   * @returns false: it was not done here, because another watcher leads or the service is not watched.
   */
  async resync(service?: ServiceName): Promise<boolean> {
    const watches = [...(this.#lead?.watches.values() ?? [])].filter((watch) => service === undefined || watch.service === service);
    if (this.#lead === null || (service !== undefined && watches.length === 0)) return false;
    const roots = service === undefined ? [this.#lead.discoveries.reread()] : [];
    const all = Promise.all([...roots, ...watches.map((watch) => watch.resync())]);
    await within(RESYNC_DEADLINE_MS, all, () => timedOut('reading all again', RESYNC_DEADLINE_MS));
    return true;
  }

  get status(): WatcherStatus {
    const services = [...(this.#lead?.watches.values() ?? [])].map((watch) => watch.status);
    services.sort((a, b) => (a.service < b.service ? -1 : 1));
    const { refused = [], problems: unread = new Map() } = this.#lead?.discoveries ?? {};
    return { leader: this.#election.leader, epoch: this.#lead?.epoch ?? null, services, refused, unread };
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    this.#turn = done.catch((error: unknown) => this.#options.logger.error({ err: error }, 'the watcher failed'));
    return this.#turn;
  }

  async #begin(): Promise<void> {
    if (this.#lead !== null || !this.#election.leader) return;
    const abort = new AbortController();
    const lead: Lead = {
      epoch: 0,
      abort,
      watches: new Map(),
      discoveries: this.#newDiscoveries(),
      fenced: (epoch) => this.#fenced(lead, epoch),
    };
    this.#lead = lead;
    for (let failures = 0; lead.epoch === 0 && !abort.signal.aborted; failures++) {
      try {
        lead.epoch = await this.#options.log.nextEpoch();
      } catch (error) {
        this.#options.logger.warn(redisFields(error), 'no epoch yet, trying again');
        await pause(backoff(failures, RETRY_MS), abort.signal);
      }
    }
    this.#options.logger.info({ epoch: lead.epoch, services: this.#services.length }, 'watching');
    await lead.discoveries.begin(this.#discover, abort.signal);
    await this.#apply();
  }

  #newDiscoveries(): Discoveries {
    const { link, root, log, logger, rereadMs, drained = async () => false } = this.#options;
    const changed = (): void => void this.#inTurn(() => this.#apply({ found: true }));
    return new Discoveries({ link, root, log, logger, drained, changed, ...(rereadMs === undefined ? {} : { rereadMs }) });
  }

  async #end(): Promise<void> {
    const lead = this.#lead;
    if (lead === null) return;
    lead.abort.abort();
    lead.discoveries.stop();
    await Promise.all([...lead.watches.values()].map((watch) => watch.stop()));
    this.#lead = null;
  }

  /** Makes what is watched what is configured, or found. `found`: only what is found has changed. */
  async #apply({ found = false }: { found?: boolean } = {}): Promise<void> {
    const lead = this.#lead;
    if (lead === null || lead.abort.signal.aborted) return;
    const services = [...this.#services, ...lead.discoveries.services(this.#services)];
    const wanted = new Map(services.map((config) => [config.name, config]));
    let left = !found;
    for (const [service, watch] of lead.watches) {
      const config = wanted.get(service);
      if (config !== undefined && readsAlike(config, watch.config)) continue;
      left ||= config === undefined;
      await watch.stop();
      lead.watches.delete(service);
      if (config === undefined) this.#resolver.forget(service);
    }
    for (const [service, config] of wanted) {
      const watch = lead.watches.get(service);
      if (watch === undefined) this.#watch(lead, config);
      else if (canonical(watch.config) !== canonical(config)) void watch.reconfigure(config).catch(() => {});
    }
    if (left)
      void retire(
        { ...this.#options, tenure: lead, signal: lead.abort.signal },
        (service) => wanted.has(service) || lead.watches.has(service),
      );
  }

  #watch(lead: Lead, config: ServiceConfig): void {
    const { link, log, wake, root, logger, rereadMs, noticed, settled } = this.#options;
    const watch = new ServiceWatch(config, {
      link,
      log,
      wake,
      logger,
      resolver: this.#resolver,
      tenure: lead,
      root,
      ...(noticed === undefined ? {} : { noticed }),
      ...(settled === undefined ? {} : { settled }),
      ...(rereadMs === undefined ? {} : { rereadMs }),
    });
    lead.watches.set(config.name, watch);
    watch.start();
  }

  /** All services are refused together when an elder epoch is over: one answer for all of them. */
  #fenced(lead: Lead, epoch: number): Promise<boolean> {
    if (lead.abort.signal.aborted) return Promise.resolve(false);
    if (lead.epoch > epoch) return Promise.resolve(true);
    this.#renewing ??= this.#renew(lead).finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  async #renew(lead: Lead): Promise<boolean> {
    if (!(await this.#election.confirm())) return false;
    lead.epoch = await this.#options.log.nextEpoch();
    this.#options.logger.warn({ epoch: lead.epoch }, 'fenced, and still elected: a new epoch');
    return true;
  }
}
