/**
 * What the demo looks at: the instances' states and the proxy's commands in Redis, the servers and reloads of HAProxy itself, the znodes in
 * Zookeeper. It only looks. Whoever makes it closes it.
 */
import { readInstance, readService } from '../../machines/migrate.ts';
import { type Health, healthOf, type VisibleState, visibleState } from '../../machines/projection.ts';
import { must } from '../../shared/errors.ts';
import { masterProcesses } from '../../shared/haproxy/master.ts';
import { observeBackend } from '../../shared/haproxy/observe.ts';
import { withRuntime } from '../../shared/haproxy/runtime.ts';
import type { InstanceId, ServiceName } from '../../shared/model/ids.ts';
import type { ObservedServer } from '../../shared/model/observed.ts';
import { createLogger } from '../../shared/observability/logger.ts';
import { ZookeeperLink } from '../../shared/zookeeper/link.ts';
import { closePorts, createPorts, type Ports } from '../../workers/app.ts';
import { rejectionText } from '../status/reason-text.ts';
import { PROXY, paths } from './files.ts';
import { instancesPath } from './instance-path.ts';
import type { Stack } from './stack.ts';

const SESSION_TIMEOUT_MS = 4_000;
const COMMANDS_READ_MAX = 500;

export interface InstanceView {
  readonly state: VisibleState;
  readonly health: Health;
  /** Why its registration was refused; safe to print. */
  readonly refused: string | null;
}

/** A command that was sent to HAProxy, or rather is about to be. */
export interface SentCommand {
  readonly service: ServiceName;
  readonly command: string;
}

export class World {
  readonly #stack: Stack;
  readonly #ports: Ports;
  readonly #link: ZookeeperLink;

  constructor(stack: Stack) {
    const logger = createLogger({ level: 'silent' });
    this.#stack = stack;
    this.#ports = createPorts(stack.config, logger);
    this.#link = new ZookeeperLink({ connect: stack.connect, sessionTimeout: SESSION_TIMEOUT_MS, auth: null, logger });
    this.#link.start();
  }

  async close(): Promise<void> {
    await Promise.all([closePorts(this.#ports), this.#link.stop()]);
  }

  async instances(service: ServiceName): Promise<Map<InstanceId, InstanceView>> {
    const texts = await this.#ports.store.instances(service, 'all');
    const views = new Map<InstanceId, InstanceView>();
    for (const [id, text] of [...texts].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const snapshot = readInstance(text);
      const { rejection } = snapshot.context;
      const refused = rejection === null ? null : rejectionText(id, rejection);
      views.set(id, { state: visibleState(snapshot), health: healthOf(snapshot), refused });
    }
    return views;
  }

  /** `gone` when it is not known. */
  async state(service: ServiceName, id: InstanceId): Promise<VisibleState> {
    return (await this.instances(service)).get(id)?.state ?? 'gone';
  }

  async isHeld(service: ServiceName): Promise<boolean> {
    const { service: text } = await this.#ports.store.head(service);
    return readService(text).service.guard.state !== 'open';
  }

  /** Of HAProxy itself, by `address:port`. Empty: it has no such backend. */
  async servers(service: ServiceName): Promise<Map<InstanceId, ObservedServer>> {
    const observed = await withRuntime(this.#stack.proxy.runtime, (connection) => observeBackend(connection, service));
    return new Map([...(observed?.servers.values() ?? [])].map((server) => [`${server.address}:${server.port}`, server]));
  }

  /** Reloads that HAProxy's master counts since it was started. */
  async reloads(): Promise<number> {
    return (await masterProcesses({ kind: 'unix', path: paths.master(this.#stack.folder) })).reloads;
  }

  async lastReloadReason(): Promise<string | null> {
    return (await this.#ports.proxies.state(PROXY)).lastReloadReason ?? null;
  }

  /** How the backend stands, in pointsman's word; null: nobody has looked yet. */
  async backend(service: ServiceName): Promise<string | null> {
    const text = await this.#ports.proxies.backend(PROXY, service);
    return text === null ? null : (JSON.parse(text) as { state: string }).state;
  }

  /** The id of the newest entry of the proxy's own log. */
  async proxyLogEnd(): Promise<string> {
    const [newest] = await this.#ports.redis.xrevrange(this.#ports.keys.proxy(PROXY).log, '+', '-', 'COUNT', 1);
    return newest?.[0] ?? '0-0';
  }

  /** What pointsman sent to HAProxy after that entry, oldest first. */
  async commandsAfter(entry: string): Promise<SentCommand[]> {
    const entries = await this.#ports.redis.xrange(this.#ports.keys.proxy(PROXY).log, `(${entry}`, '+', 'COUNT', COMMANDS_READ_MAX);
    return entries.flatMap(([, fields]) => {
      if (fields[fields.indexOf('type') + 1] !== 'patching') return [];
      const data = JSON.parse(must(fields[fields.indexOf('data') + 1], 'data')) as { service: string; commands: { command: string }[] };
      return data.commands.map(({ command }) => ({ service: data.service, command }));
    });
  }

  /** The children of the service's path. */
  async znodes(service: ServiceName): Promise<string[]> {
    return (await this.#link.children(instancesPath(service))).names.sort();
  }
}
