/**
 * Everything that the demo starts: a private Zookeeper, Redis and HAProxy, pointsman as a process of its own, and the sample instances, in a temporary
 * folder and on loopback ports. `stop` ends each by its own pid, at whatever point the start was.
 */
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from '../../shared/config/config.ts';
import { configFromText } from '../../shared/config/load-config.ts';
import { must } from '../../shared/errors.ts';
import { identify } from '../../shared/haproxy/observe.ts';
import { managedFiles } from '../../shared/haproxy/render-managed.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { ProxyConfig } from '../../shared/model/proxy-config.ts';
import { Child } from './child.ts';
import {
  haproxyBase,
  type Layout,
  paths,
  pointsmanConfig,
  redisArguments,
  type ServiceEntry,
  zookeeperArguments,
  zookeeperConfig,
} from './files.ts';
import { Instance } from './instance.ts';
import { Ports } from './ports.ts';
import type { Programs } from './programs.ts';
import { Registrations } from './registrations.ts';
import { until } from './until.ts';

/** ms: of a sample process's session; so long after a crash it leaves the registry. */
export const SESSION_TIMEOUT_MS = 3_000;
/** HAProxy's sockets, 42 characters below it, have to fit 97. */
const PARENT_CHARACTERS_MAX = 50;
/** A JVM on a slow machine. */
const START_WITHIN_MS = 45_000;
const ASK_WITHIN_MS = 2_000;

/** A name per part, in the order in which they are started. */
export const PARTS = ['zookeeper', 'redis', 'haproxy', 'pointsman'] as const;
export type Part = (typeof PARTS)[number];

export class Stack {
  readonly layout: Layout;
  readonly signal: AbortSignal;
  readonly instances: Instance[] = [];
  /** That are registered for by others than themselves. */
  readonly registrars: Registrations[] = [];
  readonly parts = new Map<Part, Child>();
  services: readonly ServiceEntry[] = [];
  readonly #programs: Programs;
  readonly #ports: Ports;
  #started = 0;

  private constructor(layout: Layout, ports: Ports, programs: Programs, signal: AbortSignal) {
    this.layout = layout;
    this.#ports = ports;
    this.#programs = programs;
    this.signal = signal;
  }

  /** The folder and the files; nothing runs yet. */
  static async create(programs: Programs, signal: AbortSignal): Promise<Stack> {
    const parent = tmpdir().length > PARENT_CHARACTERS_MAX ? '/tmp' : tmpdir();
    const folder = await mkdtemp(join(parent, 'pointsman-demo-'));
    const ports = new Ports();
    const taken = { zookeeper: await ports.take(), redis: await ports.take(), dashboard: await ports.take(), stats: await ports.take() };
    return new Stack({ folder, haproxy: programs.haproxy, ports: taken }, ports, programs, signal);
  }

  get folder(): string {
    return this.layout.folder;
  }

  get connect(): string {
    return `127.0.0.1:${this.layout.ports.zookeeper}`;
  }

  get config(): Config {
    return configFromText(pointsmanConfig(this.layout, this.services), paths.config(this.folder));
  }

  get proxy(): ProxyConfig {
    return must(this.config.proxies[0], 'the proxy');
  }

