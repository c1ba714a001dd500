/** A sample instance, seen from the demo: its process, what reached it, and who holds its registration (itself, or a registrar for several). */
import type { InstanceId, ServiceName } from '../../shared/model/ids.ts';
import type { Child } from './child.ts';
import { instancesPath } from './instance-path.ts';
import { isReport, type Traffic } from './messages.ts';
import { Registrations } from './registrations.ts';
import { until } from './until.ts';

const LISTENS_WITHIN_MS = 15_000;

export class Instance {
  readonly service: ServiceName;
  readonly id: InstanceId;
  readonly port: number;
  readonly child: Child;
  /** Its own. */
  readonly registrations: Registrations;
  /** Whose registration it is. */
  registrar: Registrations;
  hanging = false;
  traffic: Traffic = { requests: 0, slow: 0, firstAt: null, lastAt: null };
  #listens = false;

  constructor(service: ServiceName, port: number, child: Child) {
    this.service = service;
    this.port = port;
    this.id = `127.0.0.1:${port}`;
    this.child = child;
    this.registrations = new Registrations(child);
    this.registrar = this.registrations;
    child.onMessage((message) => {
      if (!isReport(message)) return;
      if (message.type === 'listening') this.#listens = true;
      if (message.type === 'traffic') this.traffic = message;
    });
  }

  /** Its znode's path. */
  get path(): string {
    return `${instancesPath(this.service)}/${this.id}`;
  }

  get isRegistered(): boolean {
    return this.registrar.isRegistered(this.path);
  }

  async listens(signal: AbortSignal): Promise<void> {
    await until(
      `${this.id} to listen`,
      () => {
        if (!this.child.running) throw new Error(`it ended: ${this.child.tail()}`);
        return this.#listens;
      },
      { within: LISTENS_WITHIN_MS, signal },
    );
  }

  /** When the order to create the znode went to Zookeeper, ms since the epoch. What came before is no longer the first request. */
  register(signal: AbortSignal): Promise<number> {
    this.child.send({ type: 'mark' });
    this.traffic = { ...this.traffic, firstAt: null };
    return this.registrar.register(this.path, signal);
  }

  deregister(signal: AbortSignal): Promise<number> {
    return this.registrar.deregister(this.path, signal);
  }

  hang(on: boolean): void {
    this.hanging = on;
    this.child.send({ type: 'hang', on });
  }

  /** When the first request since `register` came, ms since the epoch. */
  firstRequest(since: number, within: number, signal: AbortSignal): Promise<number> {
    return until(
      `a first request to ${this.id}`,
      () => {
        const { firstAt } = this.traffic;
        return firstAt !== null && firstAt >= since ? firstAt : null;
      },
      { within, signal },
    );
  }
}
