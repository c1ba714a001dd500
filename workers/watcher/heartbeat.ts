/**
 * The watcher's heartbeat in Redis: whether it leads, how it is connected to Zookeeper, and which services it cannot read. At once when the
 * connection comes or goes, else every few seconds. Nothing depends on it but what people see.
 */
import type { Logger } from '../../shared/observability/logger.ts';
import { TROUBLED_MAX, type TroubledService, type WatcherBeat, type WatcherStore } from '../../shared/redis/watcher-store.ts';
import { escapeText } from '../../shared/znode/escape.ts';
import type { ZookeeperLink } from '../../shared/zookeeper/link.ts';
import type { WatcherStatus } from './watcher.ts';

const BEAT_EVERY_MS = 5_000;
/** Watchers that ended are shown for so long, then a living one takes them off the list. */
const REMEMBERED_MS = 60 * 60_000;

export class Heartbeat {
  readonly #id: string;
  readonly #link: ZookeeperLink;
  readonly #status: () => WatcherStatus;
  readonly #store: WatcherStore;
  readonly #logger: Logger;
  #since = Date.now();
  #problem: string | null = null;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: { id: string; link: ZookeeperLink; status: () => WatcherStatus; store: WatcherStore; logger: Logger }) {
    this.#id = options.id;
    this.#link = options.link;
    this.#status = options.status;
    this.#store = options.store;
    this.#logger = options.logger;
  }

  start(): void {
    this.#since = Date.now();
    this.#link.on('up', this.#turned);
    this.#link.on('down', this.#turned);
    this.#link.on('problem', this.#told);
    this.#timer = setInterval(() => void this.#beat(), BEAT_EVERY_MS);
    void this.#beat();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#link.off('up', this.#turned);
    this.#link.off('down', this.#turned);
    this.#link.off('problem', this.#told);
  }

  readonly #turned = (): void => {
    this.#since = Date.now();
    this.#problem = null;
    void this.#beat();
  };

  readonly #told = (problem: Error): void => {
    this.#problem = problem.message;
    void this.#beat();
  };

  async #beat(): Promise<void> {
    const now = Date.now();
    const { leader, services, refused, unread } = this.#status();
    const { connected } = this.#link;
    const beat: WatcherBeat = {
      id: this.#id,
      at: now,
      leader,
      connected,
      since: this.#since,
      problem: this.#problem,
      services: services.length,
      troubled: [
        ...services.flatMap(troubleOf),
        ...[...unread].map(([root, detail]): TroubledService => ({ service: root, why: 'stale', detail })),
        ...refused.map(
          ({ name, root, reason }): TroubledService => ({ service: escapeText(name), why: 'refused', detail: `below ${root}: ${reason}` }),
        ),
      ].slice(0, TROUBLED_MAX),
    };
    try {
      await this.#store.announce(beat);
      await this.#store.forget(now - REMEMBERED_MS);
    } catch (error) {
      this.#logger.debug({ error: String(error) }, 'the heartbeat failed, the next one follows');
    }
  }
}

function troubleOf({ service, absent, fresh, problem, missing }: WatcherStatus['services'][number]): TroubledService[] {
  const away: TroubledService[] = absent === null ? [] : [{ service, why: 'path', detail: absent }];
  // Of several paths one may not be there, and another not be readable.
  if (absent !== null && problem === null) return away;
  const doubt = missing > 0 ? `${missing} missing, not believed gone yet` : 'not read on this connection yet';
  return fresh ? away : [...away, { service, why: 'stale', detail: problem?.message ?? doubt }];
}
