/** What a registrar has done since it began, for the metrics. Bounded: kinds of checks are few, services those of the config. */
import {
  ENTRY_STATES,
  type EntryReport,
  type EntryState,
  PROBE_KINDS,
  type ProbeKind,
  type RegistrarReport,
} from '../../shared/model/registrar-report.ts';

/** Entries that a report names. */
const NAMED_MAX = 100;

export class RegistrarCounts {
  #writes = 0;
  #removals = 0;
  readonly #failures = new Map<ProbeKind, number>();
  readonly #lastPass = new Map<string, number>();
  refused = 0;
  expired = 0;

  /** A znode was made or changed, or removed. */
  took(removed: boolean): void {
    if (removed) this.#removals += 1;
    else this.#writes += 1;
  }

  /** `at`: ms since the epoch. */
  checked(service: string, kind: ProbeKind, ok: boolean, at: number): void {
    if (ok) this.#lastPass.set(service, at);
    else this.#failures.set(kind, (this.#failures.get(kind) ?? 0) + 1);
  }

  /** `entries`: all of them, by service and instance. `since`: when the connection came or went, ms since the epoch. */
  report(entries: readonly EntryReport[], { connected, since }: { connected: boolean; since: number }): RegistrarReport {
    const count = (word: EntryState): number => entries.filter(({ state }) => state === word).length;
    const named = entries.toSorted((a, b) => Number(a.state === 'registered') - Number(b.state === 'registered')).slice(0, NAMED_MAX);
    const services = new Set(entries.map(({ service }) => service));
    return {
      connected,
      since,
      entries: named,
      more: entries.length - named.length,
      states: Object.fromEntries(ENTRY_STATES.map((word) => [word, count(word)])) as Record<EntryState, number>,
      totals: this.#totals,
      lastPass: Object.fromEntries([...this.#lastPass].filter(([service]) => services.has(service)).sort(([a], [b]) => (a < b ? -1 : 1))),
    };
  }

  get #totals(): RegistrarReport['totals'] {
    const failures = Object.fromEntries(PROBE_KINDS.map((kind) => [kind, this.#failures.get(kind) ?? 0])) as Record<ProbeKind, number>;
    return { writes: this.#writes, removals: this.#removals, failures, refused: this.refused, expired: this.expired };
  }
}
