/**
 * `start: true`: HAProxy as a child of ours, `haproxy -W -S <master socket> -p <pid file> [-f base] -f <managed>`. It is started again when it ends,
 * with back-off; it outlives a crash of ours, and the next pointsman takes it up again; it ends with `stop`. The caller writes the managed
 * files before `start`.
 *
 * In the managed folder, where HAProxy loads nothing but `*.cfg`: `haproxy.pid`, `haproxy.log` (what it prints), and `master.sock`, unless
 * the proxy's `master` names another place.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assert, errorFields, PointsmanError } from '../errors.ts';
import type { ProxyConfig, ReloadWay, SocketAddress } from '../model/proxy-config.ts';
import type { Logger } from '../observability/logger.ts';
import type { Role } from '../runtime/role.ts';
import { backoff, pause } from '../runtime/wait.ts';
import { alertsOf, environmentOf, toolMissing } from './config-check.ts';
import { createFolder } from './managed-folder.ts';
import { type MasterProcesses, masterProcesses } from './master.ts';
import { endHaproxy } from './process-end.ts';
import { ProcessLog } from './process-log.ts';
import { isHaproxy, type ProcessStatus, processStatus, stillRuns } from './process-status.ts';
import { servingFault } from './serving-fault.ts';

const START_DEADLINE_MS = 15_000;
const RESTART_FIRST_MS = 200;
const RESTART_MOST_MS = 10_000;
/** One that ran this long was well: the next restart is quick again. */
const WELL_AFTER_MS = 30_000;
const LOOK_EVERY_MS = 100;
/** ms that one has to show that it serves: a master that executes itself again is away for a moment, and a worker reads its files first. */
const SERVES_MS = 3_000;
/** HAProxy binds a unix socket under a temporary name that is longer by a pid; a socket's path has at most 107 bytes. */
const SOCKET_PATH_BYTES_MAX = 90;
const REASON_CHARACTERS_MAX = 2_000;

export type SupervisedProxy = Pick<ProxyConfig, 'id' | 'binary' | 'base' | 'managed' | 'reload' | 'runtime'>;

/** The master's socket of a HAProxy that we start. */
export function masterSocketOf(proxy: Pick<ProxyConfig, 'managed' | 'reload'>): SocketAddress & { kind: 'unix' } {
  const { reload, managed } = proxy;
  if (reload?.kind === 'master' && reload.socket.kind === 'unix') return reload.socket;
  assert(managed !== null, 'a HAProxy that we start has a managed folder');
  return { kind: 'unix', path: join(managed, 'master.sock') };
}

/** How a proxy is reloaded: as its config says; one that we start, by its master. null: not at all. */
export function reloadWayOf(proxy: Pick<ProxyConfig, 'managed' | 'reload' | 'start'>): ReloadWay | null {
  return proxy.start ? { kind: 'master', socket: masterSocketOf(proxy) } : proxy.reload;
}

export class Supervisor implements Role {
  readonly name: string;
  readonly #proxy: SupervisedProxy;
  readonly #managed: string;
  readonly #master: SocketAddress & { kind: 'unix' };
  readonly #log: ProcessLog;
  readonly #logger: Logger;
  readonly #stopping = new AbortController();
  #running: Promise<void> | null = null;
  #process: ProcessStatus | null = null;
  #error: PointsmanError | null = null;

  constructor(proxy: SupervisedProxy, logger: Logger) {
    assert(proxy.managed !== null, 'a HAProxy that we start has a managed folder');
    this.name = `haproxy ${proxy.id}`;
    this.#proxy = proxy;
    this.#managed = proxy.managed;
    this.#master = masterSocketOf(proxy);
    this.#log = new ProcessLog(proxy.managed);
    this.#logger = logger.child({ proxy: proxy.id });
  }

  /** The master's pid while it runs. */
  get pid(): number | null {
    return this.#process?.pid ?? null;
  }

  /** Why it does not run (HAPROXY_START_FAILED, TOOL_MISSING, FILE_WRITE_FAILED); null while it does. */
  get error(): PointsmanError | null {
    return this.#error;
  }

