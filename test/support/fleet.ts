/** Several real HAProxies, each with a base file and a managed folder of its own, and the workers of all of them on one Redis. Events are told by the test. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../../shared/config/config.ts';
import { observeProxy } from '../../shared/haproxy/observe.ts';
import { structureOf } from '../../shared/haproxy/render-service.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { Logged, ServiceEvent } from '../../shared/model/event.ts';
import type { ProxyConfig } from '../../shared/model/proxy-config.ts';
import type { ProxyEvent } from '../../shared/model/proxy-event.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { createLogger } from '../../shared/observability/logger.ts';
import { App, type RoleName } from '../../workers/app.ts';
import { type TempFolder, tempFolder } from './folder.ts';
import { TestHaproxy } from './haproxy.ts';
import { until } from './poll.ts';
import { type RedisServer, startRedis } from './redis.ts';
import { proxyConfig } from './render-input.ts';

const SECTIONS = `
defaults base
  mode http
  timeout connect 2s
  timeout client 10s
  timeout server 10s
`;

export interface FleetOptions {
  readonly rollout?: ProxyConfig['rollout'];
  /** More in the base file of the proxy of this number. */
  readonly sections?: ReadonlyMap<number, string>;
}

export interface Member {
  readonly config: ProxyConfig;
  readonly haproxy: TestHaproxy;
}

export class Fleet {
  readonly members: readonly Member[];
  readonly redis: RedisServer;
  readonly #folder: TempFolder;
  readonly #apps: App[] = [];

  private constructor(folder: TempFolder, redis: RedisServer, members: readonly Member[]) {
    this.#folder = folder;
    this.redis = redis;
    this.members = members;
  }

  static async start(size: number, options: FleetOptions = {}): Promise<Fleet> {
    const [folder, redis] = await Promise.all([tempFolder(), startRedis()]);
    const members = await Promise.all(
      Array.from({ length: size }, async (_, index) => {
        const managed = join(folder.path, `managed-${index}`);
        const haproxy = await TestHaproxy.prepare({ sections: `${SECTIONS}${options.sections?.get(index) ?? ''}`, argv: ['-f', managed] });
        const config = proxyConfig({
          id: `edge-${index}`,
          pool: `edge-${index}`,
          runtime: haproxy.runtime,
          reload: { kind: 'master', socket: haproxy.master },
          base: haproxy.configFile,
          managed,
          reloadPolicy: { minInterval: 100, jitter: 0, hardStopAfter: 10_000, maxReloads: 50 },
          ...(options.rollout === undefined ? {} : { rollout: options.rollout }),
        });
        return { config, haproxy };
      }),
    );
    return new Fleet(folder, redis, members);
  }

  /** The roles of these members in an app of their own; their HAProxies are started. */
  async work(members: readonly Member[], roles: readonly RoleName[], haproxy: 'is started' | 'runs' = 'is started'): Promise<App> {
    const config = {
      redis: { url: this.redis.url, prefix: 'test' },
      proxies: members.map((member) => member.config),
      services: [],
      register: [],
      log: { level: 'info', retain: { age: 3_600_000, events: 100_000, bytes: 256 * 1024 ** 2 } },
    } as unknown as Config;
    const app = new App(config, roles, createLogger({ level: 'info', file: join(this.#folder.path, 'pointsman.log') }));
    this.#apps.push(app);
    await app.start();
    for (const { config: proxy, haproxy: one } of haproxy === 'runs' ? [] : members) {
      await until('the managed files', () => access(join(proxy.managed ?? '', '00-pointsman.cfg')).then(() => true));
      await one.run();
    }
    return app;
  }

  async rest(app: App): Promise<void> {
    this.#apps.splice(this.#apps.indexOf(app), 1);
    await app.stop();
  }

  async tell(app: App, service: string, ...events: ServiceEvent[]): Promise<void> {
    const { revision } = await app.ports.log.readView(service);
    await app.ports.log.append(service, { epoch: 1, viewRevision: revision, set: new Map(), remove: [], events });
    await app.ports.queues.wakeService(service, { why: 'test', time: Date.now() });
  }

  /** The proxies whose HAProxy has loaded just this. */
  async having(service: ServiceConfig): Promise<string[]> {
    const having = await Promise.all(
      this.members.map(async ({ config, haproxy }) => {
        const { structures } = await withRuntime(haproxy.runtime, observeProxy);
        return structures.get(service.name) === structureOf(service, config.defaults) ? [config.id] : [];
      }),
    );
    return having.flat();
  }

  /** The proxy's own events, oldest first. */
  async events(app: App, proxy: string): Promise<Logged<ProxyEvent>[]> {
    return (await app.ports.proxies.eventsBefore(proxy, null, 10_000)).reverse();
  }

  async stop(): Promise<void> {
    for (const app of this.#apps) await app.stop();
    await Promise.all(this.members.map(({ haproxy }) => haproxy.stop()));
    await this.redis.stop();
    await this.#folder.remove();
  }
}
