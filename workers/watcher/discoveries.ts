/**
 * All that is discovered while a watcher leads: what its roots show, as services beside the configured ones. It begins with what was found before, by what
 * the logs have as configured: absence of knowledge unconfigures nothing.
 */

import { type DiscoverConfig, discoveredPath, discoveredServices, type RefusedChild } from '../../shared/model/discover.ts';
import { isName, type ServiceName } from '../../shared/model/ids.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { redisFields } from '../../shared/redis/redis-error.ts';
import { backoff, pause } from '../../shared/runtime/wait.ts';
import { escapeText } from '../../shared/znode/escape.ts';
import { Discovery, type DiscoveryOptions } from './discovery.ts';
import type { WatcherLog } from './ports.ts';

const RETRY_MS = { first: 50, most: 2_000 };
/** Refused children that are remembered as told; beyond, none is told any more. */
const TOLD_MAX = 10_000;

export interface DiscoveriesOptions extends DiscoveryOptions {
  readonly log: Pick<WatcherLog, 'services' | 'configOnRecord'>;
}

export class Discoveries {
  readonly #options: DiscoveriesOptions;
  readonly #told = new Set<string>();
  #discoveries: Discovery[] = [];
  #before: ReadonlySet<ServiceName> = new Set();
  #refused: readonly RefusedChild[] = [];

  constructor(options: DiscoveriesOptions) {
    this.#options = options;
  }

  /** Resolves when it is known what was found before, however long the log is out of reach, or when the signal aborts. */
  async begin(discover: readonly DiscoverConfig[], signal: AbortSignal): Promise<void> {
    const known = discover.length === 0 ? new Map<string, string>() : await this.#recorded(signal);
    if (signal.aborted) return;
    this.stop();
    this.#discoveries = discover.map((config) => {
      const names = [...known].filter(([name, path]) => path === discoveredPath(config, name)).map(([name]) => name);
      return new Discovery(config, names, this.#options);
    });
    this.#before = new Set(known.keys());
    for (const discovery of this.#discoveries) discovery.start();
  }

  stop(): void {
    for (const discovery of this.#discoveries.splice(0)) discovery.stop();
  }

  /** Those that are there now beside the configured ones. */
  services(configured: readonly ServiceConfig[]): readonly ServiceConfig[] {
    const found = this.#discoveries.map((discovery) => ({ discover: discovery.config, names: discovery.names }));
    const { services, refused } = discoveredServices(found, { configured, before: this.#before, root: this.#options.root });
    this.#before = new Set(services.map(({ name }) => name));
    this.#refused = refused;
    for (const one of refused) this.#tell(one);
    return services;
  }

  /** As Discovery.reread, of all. */
  async reread(): Promise<void> {
    await Promise.all(this.#discoveries.map((discovery) => discovery.reread()));
  }

  get refused(): readonly RefusedChild[] {
    return this.#refused;
  }

  /** Roots that cannot be read at the moment, with the reason. */
  get problems(): ReadonlyMap<string, string> {
    return new Map(this.#discoveries.flatMap(({ config, problem }) => (problem === null ? [] : [[config.root, problem.message] as const])));
  }

  #tell({ name, root, reason }: RefusedChild): void {
    const key = `${root}/${name} ${reason}`;
    if (this.#told.has(key) || this.#told.size >= TOLD_MAX) return;
    this.#told.add(key);
    this.#options.logger.warn({ root, znode: escapeText(name), reason }, 'a child is no service');
  }

  /** By the logs: service -> its path, of those that are configured. */
  async #recorded(signal: AbortSignal): Promise<Map<string, string>> {
    const { log, logger } = this.#options;
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        const paths = new Map<string, string>();
        for (const service of await log.services()) {
          const config = await log.configOnRecord(service);
          if (config !== null && typeof config.path === 'string' && isName(service)) paths.set(service, config.path);
        }
        return paths;
      } catch (error) {
        logger.warn(redisFields(error), 'cannot read which services were found before, trying again');
        await pause(backoff(failures, RETRY_MS), signal);
      }
    }
    return new Map();
  }
}
