/**
 * Wiring: builds the ports once and starts the roles asked for. Whatever is not there yet (Zookeeper, Redis, HAProxy) is waited for, with a clear
 * line and back-off; nothing is removed for want of it.
 */
import type { Redis } from 'ioredis';
import type { Config } from '../shared/config/config.ts';
import { errorFields, PointsmanError } from '../shared/errors.ts';
import type { Logger } from '../shared/observability/logger.ts';
import { awaitReady, connectRedis, evictionPolicy } from '../shared/redis/connection.ts';
import { DesiredStore } from '../shared/redis/desired-store.ts';
import { Keys } from '../shared/redis/keys.ts';
import { ProxyStore } from '../shared/redis/proxy-store.ts';
import { Queues } from '../shared/redis/queues.ts';
import { Retention } from '../shared/redis/retention.ts';
import { loadScripts } from '../shared/redis/script.ts';
import { SCRIPTS } from '../shared/redis/scripts.ts';
import { ServiceLog } from '../shared/redis/service-log.ts';
import { ServiceStore } from '../shared/redis/service-store.ts';
import { within } from '../shared/runtime/deadline.ts';
import { type Handover, newHandover } from '../shared/runtime/handover.ts';
import type { Role } from '../shared/runtime/role.ts';
import { backoff, pause } from '../shared/runtime/wait.ts';
import { needsRegistrar } from './registrar/need.ts';
import type { Registrar } from './registrar/registrar.ts';
import { abandonRoles, CLOSE_MS, endRoles, stopWithin } from './role-end.ts';
import type { Transition } from './transition/transition.ts';
import type { WatcherRole } from './watcher/main.ts';
import { resyncListener } from './watcher/resync-answer.ts';

export const ROLES = ['watcher', 'transition', 'reconciler', 'observer', 'registrar', 'dashboard'] as const;
export type RoleName = (typeof ROLES)[number];

const REDIS_FIRST_MS = 5_000;
const ROLE_FIRST_MS = 500;
const ROLE_MOST_MS = 30_000;

/** Everything that the roles and the commands reach through Redis. */
export interface Ports {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly log: ServiceLog;
  readonly store: ServiceStore;
  readonly desired: DesiredStore;
  readonly proxies: ProxyStore;
  readonly queues: Queues;
  readonly retention: Retention;
  readonly handover: Handover;
  readonly logger: Logger;
}

export function createPorts(config: Config, logger: Logger): Ports {
  const redis = connectRedis(config.redis, logger);
  const keys = new Keys(config.redis.prefix);
  const desired = new DesiredStore(redis, keys);
  // What Redis says after an outage may be older than what is remembered, or of another Redis.
  redis.on('ready', () => {
    desired.forget();
    loadScripts(redis, SCRIPTS).catch(() => undefined);
  });
  return {
    redis,
    keys,
    log: new ServiceLog(redis, keys),
    store: new ServiceStore(redis, keys),
    desired,
    proxies: new ProxyStore(redis, keys),
    retention: new Retention(redis, keys),
    queues: new Queues(config.redis, redis, logger),
    handover: newHandover(),
    logger,
  };
}

/** In bounded time, also when Redis does not answer. */
export async function closePorts(ports: Ports): Promise<void> {
  await within(CLOSE_MS, ports.queues.close(), () => new Error('the queues did not close')).catch(() => undefined);
  ports.redis.disconnect();
}

/** The roles that a config asks for when none are named. */
export function rolesOf(config: Config): RoleName[] {
  const roles: RoleName[] = ['transition'];
  if (config.services.length > 0 || config.discover.length > 0) roles.unshift('watcher');
  if (config.proxies.length > 0) roles.push('reconciler', 'observer');
  if (needsRegistrar(config)) roles.push('registrar');
  if (config.dashboard !== null) roles.push('dashboard');
  return roles;
}

export class App {
  #config: Config;
  readonly #ports: Ports;
  readonly #names: readonly RoleName[];
  #roles: Role[] = [];
  readonly #stopping = new AbortController();
  #watcher: WatcherRole | null = null;
  #transition: Transition | null = null;
  #registrar: Registrar | null = null;

  constructor(config: Config, names: readonly RoleName[], logger: Logger) {
    this.#config = config;
    this.#names = names;
    this.#ports = createPorts(config, logger);
  }

  get ports(): Ports {
    return this.#ports;
  }

