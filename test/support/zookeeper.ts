/**
 * Zookeeper for tests: one server, or an ensemble of three, from the system's jars, on free loopback ports with its data in a
 * temporary folder. Each server is suspended, killed and stopped by its own pid. `plainClient` is the test's own hand on the tree.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type TempFolder, tempFolder } from './folder.ts';
import { until } from './poll.ts';
import { freePort } from './port.ts';
import { type StartedProcess, startProcess } from './process.ts';

export interface ZookeeperOptions {
  /** ms; sessions may last 2 to 20 of them. Default 500. */
  readonly tickTime?: number;
  /** Bytes: the largest packet that the server takes (jute.maxbuffer). */
  readonly maxBuffer?: number;
}

/** Where Debian and others put the jars. */
const JARS =
  process.env.ZOOKEEPER_CLASSPATH ?? ['zookeeper.jar', 'zookeeper-jute.jar', '*'].map((jar) => `/usr/share/java/${jar}`).join(':');
const READY_WITHIN_MS = 60_000;

export class ZookeeperServer {
  readonly port: number;
  readonly folder: string;
  readonly #options: ZookeeperOptions;
  #process: StartedProcess | null = null;

  constructor(port: number, folder: string, options: ZookeeperOptions) {
    this.port = port;
    this.folder = folder;
    this.#options = options;
  }

  get connect(): string {
    return `127.0.0.1:${this.port}`;
  }

  get pid(): number | null {
    return this.#process?.pid ?? null;
  }

  /** Starts the process; `ready` waits until it serves. */
  async start(): Promise<void> {
    const limit = this.#options.maxBuffer === undefined ? [] : [`-Djute.maxbuffer=${this.#options.maxBuffer}`];
    this.#process = await startProcess(
      'java',
      [
        '-Xmx192m',
        '-XX:TieredStopAtLevel=1',
        '-XX:+UseSerialGC',
        '-Dzookeeper.admin.enableServer=false',
        '-Dzookeeper.4lw.commands.whitelist=srvr,ruok,wchs',
        '-Dzookeeper.forceSync=no',
        ...limit,
        '-cp',
        JARS,
        'org.apache.zookeeper.server.quorum.QuorumPeerMain',
        join(this.folder, 'zoo.cfg'),
      ],
      { cwd: this.folder, logFile: join(this.folder, 'zookeeper.log') },
    );
  }

  async ready(): Promise<void> {
    await until(
      `Zookeeper on port ${this.port} to serve`,
      async () => {
        if (this.#process?.running !== true) {
          throw new Error(`it ended: ${(await readFile(join(this.folder, 'zookeeper.log'), 'utf8')).slice(-2_000)}`);
        }
        return (await this.say('srvr')).includes('Mode:');
      },
      { timeoutMs: READY_WITHIN_MS, everyMs: 50 },
    );
  }

  /** Asks by a four letter word. */
  say(word: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, '127.0.0.1', () => socket.write(word));
      let answer = '';
      socket.setTimeout(2_000, () => socket.destroy(new Error(`no answer to ${word}`)));
      socket.on('data', (bytes) => {
        answer += bytes.toString();
      });
      socket.on('error', reject);
      socket.on('close', () => resolve(answer));
    });
  }

  suspend(): void {
    this.#process?.kill('SIGSTOP');
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  /** kill -9 */
  async kill(): Promise<void> {
    this.#process?.kill('SIGKILL');
    await this.#process?.exited;
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.start();
    await this.ready();
  }
}

export interface Zookeeper extends AsyncDisposable {
  readonly servers: readonly ZookeeperServer[];
  /** Of all members. */
  readonly connect: string;
  stop(): Promise<void>;
}

/** One server, serving. */
export async function startZookeeper(options: ZookeeperOptions = {}): Promise<Zookeeper & { readonly server: ZookeeperServer }> {
  const folder = await tempFolder();
  const server = await configure(folder, 1, await freePort(), '', options);
  await server.start();
  const zookeeper = group(folder, [server]);
  await ready(zookeeper);
  return Object.assign(zookeeper, { server });
}

/** Three members, all serving. */
export async function startEnsemble(options: ZookeeperOptions = {}): Promise<Zookeeper> {
  const folder = await tempFolder();
  const lines: string[] = [];
  for (const id of [1, 2, 3]) lines.push(`server.${id}=127.0.0.1:${await freePort()}:${await freePort()}`);
  const servers: ZookeeperServer[] = [];
  for (const id of [1, 2, 3]) servers.push(await configure(folder, id, await freePort(), lines.join('\n'), options));
  for (const server of servers) await server.start();
  const zookeeper = group(folder, servers);
  await ready(zookeeper);
  return zookeeper;
}

async function ready(zookeeper: Zookeeper): Promise<void> {
  try {
    for (const server of zookeeper.servers) await server.ready();
  } catch (error) {
    await zookeeper.stop();
    throw error;
  }
}

async function configure(root: TempFolder, id: number, port: number, members: string, options: ZookeeperOptions): Promise<ZookeeperServer> {
  const folder = join(root.path, `zookeeper-${id}`);
  await mkdir(join(folder, 'data'), { recursive: true });
  await writeFile(join(folder, 'data', 'myid'), `${id}\n`);
  const lines = [
    `tickTime=${options.tickTime ?? 500}`,
    'initLimit=20',
    'syncLimit=8',
    `dataDir=${join(folder, 'data')}`,
    `clientPort=${port}`,
    'clientPortAddress=127.0.0.1',
    'maxClientCnxns=0',
    members,
  ];
  await writeFile(join(folder, 'zoo.cfg'), `${lines.join('\n')}\n`);
  return new ZookeeperServer(port, folder, options);
}

function group(folder: TempFolder, servers: readonly ZookeeperServer[]): Zookeeper {
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop()));
    await folder.remove();
  };
  return { servers, connect: servers.map((server) => server.connect).join(','), stop, [Symbol.asyncDispose]: stop };
}
