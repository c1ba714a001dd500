/**
 * Backends that were looked at and about which nothing was left to say: as long as neither they nor what is desired of them change, a look costs
 * nothing more. What is kept of each is a few bytes.
 */
import { hash } from 'node:crypto';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { ObservedBackend } from '../../shared/model/observed.ts';

export class SeenBackends {
  readonly #seen = new Map<ServiceName, string>();

  note(service: ServiceName, revision: string, observed: ObservedBackend | null): void {
    this.#seen.set(service, print(revision, observed));
  }

  isAsBefore(service: ServiceName, revision: string, observed: ObservedBackend | null): boolean {
    const before = this.#seen.get(service);
    return before !== undefined && before === print(revision, observed);
  }

  /** All others are forgotten. */
  keep(services: ReadonlySet<ServiceName>): void {
    for (const service of this.#seen.keys()) if (!services.has(service)) this.#seen.delete(service);
  }

  clear(): void {
    this.#seen.clear();
  }
}

/** Of all that a look reads of a backend. */
function print(revision: string, observed: ObservedBackend | null): string {
  const read = observed === null ? null : [observed.structure, [...observed.servers.values()]];
  return hash('sha1', JSON.stringify([revision, read]), 'base64');
}
