/**
 * What services of this host asked for, each for as long as its request counts. It keeps time and nothing else: who renews is not asked again, and what is over
 * is told at once. After a time in which this process did not run all of them count anew, since nobody could renew: each once, until it is renewed indeed, so
 * that a service that died goes also from a host where that happens all the time.
 */
import { PointsmanError } from '../../shared/errors.ts';
import type { Ask } from './ask.ts';
import { RequestRate } from './request-rate.ts';

/** What one service may hold, and all together: each is a znode. */
const PER_SERVICE_MAX = 100;
const MAX = 1_000;
/** What a service may ask for that is new, each a write: as many as it may hold at once, and then a second. */
const CHANGES = { burst: PER_SERVICE_MAX, perSecond: 5 };
/** ms that a timer may be late on a busy machine; more, and this process did not run. */
const LATE_MS = 500;

export interface Lease {
  readonly ask: Ask;
  readonly instance: string;
  /** ms */
  readonly ttl: number;
  /** Znodes that were deregistered of those that it is for. */
  readonly without: readonly string[];
}

interface Held {
  readonly lease: Lease;
  /** performance.now() */
  readonly ends: number;
  /** It counted anew without having been renewed. */
  readonly anew: boolean;
}

export class Leases {
  /** By what was asked for. */
  readonly #held = new Map<string, Held>();
  readonly #over: (leases: readonly Lease[]) => void;
  readonly #changes = new RequestRate(CHANGES);
  #timer: NodeJS.Timeout | undefined;
  #due = Number.POSITIVE_INFINITY;

  /** `over`: those that were not renewed. */
  constructor(over: (leases: readonly Lease[]) => void) {
    this.#over = over;
  }

  get all(): readonly Lease[] {
    return [...this.#held.values()].map(({ lease }) => lease);
  }

  /** Whether it is new, or asks for something else than before. @throws PointsmanError TOO_MANY_REQUESTS: there is no room for one more, or it changes too often. */
  renew(lease: Lease): boolean {
    const key = keyOf(lease);
    const before = this.#held.get(key);
    const isNew = before === undefined || JSON.stringify(before.lease) !== JSON.stringify(lease);
    if (before === undefined) this.#makeRoom(lease);
    if (isNew && !this.#changes.take(lease.ask.service, performance.now()))
      throw new PointsmanError('TOO_MANY_REQUESTS', `${lease.ask.service} asks for something else too often`, {
        hint: 'renew in the same words; each change is a write to Zookeeper',
        retry: 'after',
      });
    const ends = performance.now() + lease.ttl;
    // Of two that are for one znode the one that was changed last counts: it comes last.
    if (isNew) this.#held.delete(key);
    this.#held.set(key, { lease, ends, anew: false });
    this.#arm(ends);
    return isNew;
  }

  /** Each becomes what `change` makes of it, for as long as it has left; null: it ends. Of two that become one the one with more time stays. */
  revise(change: (lease: Lease) => Lease | null): void {
    const all = [...this.#held.values()];
    this.#held.clear();
    for (const { lease: before, ends, anew } of all) {
      const lease = change(before);
      if (lease === null) continue;
      const key = keyOf(lease);
      const other = this.#held.get(key);
      if (other !== undefined && other.ends >= ends) continue;
      this.#held.delete(key);
      this.#held.set(key, { lease, ends, anew });
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#held.clear();
  }

  #makeRoom({ ask: { service } }: Lease): void {
    const ofService = this.all.filter(({ ask }) => ask.service === service).length;
    if (ofService < PER_SERVICE_MAX && this.#held.size < MAX) return;
    throw new PointsmanError('TOO_MANY_REQUESTS', `${service} registers ${ofService} instances here, all services ${this.#held.size}`, {
      hint: `at most ${PER_SERVICE_MAX} of one service and ${MAX} of all: deregister what is gone`,
      retry: 'after',
    });
  }

  /** One timer, at the first that ends; those that were renewed meanwhile are seen when it rings. */
  #arm(ends: number): void {
    if (ends >= this.#due) return;
    clearTimeout(this.#timer);
    this.#due = ends;
    this.#timer = setTimeout(this.#ring, Math.max(1, ends - performance.now()));
  }

  readonly #ring = (): void => {
    const now = performance.now();
    const late = now - this.#due;
    this.#due = Number.POSITIVE_INFINITY;
    if (late > LATE_MS) this.#countAnew(now);
    const over = [...this.#held].filter(([, { ends }]) => ends <= now);
    for (const [key] of over) this.#held.delete(key);
    for (const { ends } of this.#held.values()) this.#arm(ends);
    if (over.length > 0) this.#over(over.map(([, { lease }]) => lease));
  };

  #countAnew(now: number): void {
    for (const [key, { lease, anew }] of this.#held) if (!anew) this.#held.set(key, { lease, ends: now + lease.ttl, anew: true });
  }
}

function keyOf({ ask: { service, path, format }, instance }: Lease): string {
  return [service, instance, path ?? '', format ?? ''].join(' ');
}
