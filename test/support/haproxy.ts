/** A real HAProxy (`haproxy -W -S`) of a test's own: its files in a temporary folder, its output in a file, stopped by its own pid. */
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { RuntimeConnection } from '../../shared/haproxy/connection.ts';
import { identify } from '../../shared/haproxy/observe.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { SocketAddress } from '../../shared/model/proxy-config.ts';
import { type TempFolder, tempFolder } from './folder.ts';
import { until } from './poll.ts';
import { type StartedProcess, startProcess } from './process.ts';

export interface HaproxyOptions {
  /** Lines of `global`, besides the sockets. */
  readonly global?: string;
  /** Everything after `global`: defaults, frontends, backends. */
  readonly sections: string;
  /** More arguments, for instance `-f`, a folder. */
  readonly argv?: readonly string[];
}

export class TestHaproxy {
  readonly folder: TempFolder;
  readonly runtime: SocketAddress & { kind: 'unix' };
  readonly master: SocketAddress & { kind: 'unix' };
  readonly configFile: string;
  readonly logFile: string;
  #process: StartedProcess | null = null;
  #argv: readonly string[];

  private constructor(folder: TempFolder, argv: readonly string[]) {
    this.folder = folder;
    this.#argv = argv;
    this.runtime = { kind: 'unix', path: join(folder.path, 'admin.sock') };
    this.master = { kind: 'unix', path: join(folder.path, 'master.sock') };
    this.configFile = join(folder.path, 'haproxy.cfg');
    this.logFile = join(folder.path, 'haproxy.log');
  }

  /** Its files are there; `run` starts it. */
  static async prepare(options: HaproxyOptions): Promise<TestHaproxy> {
    const haproxy = new TestHaproxy(await tempFolder(), options.argv ?? []);
    await haproxy.configure(options);
    return haproxy;
  }

  /** Started and answering. */
  static async start(options: HaproxyOptions): Promise<TestHaproxy> {
    const haproxy = await TestHaproxy.prepare(options);
    await haproxy.run();
    return haproxy;
  }

  /** Writes the config file; a reload or a start loads it. */
  async configure(options: Pick<HaproxyOptions, 'global' | 'sections'>): Promise<void> {
    const text = `global
  stats socket ${this.runtime.path} mode 600 level admin expose-fd listeners
  stats maxconn 30
  hard-stop-after 30s
${options.global ?? ''}
${options.sections}
`;
    await writeFile(this.configFile, text);
  }

  /** Another file or folder, behind all others, from the next start on. */
  alsoLoad(path: string): void {
    this.#argv = [...this.#argv, '-f', path];
  }

  async run(): Promise<void> {
    const argv = ['-W', '-S', `${this.master.path},level,admin`, '-f', this.configFile, ...this.#argv];
    this.#process = await startProcess('haproxy', argv, { logFile: this.logFile });
    await this.#masterLists(await until('HAProxy to answer', () => this.workerPid()));
  }

  get pid(): number {
    if (this.#process === null) throw new Error('HAProxy does not run');
    return this.#process.pid;
  }

  /** Whether it has ended by itself; waits for that. */
  async ended(): Promise<boolean> {
    await this.#process?.exited;
    return this.#process?.running === false;
  }

  /** A connection that the caller closes. */
  connect(): Promise<RuntimeConnection> {
    return RuntimeConnection.open(this.runtime);
  }

  /** Lines over a connection of their own; the replies. */
  cli(...lines: string[]): Promise<string[]> {
    return withRuntime(this.runtime, (connection) => connection.send(lines));
  }

  async workerPid(): Promise<number> {
    return withRuntime(this.runtime, async (connection) => (await identify(connection)).identity.pid);
  }

  /** A line to the master's CLI; what it answers until it closes. */
  async masterCli(line: string): Promise<string> {
    const socket = connect(this.master.path);
    socket.setTimeout(5_000, () => socket.destroy(new Error('the master does not answer')));
    socket.write(`${line};quit\n`);
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    return answer;
  }

  /** So far, as the master counts them. */
  async reloads(): Promise<number> {
    return Number(/\smaster\s+(\d+)/.exec(await this.masterCli('show proc'))?.[1] ?? Number.NaN);
  }

  /** By signal, as `systemctl reload` does; resolves when the new worker answers and the master can take the next reload. */
  async reload(): Promise<void> {
    const before = await this.workerPid();
    await this.#masterLists(before);
    process.kill(this.pid, 'SIGUSR2');
    const worker = await until('a new worker', async () => {
      const pid = await this.workerPid();
      return pid === before ? false : pid;
    });
    await this.#masterLists(worker);
  }

  /** A worker answers before its master is ready, and a SIGUSR2 of that moment is lost (seen with 3.0). */
  async #masterLists(worker: number): Promise<void> {
    await until('the master', async () => (await this.masterCli('show proc')).includes(`${worker} `));
  }

  /** Killed and started again from its files, as a supervisor would. */
  async restart(): Promise<void> {
    this.#process?.kill('SIGKILL');
    await this.#process?.exited;
    // The workers end with their master.
    await until('the old worker to be gone', () =>
      this.workerPid().then(
        () => false,
        () => true,
      ),
    );
    await this.run();
  }

  /** Its worker is killed; the master ends with it, and is started again from its files, as a supervisor would. */
  async crashWorker(): Promise<void> {
    process.kill(await this.workerPid(), 'SIGKILL');
    await this.#process?.exited;
    await this.run();
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
    this.#process = null;
    await this.folder.remove();
  }
}

/** Named defaults such as managed files have. */
export const HTTP_DEFAULTS = `defaults
  mode http
  timeout connect 1s
  timeout client 10s
  timeout server 10s
  timeout check 300ms
  option idle-close-on-response
`;
