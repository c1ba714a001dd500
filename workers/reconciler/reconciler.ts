/**
 * The reconciler role: announces the proxies that this process reaches, and runs the jobs of their pools' queues: one pass per wake, one reload
 * at a time. Any number of processes share the work; the claim keeps one writer per proxy.
 */
import { errorFields } from '../../shared/errors.ts';
import { reloadWayOf, Supervisor } from '../../shared/haproxy/supervise.ts';
import { matchesAny } from '../../shared/model/glob.ts';
import type { ProxyId, ServiceName } from '../../shared/model/ids.ts';
import type { ProxyConfig } from '../../shared/model/proxy-config.ts';
import { proxiesQueue, reloadsQueue } from '../../shared/redis/keys.ts';
import type { QueueWorker } from '../../shared/redis/queue-worker.ts';
import type { WakeJob } from '../../shared/redis/queues.ts';
import { within } from '../../shared/runtime/deadline.ts';
import type { News, Readied } from '../../shared/runtime/handover.ts';
import type { Role } from '../../shared/runtime/role.ts';
import { Turns } from '../../shared/runtime/turns.ts';
import { backoff, pause } from '../../shared/runtime/wait.ts';
import type { About } from './contact.ts';
import { writeMissingFiles } from './files.ts';
import { ProxyAgent, type ReconcilerPorts } from './proxy-agent.ts';
import { type PassReport, reconcile } from './reconcile.ts';
import { reloadProxy } from './reload-proxy.ts';

const ANNOUNCE_EVERY_MS = 10_000;
/** A look at everything, whatever the marks say: heals a lost mark, finds drift. */
const FULL_PASS_EVERY_MS = 30_000;
const JITTER = 0.2;
const PROXIES_AT_ONCE = 16;
/** Of the stop as a whole. */
const LAST_LOOK_MS = 1_000;
const SUPERVISE_RETRY_MS = { first: 200, most: 10_000 };

export class Reconciler implements Role {
  readonly name = 'reconciler';
  readonly #ports: ReconcilerPorts;
  readonly #agents: ReadonlyMap<ProxyId, ProxyAgent>;
  readonly #supervisors: Supervisor[] = [];
  readonly #timers: NodeJS.Timeout[] = [];
  #workers: QueueWorker[] = [];
  /** Proxies whose next pass looks at everything. */
  readonly #full = new Set<ProxyId>();
  readonly #turns = new Turns();
  /** Proxies for which a pass that was told of waits for its turn. */
  readonly #waiting = new Set<ProxyId>();
  readonly #stopping = new AbortController();
  /** The last pass of each proxy, for the job that finds it done. */
  readonly #done = new Map<ProxyId, PassReport>();

  constructor(proxies: readonly ProxyConfig[], ports: ReconcilerPorts) {
    this.#ports = ports;
    this.#agents = new Map(proxies.map((config) => [config.id, new ProxyAgent(config, ports)]));
  }

  async start(): Promise<void> {
    const pools = new Set([...this.#agents.values()].map((agent) => agent.config.pool));
    await this.#announce();
    for (const pool of pools) {
      this.#workers.push(
        this.#ports.queues.work(proxiesQueue(pool), (job, signal) => this.#reconcile(job, signal), { concurrency: PROXIES_AT_ONCE }),
      );
      this.#workers.push(
        this.#ports.queues.work(reloadsQueue(pool), (job, signal) => this.#reload(job, signal), { concurrency: PROXIES_AT_ONCE }),
      );
    }
    this.#superviseAll();
    this.#ports.handover.proxy = (proxy, service) => this.#told(proxy, service);
    this.#ports.handover.ready = (service) => this.#ready(service);
    await this.#fullPass('start');
    this.#ports.redis.on('ready', this.#redisIsBack);
    this.#timers.push(setInterval(() => void this.#announce(), ANNOUNCE_EVERY_MS));
    this.#timers.push(setInterval(() => void this.#fullPass('periodic'), FULL_PASS_EVERY_MS * (1 - JITTER / 2 + Math.random() * JITTER)));
  }

