/**
 * All of pointsman on real parts: Zookeeper, Redis, HAProxy with a managed folder, and an `App` from a pointsman.yaml. Services register as they do
 * in the field, by ephemeral znodes. Any part may be left out at the start and come later.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { InstanceSnapshot } from '../../machines/instance.ts';
import { readInstance } from '../../machines/migrate.ts';
import { visibleState } from '../../machines/projection.ts';
import type { Config } from '../../shared/config/config.ts';
import { observeBackends } from '../../shared/haproxy/observe.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { ObservedServer } from '../../shared/model/observed.ts';
import type { Rejection } from '../../shared/model/registration.ts';
import { createLogger } from '../../shared/observability/logger.ts';
import { App, type RoleName, rolesOf } from '../../workers/app.ts';
import { configOf } from './config-text.ts';
import { type TempFolder, tempFolder } from './folder.ts';
import { TestHaproxy } from './haproxy.ts';
import { until } from './poll.ts';
import { freePort } from './port.ts';
import { type RedisServer, startRedis } from './redis.ts';
import { type RegistrarOptions, RegistrarSession } from './registrar-session.ts';
import { expectReplayed } from './replayed.ts';
import { startZookeeper, type Zookeeper, type ZookeeperServer } from './zookeeper.ts';

const BASE = `
defaults base
  mode http
  timeout connect 2s
  timeout client 10s
  timeout server 10s
`;

/** Where things are, for a test that writes its own `proxies`. */
export interface Places {
  readonly folder: string;
  readonly runtime: string;
  readonly master: string;
  readonly base: string;
  readonly managed: string;
}

export interface SystemOptions {
  /** The text below `services:`, indented by two. */
  readonly services: string;
  /** The text below `proxies:`, indented by two; default one proxy `edge`, reloaded through its master. */
  readonly proxies?: (places: Places) => string;
  /** The text below `haproxy:`. */
  readonly haproxy?: string;
  /** Of the operator's own file. */
  readonly sections?: string;
  /** Whether HAProxy is given the managed folder. */
  readonly managed?: boolean;
  /** Parts that the test starts itself, later. `haproxy`: it never is, or pointsman does. */
  readonly later?: readonly ('zookeeper' | 'redis' | 'haproxy' | 'app')[];
  readonly redisArguments?: readonly string[];
  /** `user:password` that pointsman has at Redis. */
  readonly redisLogin?: string;
  /** `user:password` that pointsman has at Zookeeper. */
  readonly zookeeperLogin?: string;
  /** More of the config's text. */
  readonly more?: string;
  readonly roles?: readonly RoleName[];
}

const HAPROXY_SECTION = `  drainTimeout: 2s
  reload: { minInterval: 300ms, jitter: 0 }`;

export interface StandingInstance {
  readonly state: string;
  readonly rejection: Rejection | null;
  readonly snapshot: InstanceSnapshot;
}

export class System {
  readonly folder: TempFolder;
  readonly zookeeper: Zookeeper & { readonly server: ZookeeperServer };
  readonly redisPort: number;
  readonly haproxy: TestHaproxy;
  readonly options: SystemOptions;
  redis: RedisServer | null = null;
  app: App;
  readonly #sessions: RegistrarSession[] = [];
  #starting: Promise<void> = Promise.resolve();
  #config: Config;

  private constructor(parts: Pick<System, 'folder' | 'zookeeper' | 'redisPort' | 'haproxy' | 'options'>) {
    this.folder = parts.folder;
    this.zookeeper = parts.zookeeper;
    this.redisPort = parts.redisPort;
    this.haproxy = parts.haproxy;
    this.options = parts.options;
    this.#config = this.configWith(parts.options.services);
    this.app = this.newApp();
  }

  static async start(options: SystemOptions): Promise<System> {
    const later = options.later ?? [];
    const [folder, zookeeper, redisPort] = await Promise.all([tempFolder(), startZookeeper(), freePort()]);
    if (later.includes('zookeeper')) await zookeeper.server.kill();
    const managed = join(folder.path, 'pointsman.d');
    const haproxy = await TestHaproxy.prepare({
      sections: options.sections ?? BASE,
      argv: options.managed === false ? [] : ['-f', managed],
    });
    const redis = later.includes('redis') ? null : await startRedis({ port: redisPort, args: options.redisArguments ?? [] });
    const system = new System({ folder, zookeeper, redisPort, haproxy, options });
    system.redis = redis;
    if (!later.includes('app')) system.startApp();
    if (later.length === 0) await system.#starting;
    if (!later.includes('haproxy')) await system.runHaproxy();
    return system;
  }

  get places(): Places {
    return {
      folder: this.folder.path,
      runtime: this.haproxy.runtime.path,
      master: this.haproxy.master.path,
      base: this.haproxy.configFile,
      managed: join(this.folder.path, 'pointsman.d'),
    };
  }

  get logFile(): string {
    return join(this.folder.path, 'pointsman.log');
  }

  /** A pointsman.yaml with these services. */
  text(services: string): string {
    const { redisLogin, zookeeperLogin, more = '' } = this.options;
    const auth = zookeeperLogin === undefined ? '' : `, auth: { scheme: digest, credentials: "${zookeeperLogin}" }`;
    const login = redisLogin === undefined ? '' : `${redisLogin}@`;
    return `zookeeper: { connect: "${this.zookeeper.connect}", sessionTimeout: 2s${auth} }
redis: { url: "redis://${login}127.0.0.1:${this.redisPort}/0", prefix: test }
${more}haproxy:
${this.options.haproxy ?? HAPROXY_SECTION}
proxies:
${this.options.proxies?.(this.places) ?? edgeProxy(this.places)}
services:
${services}
`;
  }

