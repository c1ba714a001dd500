/**
 * Observes one proxy: a look at everything every 2 s, and in between, as soon as HAProxy gives notice of them, a look at the services that it
 * names. What a look finds is read from HAProxy's state, never from a notice: one that is lost, doubled or false costs a look, not correctness.
 */
import { type ErrorCode, errorText, PointsmanError } from '../../shared/errors.ts';
import { type ObservedProxy, observeAll, observeSome, sameWorker } from '../../shared/haproxy/observe.ts';
import type { Notice } from '../../shared/haproxy/parse-notice.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { DesiredBackend } from '../../shared/model/desired.ts';
import type { HealthChange } from '../../shared/model/event.ts';
import { matchesAny } from '../../shared/model/glob.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { ObservedBackend, WorkerIdentity } from '../../shared/model/observed.ts';
import type { ProxyConfig } from '../../shared/model/proxy-config.ts';
import { noteOldWorkers } from '../reconciler/old-workers.ts';
import type { ReconcilerPorts } from '../reconciler/proxy-agent.ts';
import { type Asked, AskedLooks } from './asked-looks.ts';
import { hasDrifted } from './drift.ts';
import { HealthTeller } from './health-teller.ts';
import { type Hearing, NoticeFollower } from './notice-follower.ts';
import { SeenBackends } from './seen-backends.ts';
import type { ServiceRevisions } from './service-revisions.ts';
import { concernsPass } from './verdicts.ts';

const LOOK_EVERY_MS = 2_000;
/** So that the looks at many proxies spread over time. */
const JITTER = 0.2;
/** Looks that follow each other closely once HAProxy is gone: for some 5 s. */
const SOON_LOOKS = 25;
/** Everything is looked at afresh, whatever is remembered: heals what Redis lost. */
const FORGET_EVERY_MS = 30_000;
/** A look is kept so often: far below the silence after which nothing is believed any more. */
const NOTE_EVERY_MS = 15_000;
/** Services that one look works on at a time. */
const AT_ONCE = 16;
const HANGS: ReadonlySet<ErrorCode> = new Set(['HAPROXY_TIMEOUT', 'HAPROXY_HUNG']);
/** Reasons named in a wake. */
const REASONS_MAX = 5;

interface Found {
  readonly revision: number;
  /** Why the reconciler should look; null: it need not. */
  readonly why: string | null;
}

export class ProxyObserver {
  readonly #proxy: ProxyConfig;
  readonly #ports: ReconcilerPorts;
  readonly #revisions: ServiceRevisions;
  readonly #asked = new AskedLooks();
  readonly #seen = new SeenBackends();
  /** null: there are no notices to be had. */
  readonly #follower: NoticeFollower | null;
  #hearing: Hearing = { by: 'poll', detail: 'not reached yet' };
  #unreached = 0;
  /** The worker that the reconciler is known to know. */
  #confirmed: WorkerIdentity | null = null;
  /** The worker that it was last woken for, and when (performance.now()). */
  #announced: { worker: WorkerIdentity; at: number } | null = null;
  #forgotten = performance.now();
  /** When it was last kept that HAProxy answered (performance.now()). */
  #noted = Number.NEGATIVE_INFINITY;

  constructor(proxy: ProxyConfig, ports: ReconcilerPorts, revisions: ServiceRevisions) {
    this.#proxy = proxy;
    this.#ports = ports;
    this.#revisions = revisions;
    this.#follower = proxy.runtimeOnly
      ? null
      : new NoticeFollower(proxy.runtime, {
          onNotice: (notice) => this.#noticed(notice),
          onGap: () => this.#asked.everything(),
          onHearing: (hearing) => this.#hear(hearing),
        });
  }

