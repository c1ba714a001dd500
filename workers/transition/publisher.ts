/** Tells the proxies that carry a service that there is a new revision of it. What follows a commit is derived from what is committed: what is lost here is told again. */
import { matchesAny } from '../../shared/model/glob.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import type { DesiredStore } from '../../shared/redis/desired-store.ts';
import type { Announcement, ProxyStore } from '../../shared/redis/proxy-store.ts';
import type { Queues } from '../../shared/redis/queues.ts';
import type { ServiceStore } from '../../shared/redis/service-store.ts';
import { HANDED_OVER_MS, type Handover, type News, type Readied } from '../../shared/runtime/handover.ts';
import { Later } from '../../shared/runtime/later.ts';
import type { Folded, Sent } from './fold-service.ts';

export interface PublisherPorts {
  readonly store: ServiceStore;
  readonly desired: DesiredStore;
  readonly proxies: ProxyStore;
  readonly queues: Queues;
  readonly handover: Handover;
  readonly logger: Logger;
}

export class Publisher {
  readonly #ports: PublisherPorts;
  readonly #later = new Later();
  /** The proxies that were announced when this was last read; told first, while it is read again. */
  #announced: readonly Announcement[] = [];

  constructor(ports: PublisherPorts) {
    this.#ports = ports;
  }

  /** The wakes that are still to be sent are sent now. */
  async end(): Promise<void> {
    await this.#later.end();
  }

  /**
   * Marks and wakes every proxy that carries the service; told once per revision, again after a crash in between. Marks and wakes go over one
   * connection, in this order, and are not waited for one by one. Proxies that are known already are told at once; the list is read behind the
   * commit, in the same trip, and whoever it shows to be new or changed is told then. One that announces itself later yet reads what is committed.
   */
  async publish(service: ServiceName, folded: Folded, sent: Sent | null, readied: Readied | null): Promise<void> {
    const { published, revision, transitions } = folded;
    if (published >= revision) return;
    const owed = folded.desiredChanged || published < revision - 1 || folded.events === 0;
    const isPublished = async (): Promise<void> => {
      await sent?.committed;
      await this.#ports.store.published(service, revision);
    };
    const news = sent === null ? null : this.#news(service, sent);
    if (!owed) return isPublished();
    if (news !== null) readied?.tell(news());
    const first = transitions.slice(0, 5);
    const why = first.length > 0 ? first.map((change) => `${change.instance} ${change.to}`).join(', ') : 'config';
    const cause = { why: `${service}: ${why}`, events: first.map((change) => change.cause), time: Date.now() };
    const known = this.#announced.filter((proxy) => matchesAny(proxy.services, service));
    const [, announced] = await Promise.all([this.#mark(known, service, revision, readied), this.#ports.proxies.announced()]);
    this.#announced = announced;
    const told = new Set(known.map(({ id, pool }) => `${id} ${pool}`));
    const carriers = announced.filter(({ services }) => matchesAny(services, service));
    await this.#mark(
      carriers.filter(({ id, pool }) => !told.has(`${id} ${pool}`)),
      service,
      revision,
      null,
    );
    await this.#unmarkForgotten(known, announced);
    const wake = async (): Promise<void> => {
      await Promise.all(carriers.map(({ id, pool }) => this.#ports.queues.wakeProxy(pool, id, cause)));
      await isPublished();
    };
    if (readied === null) await wake();
    else this.#afterwards(wake);
  }

  /** Marks, and tells who is in this process and not told yet. */
  async #mark(carriers: readonly Announcement[], service: ServiceName, revision: number, readied: Readied | null): Promise<void> {
    const { proxies, handover } = this.#ports;
    const marked = proxies.mark(
      carriers.map(({ id }) => id),
      new Map([[service, revision]]),
    );
    for (const { id } of carriers) if (readied?.proxies.has(id) !== true) handover.proxy?.(id, service);
    await marked;
  }

  /** One that was forgotten meanwhile is nobody's: no mark of it stays behind. */
  async #unmarkForgotten(known: readonly Announcement[], announced: readonly Announcement[]): Promise<void> {
    const here = new Set(announced.map(({ id }) => id));
    await this.#ports.proxies.unmark(known.map(({ id }) => id).filter((id) => !here.has(id)));
  }

  /**
   * What was last read of the service, with the commit; else what is read behind it. Every commit moves on what is kept, whether a proxy is told or not:
   * what lags behind would have to be read for the next one that matters.
   */
  #news(service: ServiceName, { commit, committed }: Sent): () => News {
    const { desired } = this.#ports;
    const backend = desired.advance(service, commit, committed);
    const revision = commit.readRevision + 1;
    const { cursor } = commit;
    return () => {
      const wanted = backend === null ? desired.read(service) : Promise.resolve({ revision, cursor, known: true, backend });
      // It may be that no pass gets as far as reading it.
      wanted.catch(() => undefined);
      return { desired: wanted, committed };
    };
  }

  /** The wakes, once those who were told have mostly done it. Should they be lost: what is committed and not said to be published is published again. */
  #afterwards(wake: () => Promise<void>): void {
    this.#later.add(HANDED_OVER_MS.proxy, wake, (error) =>
      this.#ports.logger.debug({ error: String(error) }, 'wakes failed, the next fold follows'),
    );
  }
}
