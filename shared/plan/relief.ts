/**
 * PURE. A server that is to stand by because an earlier path of its service is active goes on with its requests until a server of that path takes some on
 * this very proxy: what others see up may not be up here yet.
 */
import type { DesiredBackend, DesiredServer } from '../model/desired.ts';
import type { ObservedBackend, ObservedServer } from '../model/observed.ts';
import type { Waiting } from './backend-plan.ts';
import { serves } from './fit.ts';

const UNTIL_RELIEVED = 'it is to stand by once a server of an earlier path is up here';

export class Relief {
  readonly #desired: DesiredBackend;
  readonly #observed: ObservedBackend;
  #isThere: boolean | null = null;

  constructor(desired: DesiredBackend, observed: ObservedBackend) {
    this.#desired = desired;
    this.#observed = observed;
  }

  /** What is wanted of it for now: as long as nobody takes its requests it keeps them, and that is among what waits. */
  until(wanted: DesiredServer, seen: ObservedServer, waiting: Waiting[]): DesiredServer {
    if (wanted.behind !== true || wanted.weight > 0 || seen.weight === 0 || !serves(seen)) return wanted;
    this.#isThere ??= [...this.#desired.servers.values()].some((one) => this.#relieves(one));
    if (this.#isThere) return wanted;
    waiting.push({ server: seen.name, reason: UNTIL_RELIEVED });
    return { ...wanted, weight: seen.weight };
  }

  #relieves({ name, admin, weight, behind }: DesiredServer): boolean {
    const seen = this.#observed.servers.get(name);
    return behind !== true && admin === 'ready' && weight > 0 && seen !== undefined && serves(seen);
  }
}