  /** The service with its frontend's port, which is taken now and stays its own. */
  async entry(name: ServiceName): Promise<ServiceEntry> {
    return this.services.find((service) => service.name === name) ?? { name, port: await this.#ports.take() };
  }

  /** Zookeeper, Redis and HAProxy: started together, each answering. HAProxy has its managed files from the start, so that it need not be reloaded. */
  async startServers(names: readonly ServiceName[]): Promise<void> {
    const { folder } = this;
    await this.configure(await Promise.all(names.map((name) => this.entry(name))));
    for (const path of [paths.data(folder), paths.logs(folder), paths.sockets(folder), paths.managed(folder)]) await mkdir(path);
    await writeFile(join(paths.data(folder), 'zoo.cfg'), zookeeperConfig(this.layout));
    await writeFile(paths.base(folder), haproxyBase(this.layout));
    const { redis, services } = this.config;
    const files = managedFiles({ prefix: redis.prefix, proxy: this.proxy, services: services.map((config) => ({ config, servers: [] })) });
    for (const [file, text] of files) await writeFile(join(paths.managed(folder), file), text);
    await Promise.all([this.#startZookeeper(), this.#startRedis(), this.#startHaproxy()]);
  }

  /** Replaces pointsman.yaml in one step: with these services, from now on. */
  async configure(services: readonly ServiceEntry[]): Promise<void> {
    this.services = services;
    const file = paths.config(this.folder);
    await writeFile(`${file}.new`, pointsmanConfig(this.layout, services));
    await rename(`${file}.new`, file);
  }

  /** `pointsman run` with every role that the config asks for. Resolves when it was started, not when it is at work. */
  async startPointsman(): Promise<Child> {
    const argv = [program('../main'), 'run', '--config', paths.config(this.folder)];
    const child = await this.#start('pointsman', process.execPath, argv);
    this.parts.set('pointsman', child);
    return child;
  }

  /** Listening, not registered. */
  async startInstance(service: ServiceName): Promise<Instance> {
    const port = await this.#ports.take();
    const settings = { service, port, connect: this.connect, sessionTimeout: SESSION_TIMEOUT_MS };
    const child = await this.#start(`${service}-${port}`, process.execPath, [program('./instance-main'), JSON.stringify(settings)], true);
    const instance = new Instance(service, port, child);
    this.instances.push(instance);
    await instance.listens(this.signal);
    return instance;
  }

  /** A registrar for several instances, in a process of its own. */
  async startRegistrar(): Promise<Registrations> {
    this.#started += 1;
    const settings = { connect: this.connect, sessionTimeout: SESSION_TIMEOUT_MS };
    const argv = [program('./registrar-main'), JSON.stringify(settings)];
    const registrations = new Registrations(await this.#start(`registrar-${this.#started}`, process.execPath, argv, true));
    this.registrars.push(registrations);
    await this.#answers('the registrar', registrations.child, () => registrations.session !== null);
    return registrations;
  }

  /** Ends everything, what brings news first. The folder is left when `keep`. */
  async stop(options: { keep: boolean }): Promise<void> {
    const samples = [...this.instances.map((instance) => instance.child), ...this.registrars.map((registrar) => registrar.child)];
    const pointsman = this.parts.get('pointsman');
    await Promise.all([...samples, ...(pointsman === undefined ? [] : [pointsman])].map((child) => child.stop()));
    await Promise.all([...this.parts.values()].map((child) => child.stop()));
    if (!options.keep) await rm(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  async #startZookeeper(): Promise<void> {
    const argv = zookeeperArguments(this.#programs.zookeeper, join(paths.data(this.folder), 'zoo.cfg'));
    const child = await this.#start('zookeeper', this.#programs.java, argv);
    this.parts.set('zookeeper', child);
    const { zookeeper } = this.layout.ports;
    await this.#answers('zookeeper', child, async () => (await ask(zookeeper, 'srvr')).includes('Mode:'));
  }

  async #startRedis(): Promise<void> {
    const child = await this.#start('redis', this.#programs.redis, redisArguments(this.layout));
    this.parts.set('redis', child);
    const { redis } = this.layout.ports;
    await this.#answers('redis', child, async () => (await ask(redis, 'PING\r\nQUIT\r\n')).startsWith('+PONG'));
  }

  async #startHaproxy(): Promise<void> {
    const { folder } = this;
    const argv = ['-W', '-S', `${paths.master(folder)},level,admin`, '-f', paths.base(folder), '-f', paths.managed(folder)];
    const child = await this.#start('haproxy', this.#programs.haproxy, argv);
    this.parts.set('haproxy', child);
    await this.#answers('haproxy', child, async () => !(await withRuntime(this.proxy.runtime, identify)).stopping);
  }

  async #start(name: string, command: string, argv: readonly string[], messages = false): Promise<Child> {
    this.signal.throwIfAborted();
    return Child.start(command, argv, { name, logFile: paths.log(this.folder, name), cwd: this.folder, messages });
  }

  async #answers(name: string, child: Child, look: () => Promise<boolean> | boolean): Promise<void> {
    let ended: string | null = null;
    void child.ended.then((how) => {
      ended = how;
    });
    await until(`${name} to answer`, () => (ended === null ? look() : true), { within: START_WITHIN_MS, signal: this.signal });
    if (ended !== null) throw new Error(`${name} ended by itself (${String(ended)}): ${child.tail()}`);
  }
}

/** A file beside this one, as it is here: `.ts` in a checkout, `.js` once built. */
function program(path: string): string {
  return fileURLToPath(new URL(`${path}${extname(import.meta.url)}`, import.meta.url));
}

/** Everything that is answered until the connection closes. */
function ask(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.setTimeout(ASK_WITHIN_MS, () => socket.destroy(new Error('no answer')));
    socket.on('data', (bytes) => {
      answer += bytes.toString();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}