  /** Looks, waits, looks again; a look that fails is the next one's business. */
  async run(signal: AbortSignal): Promise<void> {
    const teller = new HealthTeller(this.#proxy, this.#ports, signal);
    const end = (): void => {
      this.#follower?.close();
      this.#asked.end();
    };
    signal.addEventListener('abort', end, { once: true });
    if (this.#follower === null) this.#hear({ by: 'poll', detail: 'runtimeOnly: HAProxy runs without our files' });
    for (;;) {
      const asked = await this.#asked.next(LOOK_EVERY_MS * (1 - JITTER / 2 + Math.random() * JITTER));
      if (signal.aborted) break;
      await this.#look(asked, teller).catch((error: unknown) => this.#failed(error));
    }
    await teller.ended();
  }

  /** Redis may have lost what was told. */
  forget(): void {
    this.#forgotten = performance.now();
    this.#seen.clear();
    this.#confirmed = null;
    this.#noted = Number.NEGATIVE_INFINITY;
    this.#keepHearing();
  }

  #noticed(notice: Notice): void {
    if (notice.kind !== 'health') this.#asked.everything();
    else if (matchesAny(this.#proxy.services, notice.backend)) this.#asked.service(notice.backend);
  }

  #failed(error: unknown): void {
    // A HAProxy that has no connection left for a look has none for us to keep.
    if (error instanceof PointsmanError && HANGS.has(error.code)) this.#follower?.makeRoom();
    else if (error instanceof PointsmanError && error.code === 'HAPROXY_UNREACHABLE') {
      this.#follower?.leave();
      // It is mostly started again soon, and comes up with the servers of its files alone.
      if (++this.#unreached <= SOON_LOOKS) this.#asked.everything();
    }
    this.#ports.logger.debug({ proxy: this.#proxy.id, error: errorText(error) }, 'look failed');
  }

  async #look(asked: Asked, teller: HealthTeller): Promise<void> {
    if (performance.now() - this.#forgotten > FORGET_EVERY_MS) this.forget();
    if (!asked.everything && (await this.#lookAtSome(asked.services, teller))) return;
    await this.#lookAtAll(teller);
  }

  /** Only what the checks say: what is not as desired may be a pass at work, and is the poll's to see. false: it is another worker. */
  async #lookAtSome(services: readonly ServiceName[], teller: HealthTeller): Promise<boolean> {
    const { worker, backends } = await withRuntime(this.#proxy.runtime, (connection) => observeSome(connection, services));
    if (worker.stopping || worker.identity.pid !== this.#follower?.following) return false;
    const ours = [...backends.values()].filter(({ structure }) => structure !== null);
    await this.#each(
      ours,
      ({ name }) => name,
      (backend) => this.#health(backend.name, backend, teller),
    );
    return true;
  }

  async #lookAtAll(teller: HealthTeller): Promise<void> {
    const { worker, backends } = await withRuntime(this.#proxy.runtime, observeAll);
    this.#unreached = 0;
    await this.#noteLook(worker);
    if (worker.stopping) {
      // Another one is mostly about to take its place.
      if (this.#follower?.following !== null) this.#asked.everything();
      return this.#follower?.leave();
    }
    this.#follower?.attend(worker.identity.pid);
    if (!(await this.#isKnown(worker.identity))) return;
    const revisions = await this.#revisions.current();
    const carried = [...revisions].filter(([service]) => matchesAny(this.#proxy.services, service));
    this.#seen.keep(new Set(carried.map(([service]) => service)));
    const changed = carried.filter(([service, revision]) => !this.#seen.isAsBefore(service, revision, backends.get(service) ?? null));
    await this.#each(
      changed,
      ([service]) => service,
      ([service, revision]) => this.#service(service, revision, backends.get(service) ?? null, worker, teller),
    );
  }

  /** What it says is believed as long as somebody looks. */
  async #noteLook({ identity, stopping }: ObservedProxy): Promise<void> {
    if (performance.now() - this.#noted < NOTE_EVERY_MS) return;
    await this.#ports.proxies.looked(this.#proxy.id);
    this.#noted = performance.now();
    if (!stopping) await noteOldWorkers(this.#ports, this.#proxy, identity.pid);
  }

  /** A worker that the reconciler has not met yet is its business first: what was added at runtime is gone from it. */
  async #isKnown(identity: WorkerIdentity): Promise<boolean> {
    if (this.#confirmed !== null && sameWorker(this.#confirmed, identity)) return true;
    const known = (await this.#ports.proxies.state(this.#proxy.id))['worker'];
    if (known !== undefined && sameWorker(JSON.parse(known) as WorkerIdentity, identity)) {
      this.#confirmed = identity;
      return true;
    }
    const announced = this.#announced;
    if (announced !== null && sameWorker(announced.worker, identity) && performance.now() - announced.at < LOOK_EVERY_MS) return false;
    this.#announced = { worker: identity, at: performance.now() };
    this.#noted = Number.NEGATIVE_INFINITY;
    const carried = (await this.#ports.log.services()).filter((service) => matchesAny(this.#proxy.services, service));
    await this.#wake(new Map(carried.map((service) => [service, 0])), ['another worker process answers']);
    return false;
  }

  /** Its health, and whether it is as desired. */
  async #service(
    service: ServiceName,
    revision: string,
    observed: ObservedBackend | null,
    worker: ObservedProxy,
    teller: HealthTeller,
  ): Promise<Found> {
    const { desired, told, settled, ...reading } = await teller.tell(service, observed);
    if (told.length > 0) return { revision: reading.revision, why: this.#healthWhy(service, desired, told) };
    // Also when it is marked already: its wake may have been lost.
    if (desired !== null && (await hasDrifted(this.#ports, this.#proxy, desired, worker.capabilities, observed)))
      return { revision: reading.revision, why: `${service}: not as desired` };
    if (settled) this.#seen.note(service, revision, observed);
    return { revision: reading.revision, why: null };
  }

  async #health(service: ServiceName, observed: ObservedBackend, teller: HealthTeller): Promise<Found> {
    const { revision, desired, told } = await teller.tell(service, observed);
    return { revision, why: this.#healthWhy(service, desired, told) };
  }

  #healthWhy(service: ServiceName, desired: DesiredBackend | null, told: readonly HealthChange[]): string | null {
    return concernsPass(told, desired, this.#proxy.managed !== null) ? `${service}: the checks changed their mind` : null;
  }

  /** What goes wrong with one service is its own affair. One mark and one wake for all that was found. */
  async #each<T>(items: readonly T[], nameOf: (item: T) => ServiceName, look: (item: T) => Promise<Found>): Promise<void> {
    const marks = new Map<ServiceName, number>();
    const reasons: string[] = [];
    for (let at = 0; at < items.length; at += AT_ONCE) {
      const some = items.slice(at, at + AT_ONCE);
      const looks = await Promise.allSettled(some.map(look));
      for (const [index, looked] of looks.entries()) {
        const service = nameOf(some[index] as T);
        if (looked.status === 'rejected')
          this.#ports.logger.debug({ proxy: this.#proxy.id, service, error: errorText(looked.reason) }, 'look at a service failed');
        else if (looked.value.why !== null) {
          marks.set(service, looked.value.revision);
          reasons.push(looked.value.why);
        }
      }
    }
    if (marks.size > 0) await this.#wake(marks, reasons);
  }

  async #wake(marks: ReadonlyMap<ServiceName, number>, reasons: readonly string[]): Promise<void> {
    await this.#ports.proxies.mark([this.#proxy.id], marks);
    const cause = { why: reasons.slice(0, REASONS_MAX).join('; '), time: Date.now() };
    await this.#ports.queues.wakeProxy(this.#proxy.pool, this.#proxy.id, cause);
  }

  #hear(hearing: Hearing): void {
    this.#hearing = hearing;
    this.#ports.logger.info({ proxy: this.#proxy.id, ...hearing }, 'how changes of health are heard of');
    this.#keepHearing();
  }

  /** For `status`. */
  #keepHearing(): void {
    const { proxies, logger } = this.#ports;
    const failed = (error: unknown): void =>
      logger.debug({ proxy: this.#proxy.id, error: errorText(error) }, 'state not kept, the next time');
    proxies.setState(this.#proxy.id, { hearing: JSON.stringify(this.#hearing) }).catch(failed);
  }
}