  configWith(services: string): Config {
    return configOf(this.text(services));
  }

  newApp(): App {
    const logger = createLogger({ level: 'info', file: this.logFile });
    return new App(this.#config, this.options.roles ?? rolesOf(this.#config), logger);
  }

  startApp(): void {
    this.#starting = this.app.start();
    this.#starting.catch(() => undefined);
  }

  /** Resolves when every role is at work. */
  started(): Promise<void> {
    return this.#starting;
  }

  /** What a changed pointsman.yaml does to a running one. */
  async reconfigure(services: string): Promise<void> {
    this.#config = this.configWith(services);
    await this.app.reconfigure(this.#config);
  }

  async runHaproxy(): Promise<void> {
    if (this.options.managed !== false) {
      await until('the managed files', async () => (await readFile(join(this.places.managed, '00-pointsman.cfg'), 'utf8')).length > 0);
    }
    await this.haproxy.run();
  }

  async startRedis(): Promise<void> {
    this.redis = await startRedis({ port: this.redisPort, args: this.options.redisArguments ?? [] });
  }

  /** As a crash: nothing is kept. */
  async killRedis(): Promise<void> {
    this.redis?.kill('SIGKILL');
    await this.redis?.stop();
    this.redis = null;
  }

  async session(options?: RegistrarOptions): Promise<RegistrarSession> {
    const session = await RegistrarSession.open(this.zookeeper.server, options);
    this.#sessions.push(session);
    return session;
  }

  /** One instance on a session of its own. */
  async register(service: string, name: string, data: string | object = '', options?: RegistrarOptions): Promise<RegistrarSession> {
    const session = await this.session(options);
    await session.register(pathOf(service), name, data);
    return session;
  }

  async servers(backend: string): Promise<Map<string, ObservedServer>> {
    const backends = await withRuntime(this.haproxy.runtime, observeBackends);
    return new Map(backends.get(backend)?.servers ?? []);
  }

  async backends(): Promise<string[]> {
    return [...(await withRuntime(this.haproxy.runtime, observeBackends)).keys()].sort();
  }

  /** Resolves when exactly these servers take requests. */
  async serving(backend: string, names: readonly string[], timeoutMs = 15_000): Promise<void> {
    const wanted = [...names].sort().join(' ');
    await until(
      `${backend} to be served by ${wanted}`,
      async () => {
        const up = [...(await this.servers(backend)).values()].filter(isServing).map((server) => server.name);
        return up.sort().join(' ') === wanted;
      },
      { timeoutMs },
    );
  }

  /** What `status` says of an instance; null: nothing is known of it. */
  async instance(service: string, id: string): Promise<StandingInstance | null> {
    const json = (await this.app.ports.store.instances(service, [id])).get(id);
    if (json === undefined) return null;
    const snapshot = readInstance(json);
    return { state: visibleState(snapshot), rejection: snapshot.context.rejection, snapshot };
  }

  async backendState(service: string, proxy = 'edge'): Promise<{ state: string; detail: string | null } | null> {
    const json = await this.app.ports.proxies.backend(proxy, service);
    if (json === null) return null;
    const { state, context } = JSON.parse(json) as { state: string; context: { detail: string | null } };
    return { state, detail: context.detail };
  }

  async inSync(service: string, proxy = 'edge', timeoutMs = 15_000): Promise<void> {
    await until(`${service} to be in sync`, async () => (await this.backendState(service, proxy))?.state === 'in-sync', { timeoutMs });
  }

  /** What the proxy's own stream says of this kind, oldest first. */
  async proxyEvents<T = Record<string, unknown>>(type: string, proxy = 'edge'): Promise<T[]> {
    const entries = await this.app.ports.redis.xrange(this.app.ports.keys.proxy(proxy).log, '-', '+');
    return entries.flatMap(([, fields]) =>
      fields[fields.indexOf('type') + 1] === type ? [JSON.parse(fields[fields.indexOf('data') + 1] ?? '{}') as T] : [],
    );
  }

  /** Its own log, a line each. */
  async log(): Promise<Record<string, unknown>[]> {
    const text = await readFile(this.logFile, 'utf8');
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  async stop(): Promise<void> {
    await this.app.stop();
    await Promise.all(this.#sessions.map((session) => session.close().catch(() => undefined)));
    await this.haproxy.stop();
    try {
      if (this.redis !== null) await expectReplayed(this.redis.url, 'test');
    } finally {
      await this.redis?.stop();
      await this.zookeeper.stop();
      await this.folder.remove();
    }
  }
}

/** The text of the proxy `edge`, reloaded through its master; `more`: further keys, each with a comma before it. */
export function edgeProxy({ runtime, master, base, managed }: Places, more = ''): string {
  return `  edge: { runtime: "unix:${runtime}", master: "unix:${master}", base: ${base}, managed: ${managed}${more} }`;
}

export function pathOf(service: string): string {
  return `/services/${service}/instances`;
}

export function isServing(server: ObservedServer): boolean {
  return server.admin === 'ready' && server.operation !== 'stopped';
}
