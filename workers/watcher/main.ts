/** Wiring of the watcher role: a link to Zookeeper of its own, the log and the queue in Redis. */
import { hostname } from 'node:os';
import type { Config } from '../../shared/config/config.ts';
import { PointsmanError } from '../../shared/errors.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import { WatcherStore } from '../../shared/redis/watcher-store.ts';
import { HANDED_OVER_MS } from '../../shared/runtime/handover.ts';
import type { Role } from '../../shared/runtime/role.ts';
import { pause } from '../../shared/runtime/wait.ts';
import { ZookeeperLink } from '../../shared/zookeeper/link.ts';
import type { Ports } from '../app.ts';
import { Heartbeat } from './heartbeat.ts';
import type { WatcherLog } from './ports.ts';
import { Watcher, type WatcherStatus } from './watcher.ts';

/** ms without a connection at the start after which that is said; the link goes on trying, and says more later. */
const WAIT_TOLD_MS = 3_000;

function disconnected(): PointsmanError {
  return new PointsmanError(
    'ZOOKEEPER_UNREACHABLE',
    'it has no connection to Zookeeper, so nothing can be read; the last good state stays',
    {
      hint: 'look at the Zookeeper servers; everything is read again by itself when they are back',
      retry: 'transient',
    },
  );
}

/** The log, with what is appended handed over to the transition role, should it run in this process. */
function handedOver({ log, handover }: Ports): WatcherLog {
  return {
    nextEpoch: () => log.nextEpoch(),
    readView: (service) => log.readView(service),
    services: () => log.services(),
    configOnRecord: (service) => log.configOnRecord(service),
    append(service, change) {
      const appended = log.append(service, change);
      if (change.events.length > 0) handover.service?.(service, change.events);
      return appended;
    },
  };
}

export class WatcherRole implements Role {
  readonly name = 'watcher';
  readonly #link: ZookeeperLink;
  readonly #watcher: Watcher;
  readonly #heartbeat: Heartbeat;
  readonly #tellWaiting: () => void;
  readonly #reread: () => void;
  readonly #redis: Ports['redis'];
  #waitTimer: NodeJS.Timeout | undefined;

  constructor(config: Config, ports: Ports) {
    const { connect, sessionTimeout, auth, root } = config.zookeeper;
    this.#link = new ZookeeperLink({ connect, sessionTimeout, auth, logger: ports.logger });
    const id = `${hostname()}-${process.pid}`;
    this.#watcher = new Watcher({
      link: this.#link,
      root,
      id,
      services: config.services,
      discover: config.discover,
      drained: async (service) => {
        const { known, backend } = await ports.desired.read(service);
        return known && (backend === null || backend.servers.size === 0);
      },
      log: handedOver(ports),
      noticed: (service) => ports.handover.noticed?.(service),
      settled: (service) => ports.handover.settled?.(service),
      wake: {
        wakeService: async (service, { path, events, mzxid, time }) => {
          // Whoever was told in this process is at it; adding the job would only take the thread from it now.
          if (ports.handover.service !== null) await pause(HANDED_OVER_MS.service);
          await ports.queues.wakeService(service, { why: 'a change in Zookeeper', path, events, zxid: mzxid, time });
        },
      },
      logger: ports.logger,
    });
    this.#heartbeat = new Heartbeat({
      id,
      link: this.#link,
      status: () => this.#watcher.status,
      store: new WatcherStore(ports.redis, ports.keys),
      logger: ports.logger,
    });
    this.#tellWaiting = () => {
      if (this.#link.connected) return;
      const hint =
        'look at the Zookeeper servers and the way to them, or correct zookeeper.connect; it is tried again, and nothing is removed meanwhile';
      const error = `no server of ${connect} has taken the connection for ${WAIT_TOLD_MS} ms`;
      ports.logger.warn({ connect, code: 'ZOOKEEPER_UNREACHABLE', error, hint }, 'waiting for zookeeper');
    };
    this.#redis = ports.redis;
    // After an outage Redis may be older than what was recorded in it, or empty. It rejects only when the watch is stopped.
    this.#reread = () => void this.#watcher.resync().catch(() => undefined);
  }

  async start(): Promise<void> {
    this.#waitTimer = setTimeout(this.#tellWaiting, WAIT_TOLD_MS);
    this.#link.start();
    this.#heartbeat.start();
    await this.#watcher.start();
    this.#redis.on('ready', this.#reread);
  }

  async stop(): Promise<void> {
    clearTimeout(this.#waitTimer);
    this.#heartbeat.stop();
    this.#redis.off('ready', this.#reread);
    await this.#watcher.stop();
    await this.#link.stop();
  }

  reconfigure({ services, discover }: Pick<Config, 'services' | 'discover'>): Promise<void> {
    return this.#watcher.reconfigure(services, discover);
  }

  /** false: another watcher leads, or the service is not watched. @throws PointsmanError ZOOKEEPER_UNREACHABLE: without a connection nothing can be read. */
  async resync(service?: ServiceName): Promise<boolean> {
    if (!this.#link.connected) throw disconnected();
    try {
      return await this.#watcher.resync(service);
    } catch (error) {
      throw this.#link.connected ? error : disconnected();
    }
  }

  get status(): WatcherStatus {
    return this.#watcher.status;
  }
}