  async stop(): Promise<void> {
    this.#ports.redis.off('ready', this.#redisIsBack);
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
    this.#ports.handover.proxy = null;
    this.#ports.handover.ready = null;
    this.#stopping.abort();
    await this.#turns.ended();
    await Promise.all(this.#workers.splice(0).map((worker) => worker.close()));
    await this.#lastLooks();
    await Promise.all(this.#supervisors.splice(0).map((supervisor) => supervisor.stop()));
  }

  /** It may have lost who we are and what there was to look at. */
  readonly #redisIsBack = (): void => {
    void this.#announce();
    void this.#fullPass('redis is back');
  };

  /** Side by side, and on their own: what cannot be started yet is tried again. */
  #superviseAll(): void {
    for (const agent of this.#agents.values()) {
      if (!agent.config.start) continue;
      const supervisor = new Supervisor(agent.config, this.#ports.logger);
      this.#supervisors.push(supervisor);
      void this.#supervise(agent, supervisor);
    }
  }

  /** The files first: a HAProxy is not started without them. */
  async #supervise(agent: ProxyAgent, supervisor: Supervisor): Promise<void> {
    const { signal } = this.#stopping;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        if ((await agent.exclusively(() => writeMissingFiles(agent))) !== null) return await supervisor.start();
      } catch (error) {
        this.#ports.logger.error({ proxy: agent.config.id, ...errorFields(error) }, 'haproxy cannot be started yet');
      }
      await pause(backoff(attempt, SUPERVISE_RETRY_MS), signal);
    }
  }

  async #reconcile(job: WakeJob, signal: AbortSignal): Promise<unknown> {
    const agent = this.#agents.get(job.data.key);
    if (agent === undefined) return { outcome: 'unknown proxy' };
    return this.#turns.run(agent.config.id, () => this.#pass(agent, job, signal));
  }

  async #pass(agent: ProxyAgent, job: WakeJob, signal: AbortSignal): Promise<unknown> {
    const { id } = agent.config;
    const full = this.#full.delete(id);
    if (!full && job.name === 'reconcile' && (await this.#ports.proxies.dirty(id)).size === 0) {
      return { outcome: 'nothing to do', already: this.#done.get(id) ?? null };
    }
    let outcome: PassReport['outcome'] | null = null;
    try {
      const report = await reconcile(agent, signal, { full });
      outcome = report.outcome;
      this.#done.set(id, report);
      return report;
    } finally {
      if (full && outcome !== 'done') this.#full.add(id);
    }
  }

  /**
   * By the transition role in this process; the job that follows does what this leaves undone. A pass that has not begun yet looks at all that is marked by
   * then: one waits at most, so that a swarm of changes does not keep a reload, or itself, waiting.
   */
  #told(proxy: ProxyId, service: ServiceName): void {
    const agent = this.#agents.get(proxy);
    if (agent === undefined || this.#waiting.has(proxy)) return;
    this.#waiting.add(proxy);
    this.#passAbout(agent, { service, news: null });
  }

  #passAbout(agent: ProxyAgent, about: About): void {
    const { id } = agent.config;
    this.#turns
      .run(id, async () => {
        this.#waiting.delete(id);
        const report = await reconcile(agent, this.#stopping.signal, { full: false, about });
        if (report.services.length > 0) this.#done.set(id, report);
      })
      .catch((error: unknown) => this.#ports.logger.debug({ proxy: id, error: String(error) }, 'pass failed, the job follows'));
  }

  /**
   * By the transition role in this process, while it folds. Only proxies that nothing else is done with; when there are many, none: their claims
   * and connections would hold up what they are to hasten.
   */
  #ready(service: ServiceName): Readied | null {
    const agents = [...this.#agents.values()].filter(
      ({ config }) => matchesAny(config.services, service) && !this.#turns.isBusy(config.id) && !this.#full.has(config.id),
    );
    if (agents.length === 0 || agents.length > PROXIES_AT_ONCE) return null;
    const { promise, resolve } = Promise.withResolvers<News | null>();
    for (const agent of agents) this.#passAbout(agent, { service, news: promise });
    return { proxies: new Set(agents.map(({ config }) => config.id)), tell: resolve };
  }

  async #reload(job: WakeJob, signal: AbortSignal): Promise<unknown> {
    const agent = this.#agents.get(job.data.key);
    if (agent === undefined) return { outcome: 'unknown proxy' };
    const way = reloadWayOf(agent.config);
    if (way === null) return { outcome: 'no way to reload' };
    const report = await this.#turns.run(agent.config.id, () => reloadProxy(agent, way, signal, job.data.cause.why));
    if (report.outcome === 'reloaded') this.#full.add(agent.config.id);
    return report;
  }

  /** A HAProxy that is restarted while nobody is at work begins with the files: those that wait for their turn are written now. */
  async #lastLooks(): Promise<void> {
    const signal = AbortSignal.timeout(LAST_LOOK_MS);
    const owing = [...this.#agents.values()].filter(({ owes }) => owes);
    const looks = owing.map(async (agent) => {
      agent.written.clear();
      const { outcome, detail } = await reconcile(agent, signal, { full: false });
      if (outcome !== 'done' && outcome !== 'taken') throw new Error(`${agent.config.id}: ${detail ?? outcome}`);
    });
    await within(LAST_LOOK_MS, Promise.all(looks), () => new Error(`not done within ${LAST_LOOK_MS} ms`)).catch((error: unknown) => {
      this.#ports.logger.warn(errorFields(error), 'a managed file may not be up to date');
    });
  }

  async #announce(): Promise<void> {
    for (const { config } of this.#agents.values()) {
      const { id, pool, services } = config;
      await this.#ports.proxies.announce({ id, pool, services, version: null, at: Date.now() }).catch((error: unknown) => {
        this.#ports.logger.debug({ proxy: id, error: String(error) }, 'announcement failed, the next one follows');
      });
    }
  }

  async #fullPass(why: string): Promise<void> {
    for (const { config } of this.#agents.values()) {
      this.#full.add(config.id);
      await this.#ports.queues
        .wakeProxy(config.pool, config.id, { why: `look at everything: ${why}`, time: Date.now() })
        .catch((error: unknown) => {
          this.#ports.logger.debug({ proxy: config.id, error: String(error) }, 'wake failed, the next one follows');
        });
    }
  }
}