  /** Resolves when HAProxy runs, or when the first attempt has failed (`error` says why, and it is tried again). */
  async start(): Promise<void> {
    assert(this.#running === null, 'a supervisor is started once');
    const first = Promise.withResolvers<void>();
    this.#running = this.#run(first.resolve);
    await first.promise;
  }

  /** Ends HAProxy, within END_MS of the moment that nothing is under way: it may finish its sessions for 1.5 s. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    const running = this.#process;
    this.#process = null;
    if (running !== null) await endHaproxy(running, this.#master);
  }

  /** Keeps one running until stop; what runs then is left to `stop`. */
  async #run(onFirst: () => void): Promise<void> {
    const { signal } = this.#stopping;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const since = performance.now();
      try {
        this.#process = (await this.#adopt()) ?? (await this.#launch());
        this.#error = null;
        onFirst();
        await this.#ended(this.#process);
        if (signal.aborted) break;
        this.#logger.error({ pid: this.pid, said: alertsOf(await this.#log.since(0)).at(-1) }, 'haproxy ended');
      } catch (error) {
        if (!(error instanceof PointsmanError)) throw error;
        this.#error = error;
        this.#logger.error(errorFields(error), 'haproxy does not run');
        onFirst();
      }
      this.#process = null;
      if (performance.now() - since > WELL_AFTER_MS) attempt = 0;
      await pause(backoff(attempt, { first: RESTART_FIRST_MS, most: RESTART_MOST_MS }), signal);
    }
    onFirst();
  }

  /**
   * One that an earlier pointsman left running and that serves; null: there is none (any more). One that does not serve (in soft stop, its listeners are
   * closed already) is ended. Throws HAPROXY_START_FAILED when there is one whose master does not answer: a second HAProxy beside it
   * would take a part of its connections.
   */
  async #adopt(): Promise<ProcessStatus | null> {
    const pid = Number(await readFile(join(this.#managed, 'haproxy.pid'), 'utf8').catch(() => ''));
    if (!Number.isInteger(pid) || pid < 2 || !(await isHaproxy(pid, this.#proxy.binary))) return null;
    const left = await processStatus(pid);
    const master = await this.#masterOf(pid);
    if (left === null || master === null || !(await stillRuns(left))) return null;
    // Somebody else's process has got the pid, and its master socket is another one's: not ours to take up.
    if (master.pid !== pid) return null;
    const fault = await this.#whyNotServing();
    if (fault === null) {
      this.#logger.info({ pid }, 'took up the haproxy that was running');
      return left;
    }
    if (this.#stopping.signal.aborted) return left;
    this.#logger.warn({ pid, fault }, 'the haproxy of an earlier start does not serve: it is ended, and another started');
    await endHaproxy(left, this.#master);
    return null;
  }

  /** What answers on the master's socket while this pid is a HAProxy; null: it is none any more. Throws HAPROXY_START_FAILED. */
  async #masterOf(pid: number): Promise<MasterProcesses | null> {
    const deadline = performance.now() + START_DEADLINE_MS;
    let why = 'it was not asked';
    while (performance.now() < deadline && !this.#stopping.signal.aborted) {
      if (!(await isHaproxy(pid, this.#proxy.binary))) return null;
      const master = await masterProcesses(this.#master).catch((error: Error) => error);
      if (!(master instanceof Error)) return master;
      why = master.message;
      await pause(LOOK_EVERY_MS, this.#stopping.signal);
    }
    throw startFailed(`pid ${pid} of an earlier start runs, but its master does not answer: ${why}`);
  }

  /** Why no worker of our master takes connections, after a while of trying; null: one does. */
  async #whyNotServing(): Promise<string | null> {
    const deadline = performance.now() + SERVES_MS;
    for (;;) {
      const fault = await servingFault(this.#master, this.#proxy.runtime).catch((error: Error) => error.message);
      if (fault === null || performance.now() > deadline || this.#stopping.signal.aborted) return fault;
      await pause(LOOK_EVERY_MS, this.#stopping.signal);
    }
  }

  /** Starts one in a session of its own, and waits until its first worker is there. */
  async #launch(): Promise<ProcessStatus> {
    const { binary, base } = this.#proxy;
    const bytes = Buffer.byteLength(this.#master.path);
    if (bytes > SOCKET_PATH_BYTES_MAX)
      throw startFailed(`the master socket's path has ${bytes} bytes, more than ${SOCKET_PATH_BYTES_MAX}: set \`master\``);
    await createFolder(this.#managed);
    const offset = await this.#log.size();
    const output = await this.#log
      .open()
      .catch((error: Error) => Promise.reject(startFailed(`its log cannot be written: ${error.message}`)));
    let child: ChildProcess;
    try {
      const socket = `${this.#master.path},level,admin,mode,600`;
      const files = [...(base === null ? [] : ['-f', base]), '-f', this.#managed];
      const argv = ['-W', '-S', socket, '-p', join(this.#managed, 'haproxy.pid'), ...files];
      child = spawn(binary, argv, { detached: true, stdio: ['ignore', output.fd, output.fd], env: environmentOf(process.env) });
      await once(child, 'spawn').catch((error) => Promise.reject(toolMissing(binary, error)));
    } finally {
      await output.close();
    }
    child.unref();
    await this.#firstWorker(child, offset);
    this.#logger.info({ pid: child.pid }, 'haproxy started');
    const status = await processStatus(child.pid ?? 0);
    if (status === null) throw startFailed('it ended at once');
    return status;
  }

  async #firstWorker(child: ChildProcess, offset: number): Promise<void> {
    const deadline = performance.now() + START_DEADLINE_MS;
    let listed = Number.POSITIVE_INFINITY;
    for (;;) {
      const master = await masterProcesses(this.#master).catch(() => null);
      if (master !== null && master.pid === child.pid && master.workers.length > 0) {
        // From 3.1 on a worker is listed before it has read its files: it is there when it answers.
        listed = Math.min(listed, performance.now());
        const fault = await servingFault(this.#master, this.#proxy.runtime).catch((error: Error) => error.message);
        if (fault === null || performance.now() - listed > SERVES_MS) return;
      }
      if (child.exitCode !== null || child.signalCode !== null) {
        const alerts = alertsOf(await this.#log.since(offset))
          .join('\n')
          .slice(0, REASON_CHARACTERS_MAX);
        throw startFailed(alerts || `it ended with ${child.signalCode ?? `code ${child.exitCode}`}`);
      }
      if (performance.now() > deadline || this.#stopping.signal.aborted) {
        const status = await processStatus(child.pid ?? 0);
        if (status !== null) await endHaproxy(status, this.#master);
        throw startFailed(`no worker came up within ${START_DEADLINE_MS} ms, or before it was stopped`);
      }
      await pause(LOOK_EVERY_MS / 4);
    }
  }

  /** Resolves when the process is gone, or at stop. */
  async #ended(running: ProcessStatus): Promise<void> {
    while (!this.#stopping.signal.aborted && (await stillRuns(running))) {
      await pause(LOOK_EVERY_MS, this.#stopping.signal);
      await this.#log.bound();
    }
  }
}

function startFailed(reason: string): PointsmanError {
  return new PointsmanError('HAPROXY_START_FAILED', `HAProxy did not start: ${reason}`, {
    hint: 'it is tried again with back-off; haproxy.log in the managed folder has all that it printed',
    retry: 'transient',
  });
}
