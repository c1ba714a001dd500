/**
 * Resolves the host names of registrations. IPv4 first; an address that is still among the answers is kept, so that a name with
 * several does not wander; a name that cannot be resolved any more keeps the address that it had (an outage of DNS is no news).
 */
import { lookup as dnsLookup } from 'node:dns/promises';
import { isIPv4 } from 'node:net';
import type { Logger } from '../../shared/observability/logger.ts';
import { within } from '../../shared/runtime/deadline.ts';
import { Gate } from '../../shared/runtime/gate.ts';

/** All addresses of a host name. */
export type Lookup = (host: string) => Promise<readonly string[]>;

const DEADLINE_MS = 2_000;
/** Shorter than the time between full readings, so that each of those asks again. */
const KEPT_MS = 10_000;
/** The system resolver works on threads that everything shares. */
const AT_ONCE = 2;
/** Names remembered; the one that was asked for longest ago is forgotten first. */
const NAMES_MAX = 20_000;

interface Known {
  readonly address: string | null;
  readonly at: number;
}

export class NameResolver {
  readonly #lookup: Lookup;
  readonly #logger: Logger;
  readonly #gate = new Gate(AT_ONCE);
  readonly #known = new Map<string, Known>();
  readonly #asking = new Map<string, Promise<string | null>>();

  constructor(logger: Logger, lookup: Lookup = systemLookup) {
    this.#lookup = lookup;
    this.#logger = logger;
  }

  /** null: it cannot be resolved, and never could. */
  resolve(host: string): Promise<string | null> {
    const known = this.#known.get(host);
    if (known !== undefined && performance.now() - known.at < KEPT_MS) return Promise.resolve(known.address);
    const asking = this.#asking.get(host) ?? this.#gate.run(() => this.#ask(host)).finally(() => this.#asking.delete(host));
    this.#asking.set(host, asking);
    return asking;
  }

  /** What it last resolved to, without asking; null: nothing is known. */
  last(host: string): string | null {
    return this.#known.get(host)?.address ?? null;
  }

  async #ask(host: string): Promise<string | null> {
    const before = this.#known.get(host)?.address ?? null;
    let address = before;
    try {
      const found = await within(DEADLINE_MS, this.#lookup(host), () => new Error(`no answer within ${DEADLINE_MS} ms`));
      address = choose(found, before) ?? before;
    } catch (error) {
      this.#logger.warn({ host, err: error, kept: before }, 'cannot resolve a host name');
    }
    this.#known.delete(host);
    this.#known.set(host, { address, at: performance.now() });
    const oldest = this.#known.keys().next().value;
    if (this.#known.size > NAMES_MAX && oldest !== undefined) this.#known.delete(oldest);
    return address;
  }
}

function choose(found: readonly string[], before: string | null): string | null {
  if (before !== null && found.includes(before)) return before;
  const sorted = [...found].sort();
  return sorted.find((address) => isIPv4(address)) ?? sorted[0] ?? null;
}

async function systemLookup(host: string): Promise<string[]> {
  return (await dnsLookup(host, { all: true })).map(({ address }) => address);
}
