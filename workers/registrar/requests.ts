/**
 * What services of this host asked for, each for as long as that counts, and what the present config makes of it: it is looked at by the znodes that come of
 * it now, whatever words were used. One instance has one znode at one path.
 */
import { PointsmanError } from '../../shared/errors.ts';
import type { RegisterConfig } from '../../shared/model/register.ts';
import type { Ask } from './ask.ts';
import { type AskedEntries, askedEntries } from './asked-entries.ts';
import { type Wanted, znodeOf } from './entry-set.ts';
import { type Lease, Leases } from './leases.ts';

export class Requests {
  #config: readonly RegisterConfig[] = [];
  /** What this host registers by itself, by path and instance: its znodes. */
  #own: ReadonlyMap<string, string> = new Map();
  readonly #leases: Leases;

  /** `over`: those that were not renewed, and the znodes that they were for. */
  constructor(over: (leases: readonly Lease[], znodes: ReadonlySet<string>) => void) {
    this.#leases = new Leases((leases) => over(leases, new Set(leases.flatMap((lease) => this.#entriesOf(lease).map(znodeOf)))));
  }

  /** A service may have another address by it: its next request is the same one still. */
  configure(register: readonly RegisterConfig[]): void {
    this.#config = register;
    this.#own = new Map(register.filter(({ terms }) => terms === null).map((entry) => [placeOf(entry), znodeOf(entry)]));
    this.#leases.revise((lease) => ({ ...lease, instance: this.#asked(lease.ask)?.instance ?? lease.instance }));
  }

  /** Whether it is one that may register itself. */
  isOpen(service: string): boolean {
    return this.#config.some((entry) => entry.service === service && entry.terms !== null);
  }

  /** `isNew`: it is new, or asks for something else than before. @throws PointsmanError as askedEntries, TOO_MANY_REQUESTS, REQUEST_NOT_ALLOWED */
  renew(ask: Ask): AskedEntries & { readonly isNew: boolean } {
    const asked = askedEntries(this.#config, ask);
    const { instance, ttl, entries } = asked;
    this.#refuseTaken(entries);
    return { ...asked, isNew: this.#leases.renew({ ask, instance, ttl, without: [] }) };
  }

  /** Ends what the service asked for of these znodes, in whichever words; what else it asked for goes on. @throws PointsmanError as askedEntries */
  withdraw(ask: Ask): { readonly instance: string; readonly znodes: readonly string[] } {
    const { instance, entries } = askedEntries(this.#config, { ...ask, ttl: null, weight: null, labels: {} });
    const znodes = new Set(entries.map(znodeOf));
    this.#leases.revise((lease) => {
      if (lease.ask.service !== ask.service) return lease;
      const all = this.#entriesOf(lease).map(znodeOf);
      const ended = all.filter((znode) => znodes.has(znode));
      if (ended.length === 0) return lease;
      return ended.length === all.length ? null : { ...lease, without: [...lease.without, ...ended] };
    });
    return { instance, znodes: [...znodes] };
  }

  /** By znode. What the config does not allow any more is asked for in vain; what this host registers comes first. */
  wanted(): Map<string, Wanted> {
    const wanted = new Map<string, Wanted>();
    for (const lease of this.#leases.all) {
      for (const config of this.#entriesOf(lease)) wanted.set(znodeOf(config), { config, by: 'service' });
    }
    for (const config of this.#config) if (config.terms === null) wanted.set(znodeOf(config), { config, by: 'host' });
    return wanted;
  }

  close(): void {
    this.#leases.close();
  }

  #entriesOf({ ask, without }: Lease): readonly RegisterConfig[] {
    return (this.#asked(ask)?.entries ?? []).filter((entry) => !without.includes(znodeOf(entry)));
  }

  /** null: the present config does not allow it. */
  #asked(ask: Ask): AskedEntries | null {
    try {
      return askedEntries(this.#config, ask);
    } catch {
      return null;
    }
  }

  #refuseTaken(entries: readonly RegisterConfig[]): void {
    const places = new Map<string, string>();
    for (const entry of entries) {
      const [place, znode] = [placeOf(entry), znodeOf(entry)];
      const own = this.#own.get(place);
      if (own !== undefined)
        throw notAllowed(
          `${own} is what this host registers by itself`,
          'leave that address out of allow.ports, or give its entry `by: service`',
        );
      const other = places.get(place) ?? znode;
      if (other !== znode)
        throw notAllowed(`${other} and ${znode} would be one instance twice`, 'give each of the two entries a path of its own');
      places.set(place, znode);
    }
  }
}

function placeOf({ path, instance }: RegisterConfig): string {
  return `${path} ${instance}`;
}

function notAllowed(message: string, hint: string): PointsmanError {
  return new PointsmanError('REQUEST_NOT_ALLOWED', message, { hint, retry: 'after' });
}
