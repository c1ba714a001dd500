/**
 * A steady load through HAProxy, at a fixed rate whatever the answers do: half of the requests on kept connections, half on new ones. It
 * counts every request that did not get its 200; nothing is tried again by the client.
 */
import { Agent, get } from 'node:http';
import type { InstanceId, ServiceName } from '../../shared/model/ids.ts';

export interface Target {
  readonly service: ServiceName;
  readonly port: number;
}

export interface Failure {
  readonly service: ServiceName;
  readonly what: string;
  /** ms since the epoch, when it was sent */
  readonly sentAt: number;
}

const TICK_MS = 10;
/** After a stall of this process the load goes on at its rate, it does not catch up beyond this. */
const PER_TICK_MAX = 20;
const IN_FLIGHT_MAX = 500;
const ANSWER_WITHIN_MS = 10_000;
const FAILURES_KEPT = 1_000;
const KEPT_CONNECTIONS_MAX = 8;
/** Latencies are counted in slots of 0.1 ms, the last one takes all above. */
const SLOTS_PER_MS = 10;
const SLOTS = 20_000;

export class Load {
  answered = 0;
  failed = 0;
  readonly failures: Failure[] = [];
  /** Answers by the instance that gave them. */
  readonly byInstance = new Map<InstanceId, number>();
  readonly #latencies = new Uint32Array(SLOTS + 1);
  readonly #targets: readonly Target[];
  readonly #perSecond: number;
  readonly #kept = new Agent({ keepAlive: true, maxSockets: KEPT_CONNECTIONS_MAX });
  readonly #fresh = new Agent({ keepAlive: false });
  #timer: NodeJS.Timeout | null = null;
  #startedAt = 0;
  #seconds = 0;
  #sent = 0;
  #owed = 0;
  #tickedAt = 0;
  #inFlight = 0;

  constructor(targets: readonly Target[], perSecond: number) {
    this.#targets = targets;
    this.#perSecond = perSecond;
  }

  start(): void {
    this.#startedAt = performance.now();
    this.#tickedAt = this.#startedAt;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Resolves when the last request has its answer, or is given up. */
  async stop(): Promise<void> {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    this.#seconds = (performance.now() - this.#startedAt) / 1_000;
    const deadline = performance.now() + ANSWER_WITHIN_MS + 1_000;
    while (this.#inFlight > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    this.abandon();
  }

  /** At once, without waiting for answers. */
  abandon(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#kept.destroy();
    this.#fresh.destroy();
  }

  get total(): number {
    return this.answered + this.failed;
  }

  /** Since the start, or until the end. */
  get seconds(): number {
    return this.#timer === null ? this.#seconds : (performance.now() - this.#startedAt) / 1_000;
  }

  /** ms; the share (0..1) of the answers that took no longer. */
  quantile(share: number): number {
    let left = this.answered * share;
    for (const [slot, count] of this.#latencies.entries()) {
      left -= count;
      if (left <= 0) return (slot + 1) / SLOTS_PER_MS;
    }
    return SLOTS / SLOTS_PER_MS;
  }

  #tick(): void {
    const now = performance.now();
    this.#owed = Math.min(PER_TICK_MAX, this.#owed + ((now - this.#tickedAt) * this.#perSecond) / 1_000);
    this.#tickedAt = now;
    for (; this.#owed >= 1; this.#owed -= 1) this.#send(this.#sent++);
  }

  #send(turn: number): void {
    const target = this.#targets[turn % this.#targets.length];
    if (target === undefined) return;
    const sentAt = Date.now();
    const started = performance.now();
    if (this.#inFlight >= IN_FLIGHT_MAX)
      return this.#fail({ service: target.service, what: 'too many requests without an answer', sentAt });
    const agent = Math.floor(turn / this.#targets.length) % 2 === 0 ? this.#kept : this.#fresh;
    this.#inFlight += 1;
    let settled = false;
    const settle = (what: string | null, instance: string | undefined): void => {
      if (settled) return;
      settled = true;
      this.#inFlight -= 1;
      if (what !== null) return this.#fail({ service: target.service, what, sentAt });
      this.answered += 1;
      const slot = Math.min(SLOTS, Math.floor((performance.now() - started) * SLOTS_PER_MS));
      this.#latencies[slot] = (this.#latencies[slot] ?? 0) + 1;
      if (instance !== undefined) this.byInstance.set(instance, (this.byInstance.get(instance) ?? 0) + 1);
    };
    const request = get({ host: '127.0.0.1', port: target.port, path: '/', agent, timeout: ANSWER_WITHIN_MS }, (response) => {
      const instance = response.headers['x-instance'];
      response.resume();
      response.once('end', () =>
        settle(response.statusCode === 200 ? null : `status ${response.statusCode}`, typeof instance === 'string' ? instance : undefined),
      );
      response.once('error', (error) => settle(error.message, undefined));
    });
    request.once('timeout', () => request.destroy(new Error(`no answer within ${ANSWER_WITHIN_MS} ms`)));
    request.on('error', (error) => settle(error.message, undefined));
  }

  #fail(failure: Failure): void {
    this.failed += 1;
    if (this.failures.length < FAILURES_KEPT) this.failures.push(failure);
  }
}
