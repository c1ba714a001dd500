/**
 * Everything right of the watcher on real parts: Redis, HAProxy with a managed folder, and the roles that a test asks for. Events are told by the
 * test itself, as a watcher would append them.
 */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../../shared/config/config.ts';
import type { ServiceEvent } from '../../shared/model/event.ts';
import type { ProxyConfig } from '../../shared/model/proxy-config.ts';
import type { Registration } from '../../shared/model/registration.ts';
import type { ServiceConfig } from '../../shared/model/service-config.ts';
import { createLogger } from '../../shared/observability/logger.ts';
import { App, type RoleName } from '../../workers/app.ts';
import { type TempFolder, tempFolder } from './folder.ts';
import { TestHaproxy } from './haproxy.ts';
import { until } from './poll.ts';
import { type RedisServer, startRedis } from './redis.ts';
import { expectReplayed } from './replayed.ts';

const BASE = `
defaults base
  mode http
  timeout connect 2s
  timeout client 10s
  timeout server 10s
`;

export interface PipelineOptions {
  readonly roles?: readonly RoleName[];
  readonly proxy?: Partial<ProxyConfig>;
  /** Whether HAProxy is started with our folder, once pointsman has written it; default true. */
  readonly managed?: boolean;
  readonly sections?: string;
  /** others: processes of their own do the work; HAProxy is started by `startHaproxy`. */
  readonly managedBy?: 'others';
}

export class Pipeline {
  readonly folder: TempFolder;
  readonly redis: RedisServer;
  readonly managed: string;
  haproxy!: TestHaproxy;
  proxy!: ProxyConfig;
  app!: App;
  #zxid = 0;

  private constructor(folder: TempFolder, redis: RedisServer) {
    this.folder = folder;
    this.redis = redis;
    this.managed = join(folder.path, 'pointsman.d');
  }

  static async start(options: PipelineOptions = {}): Promise<Pipeline> {
    const pipeline = new Pipeline(await tempFolder(), await startRedis());
    const withFolder = options.managed ?? true;
    const haproxy = await TestHaproxy.prepare({ sections: options.sections ?? BASE, argv: withFolder ? ['-f', pipeline.managed] : [] });
    pipeline.haproxy = haproxy;
    pipeline.proxy = {
      id: 'edge',
      binary: 'haproxy',
      runtime: haproxy.runtime,
      reload: { kind: 'master', socket: haproxy.master },
      base: haproxy.configFile,
      managed: pipeline.managed,
      start: false,
      runtimeOnly: false,
      pool: 'edge',
      services: ['*'],
      override: 'respect',
      defaults: {
        timeouts: { connect: 1_000, client: 10_000, server: 3_000, check: 1_000 },
        retries: 3,
        redispatch: true,
        retryOn: 'conn-failure',
      },
      reloadPolicy: { minInterval: 300, jitter: 0, hardStopAfter: 10_000, maxReloads: 50 },
      rollout: { maxUnavailable: 1, stopOnFailure: true },
      ...options.proxy,
    };
    pipeline.app = pipeline.newApp(options.roles ?? ['transition', 'reconciler', 'observer']);
    await pipeline.app.start();
    if (options.managedBy !== 'others') await pipeline.startHaproxy(withFolder);
    return pipeline;
  }

  /** HAProxy starts once its files are there, whoever writes them. */
  async startHaproxy(withFolder = true): Promise<void> {
    if (withFolder)
      await until('the managed files are written', () => access(join(this.managed, '00-pointsman.cfg')).then(() => true), {
        timeoutMs: 20_000,
      });
    await this.haproxy.run();
  }

  /** The same as a config file, for processes of their own. */
  yaml(): string {
    return `zookeeper:
  connect: "127.0.0.1:1"
redis: { url: "${this.redis.url}", prefix: test }
haproxy:
  reload: { minInterval: 300ms, jitter: 0, hardStopAfter: 10s }
  defaults: { timeouts: { connect: 1s, client: 10s, server: 3s, check: 1s } }
proxies:
  edge:
    runtime: "unix:${this.haproxy.runtime.path}"
    master: "unix:${this.haproxy.master.path}"
    base: ${this.haproxy.configFile}
    managed: ${this.managed}
`;
  }

  config(): Config {
    return {
      file: null,
      zookeeper: { connect: '127.0.0.1:1', root: '/pointsman', sessionTimeout: 4_000, auth: null },
      redis: { url: this.redis.url, prefix: 'test' },
      proxies: [this.proxy],
      services: [],
      discover: [],
      register: [],
      registrar: { state: '/var/lib/pointsman', listen: null, token: null },
      dashboard: null,
      metrics: null,
      log: { level: 'info', retain: { age: 3_600_000, events: 100_000, bytes: 256 * 1024 ** 2 } },
    };
  }

  /** Another process's worth of roles on the same Redis. */
  newApp(roles: readonly RoleName[]): App {
    return new App(this.config(), roles, createLogger({ level: 'info', file: join(this.folder.path, 'pointsman.log') }));
  }

  async tell(service: string, ...events: ServiceEvent[]): Promise<void> {
    const { log, queues } = this.app.ports;
    const { revision } = await log.readView(service);
    await log.append(service, { epoch: 1, viewRevision: revision, set: new Map(), remove: [], events });
    await queues.wakeService(service, { why: 'test', time: Date.now() });
  }

  configure(config: ServiceConfig): Promise<void> {
    return this.tell(config.name, { type: 'configured', config });
  }

  registered(port: number, changes: Partial<Registration> = {}): ServiceEvent {
    this.#zxid += 1;
    const host = changes.host ?? '127.0.0.1';
    const said = { host, address: host, port, weight: 1, labels: {}, ...changes };
    const znode = { name: `${host}:${port}`, czxid: '1', mzxid: String(this.#zxid), version: 0 };
    return { type: 'registered', instance: `${host}:${port}`, znode, said: { registration: said } };
  }

  deregistered(port: number, host = '127.0.0.1'): ServiceEvent {
    const znode = { name: `${host}:${port}`, czxid: '1', mzxid: '1', version: 0 };
    return { type: 'deregistered', instance: `${host}:${port}`, znode };
  }

  /** The backend's state word on the proxy. */
  async backendState(service: string): Promise<string | null> {
    const json = await this.app.ports.proxies.backend(this.proxy.id, service);
    return json === null ? null : (JSON.parse(json) as { state: string }).state;
  }

  async stop(): Promise<void> {
    await this.app.stop();
    await this.haproxy.stop();
    try {
      await expectReplayed(this.redis.url, 'test');
    } finally {
      await this.redis.stop();
      await this.folder.remove();
    }
  }
}