  /** Resolves when every role is at work (or is tried again), or when it was stopped meanwhile. A role that cannot start holds up no other one. */
  async start(): Promise<void> {
    // What this host registers needs no Redis, and is not kept waiting for it.
    if (this.#names.includes('registrar')) await this.#beginOrAgain('registrar');
    await this.#showOwn();
    await this.#awaitRedis();
    for (const name of this.#names) if (name !== 'registrar') await this.#beginOrAgain(name);
  }

  /** Beside the roles: it shows what they know, also when they cannot begin. */
  async #showOwn(): Promise<void> {
    const listen = this.#config.metrics?.listen;
    if (listen === undefined) return;
    const [{ HttpListener }, { ownMetrics }] = await Promise.all([import('./http-listener.ts'), import('./own-metrics.ts')]);
    const make = () => ownMetrics(listen, () => this.#registrar?.report ?? null);
    const metrics = new HttpListener({ name: 'metrics', listen, make, logger: this.#ports.logger });
    if (this.#stopping.signal.aborted) return;
    this.#roles.push(metrics);
    await metrics.start();
  }

  async #beginOrAgain(name: RoleName): Promise<void> {
    if (!(await this.#begin(name))) void this.#beginAgain(name);
  }

  /** ms that `stop` takes at most. */
  get stopWithin(): number {
    return stopWithin(this.#config, this.#names);
  }

  /** Whether the role is at work, or is not asked for any more. What had begun of one that failed is stopped. */
  async #begin(name: RoleName): Promise<boolean> {
    const begun: Role[] = [];
    try {
      for (const role of await this.#role(name)) {
        if (this.#stopping.signal.aborted) return true;
        begun.push(role);
        this.#roles.push(role);
        await role.start();
      }
      this.#ports.logger.info({ role: name }, 'role started');
      return true;
    } catch (error) {
      // What is not one of our coded errors may be a bug: then the stack says where.
      const detail = error instanceof PointsmanError ? errorFields(error) : { err: error };
      this.#ports.logger.error({ role: name, ...detail }, 'a role could not be started, it is tried again');
      this.#roles = this.#roles.filter((role) => !begun.includes(role));
      await abandonRoles(begun, this.#ports.logger);
      return false;
    }
  }

  async #beginAgain(name: RoleName): Promise<void> {
    const { signal } = this.#stopping;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      await pause(backoff(attempt, { first: ROLE_FIRST_MS, most: ROLE_MOST_MS }), signal);
      if (signal.aborted || (await this.#begin(name))) return;
    }
  }

  /** Takes the services of another config, what it registers and how much it retains; everything else in it counts from the next start. */
  async reconfigure(config: Config): Promise<void> {
    this.#config = { ...this.#config, services: config.services, discover: config.discover, register: config.register, log: config.log };
    this.#registrar?.reconfigure(config.register);
    if (this.#transition !== null) this.#transition.retain = config.log.retain;
    await this.#watcher?.reconfigure(config);
  }

  /** In bounded time: `stopWithin`. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await endRoles(this.#roles.splice(0), this.#config, this.#ports.logger);
    await closePorts(this.#ports);
  }

  async #awaitRedis(): Promise<void> {
    const { redis, logger } = this.#ports;
    for (let attempt = 0; !this.#stopping.signal.aborted; attempt += 1) {
      try {
        await awaitReady(redis, REDIS_FIRST_MS);
        break;
      } catch (error) {
        logger.warn(errorFields(error), 'waiting for redis');
        await pause(backoff(attempt, { first: 500, most: 10_000 }), this.#stopping.signal);
      }
    }
    if (this.#stopping.signal.aborted) return;
    const policy = await evictionPolicy(redis).catch(() => null);
    if (policy !== null && policy !== 'noeviction') {
      logger.error({ policy }, 'REDIS WILL LOSE JOBS AND EVENTS when it is full: set maxmemory-policy noeviction');
    }
  }

  /** Once for all the roles that connect to proxies. */
  async #breakers(): Promise<Role[]> {
    if (this.#roles.some(({ name }) => name === 'breakers')) return [];
    const { BreakerTeller } = await import('./breaker-teller.ts');
    return [new BreakerTeller(this.#config.proxies, this.#ports)];
  }

  /**
   * Each role's code is loaded only where it runs. What is listed together starts in this order. The config is read after the code is there:
   * it may have changed while that was loaded.
   */
  async #role(name: RoleName): Promise<readonly Role[]> {
    switch (name) {
      case 'watcher': {
        const { WatcherRole } = await import('./watcher/main.ts');
        const watcher = new WatcherRole(this.#config, this.#ports);
        this.#watcher = watcher;
        return [watcher, resyncListener(watcher, this.#ports)];
      }
      case 'transition': {
        const { Transition } = await import('./transition/transition.ts');
        const transition = new Transition(this.#ports, this.#config.log.retain);
        this.#transition = transition;
        return [transition];
      }
      case 'reconciler': {
        const { Reconciler } = await import('./reconciler/reconciler.ts');
        return [...(await this.#breakers()), new Reconciler(this.#config.proxies, this.#ports)];
      }
      case 'observer': {
        const { Observer } = await import('./observer/observer.ts');
        return [...(await this.#breakers()), new Observer(this.#config.proxies, this.#ports)];
      }
      case 'registrar': {
        const { registrarRoles } = await import('./registrar/main.ts');
        const { registrar, roles } = await registrarRoles(this.#config, this.#ports);
        this.#registrar = registrar;
        return roles;
      }
      case 'dashboard': {
        const { Dashboard } = await import('./dashboard/dashboard.ts');
        return [new Dashboard(this.#config, this.#ports)];
      }
    }
  }
}
