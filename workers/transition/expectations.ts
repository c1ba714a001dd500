/**
 * Proxies that were readied for a service because a watch fired: while Zookeeper is read, their claims and connections are asked for. Whoever folds
 * the service takes them over; if nothing comes of the watch they are let go soon, so that nobody waits for a claim on account of it.
 */
import type { ServiceName } from '../../shared/model/ids.ts';
import type { Handover, Readied } from '../../shared/runtime/handover.ts';

/** A read of Zookeeper takes 1 to 5 ms; what takes longer than this is not hurried any more. */
const EXPECTED_MS = 50;
/** Between two times that the proxies of a service are readied: under a storm of changes their claims are to be had by others too. */
const READY_EVERY_MS = 50;
/** After one that nothing came of; a Zookeeper that is slow now is so for a while. */
const COOL_DOWN_MS = 1_000;

export class Expectations {
  readonly #handover: Handover;
  /** performance.now() */
  readonly #notBefore = new Map<ServiceName, number>();
  readonly #expected = new Map<ServiceName, { readonly readied: Readied; readonly timer: NodeJS.Timeout }>();

  constructor(handover: Handover) {
    this.#handover = handover;
  }

  expect(service: ServiceName): void {
    if (this.#expected.has(service)) return;
    const readied = this.ready(service);
    if (readied === null) return;
    const timer = setTimeout(() => {
      this.take(service)?.tell(null);
      this.#notBefore.set(service, performance.now() + COOL_DOWN_MS);
    }, EXPECTED_MS);
    this.#expected.set(service, { readied, timer });
  }

  /** Whoever can be readied now answers to the caller. */
  ready(service: ServiceName): Readied | null {
    const now = performance.now();
    if (now < (this.#notBefore.get(service) ?? 0)) return null;
    const readied = this.#handover.ready?.(service) ?? null;
    if (readied !== null) this.#notBefore.set(service, now + READY_EVERY_MS);
    return readied;
  }

  /** Who takes it answers for it. null: nobody is ready. */
  take(service: ServiceName): Readied | null {
    const expected = this.#expected.get(service);
    if (expected === undefined) return null;
    clearTimeout(expected.timer);
    this.#expected.delete(service);
    return expected.readied;
  }

  end(): void {
    for (const service of [...this.#expected.keys()]) this.take(service)?.tell(null);
  }
}
