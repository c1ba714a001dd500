/**
 * Resolves the host names of registrations. IPv4 first; an address that is still among the answers is kept, so that a name with
 * several does not wander; a name that cannot be resolved any more keeps the address that it had (an outage of DNS is no news).
 * Services take turns, and none has more than one lookup under way: names that nobody answers for delay those of their own service alone.
 */

import { lookup as dnsLookup } from 'node:dns/promises';
import { isIPv4 } from 'node:net';
import { errorText } from '../../shared/errors.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import { within } from '../../shared/runtime/deadline.ts';
import { ServiceNames } from './service-names.ts';

/** All addresses of a host name. */
export type Lookup = (host: string) => Promise<readonly string[]>;

const DEADLINE_MS = 2_000;
/** What libuv gives to lookups of its 4 threads, which everything shares: one more would wait there, and its deadline run out. */
const AT_ONCE = 2;
/** ms that a lookup counts as under way at most: the system's resolver goes on behind our deadline, on its thread. */
const HELD_MS = 30_000;

export class NameResolver {
  readonly #lookup: Lookup;
  readonly #logger: Logger;
  readonly #services = new Map<ServiceName, ServiceNames>();
  /** Services that may have a name to ask for, in the order of their turns. */
  readonly #turns = new Set<ServiceName>();
  /** Services of which a lookup is under way. */
  readonly #busy = new Set<ServiceName>();

  constructor(logger: Logger, lookup: Lookup = systemLookup) {
    this.#lookup = lookup;
    this.#logger = logger;
  }

  /** null: it cannot be resolved, and never could. `insists`: it is asked for although it failed lately. */
  resolve(service: ServiceName, host: string, { insists = false }: { insists?: boolean } = {}): Promise<string | null> {
    const names = this.#services.get(service) ?? new ServiceNames();
    this.#services.set(service, names);
    const answer = names.resolve(host, performance.now(), insists);
    this.#turns.add(service);
    this.#run();
    return answer;
  }

  /** What it last resolved to, without asking; null: nothing is known. */
  last(service: ServiceName, host: string): string | null {
    return this.#services.get(service)?.last(host) ?? null;
  }

  /** The service is watched no longer. */
  forget(service: ServiceName): void {
    this.#services.delete(service);
    this.#turns.delete(service);
  }

  #run(): void {
    for (const service of this.#turns) {
      if (this.#busy.size >= AT_ONCE) return;
      if (this.#busy.has(service)) continue;
      this.#turns.delete(service);
      const names = this.#services.get(service);
      const host = names?.next(performance.now()) ?? null;
      if (names === undefined || host === null) continue;
      this.#busy.add(service);
      this.#turns.add(service);
      void this.#ask(names, host).finally(() => {
        names.over(performance.now());
        this.#busy.delete(service);
        this.#run();
      });
    }
  }

  /** Resolves when the lookup is over, which may be long after its deadline. */
  async #ask(names: ServiceNames, host: string): Promise<void> {
    const before = names.last(host);
    const lookup = this.#lookup(host);
    try {
      const found = await within(DEADLINE_MS, lookup, () => new Error(`no answer within ${DEADLINE_MS} ms`));
      const address = choose(found, before);
      names.answered(host, address ?? before, { failed: address === null, now: performance.now() });
    } catch (error) {
      // Once for a row of failures: the refused registration is told beside it.
      if (names.failures(host) === 0) this.#logger.warn({ host, error: errorText(error), kept: before }, 'cannot resolve a host name');
      names.answered(host, before, { failed: true, now: performance.now() });
      await within(HELD_MS, lookup, () => new Error(`no answer within ${HELD_MS} ms`)).catch(() => {});
    }
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
