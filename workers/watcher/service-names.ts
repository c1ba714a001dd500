/**
 * The host names of one service: what each was last found to be, and which wait to be asked for. Those that resolve, those that were never asked for and those
 * that could not be resolved get the same share of the time, so that none of them keeps the others waiting; the last are asked for more and more seldom.
 */

/** Names remembered, and as many waiting. Of those remembered the one that was asked for longest ago is forgotten first. */
const NAMES_MAX = 20_000;
/** ms that an answer counts: less than lies between full readings, so that each of those asks again. */
const KEPT_MS = 10_000;
/** ms that a failure counts, twice as long each time: thousands of bad names would keep the resolver busy for good. */
const FAILED_MS = { first: 20_000, most: 300_000 };

interface Known {
  readonly address: string | null;
  /** In a row. */
  readonly failures: number;
  /** ms, monotonic. */
  readonly at: number;
}

/** Names that wait and are not being asked for. */
interface Lane {
  readonly hosts: Set<string>;
  /** ms that lookups of its names took, since nobody waited anywhere; where nobody waited in it, as much as the least of the others at least. */
  spent: number;
}

interface Waiting {
  readonly answer: Promise<string | null>;
  readonly give: (address: string | null) => void;
}

export class ServiceNames {
  readonly #known = new Map<string, Known>();
  /** By name, until it is answered. */
  readonly #waiting = new Map<string, Waiting>();
  readonly #resolved: Lane = { hosts: new Set(), spent: 0 };
  readonly #unknown: Lane = { hosts: new Set(), spent: 0 };
  readonly #failed: Lane = { hosts: new Set(), spent: 0 };
  readonly #lanes: readonly Lane[] = [this.#resolved, this.#unknown, this.#failed];
  #asked: { readonly lane: Lane; readonly since: number } | null = null;

  /** What it last resolved to; null: nothing is known. */
  last(host: string): string | null {
    return this.#known.get(host)?.address ?? null;
  }

  /** How often in a row it could not be resolved. */
  failures(host: string): number {
    return this.#known.get(host)?.failures ?? 0;
  }

  /** Its address, at once where what is known still counts. `insists`: a failure does not count longer than an answer. */
  resolve(host: string, now: number, insists: boolean): Promise<string | null> {
    const known = this.#known.get(host);
    if (known !== undefined && now - known.at < keptMs(known, insists)) return Promise.resolve(known.address);
    const waiting = this.#waiting.get(host);
    if (waiting !== undefined) return waiting.answer;
    // It is asked for at a later reading, when others have been answered.
    if (this.#waiting.size >= NAMES_MAX) return Promise.resolve(this.last(host));
    const { promise: answer, resolve: give } = Promise.withResolvers<string | null>();
    this.#waiting.set(host, { answer, give });
    this.#queue(host, known);
    return answer;
  }

  /** The next one to be asked for, one at a time (`over`); null: none waits. */
  next(now: number): string | null {
    const lane = this.#inUse.reduce((least: Lane | null, one) => (least !== null && least.spent <= one.spent ? least : one), null);
    const [host] = lane?.hosts ?? [];
    if (lane === null || host === undefined) return null;
    lane.hosts.delete(host);
    this.#asked = { lane, since: now };
    return host;
  }

  /** The lookup of the last `next` is over. */
  over(now: number): void {
    if (this.#asked !== null) this.#asked.lane.spent += now - this.#asked.since;
    this.#asked = null;
  }

  /** What asking for it gave; `failed`: `address` is what it was before. */
  answered(host: string, address: string | null, { failed, now }: { failed: boolean; now: number }): void {
    const failures = failed ? this.failures(host) + 1 : 0;
    this.#known.delete(host);
    this.#known.set(host, { address, failures, at: now });
    const [oldest] = this.#known.keys();
    if (this.#known.size > NAMES_MAX && oldest !== undefined) this.#known.delete(oldest);
    this.#waiting.get(host)?.give(address);
    this.#waiting.delete(host);
  }

  #queue(host: string, known: Known | undefined): void {
    const lane = known === undefined ? this.#unknown : known.failures === 0 ? this.#resolved : this.#failed;
    const inUse = this.#inUse;
    if (inUse.length === 0) for (const each of this.#lanes) each.spent = 0;
    else if (lane.hosts.size === 0) lane.spent = Math.max(lane.spent, Math.min(...inUse.map(({ spent }) => spent)));
    lane.hosts.add(host);
  }

  get #inUse(): Lane[] {
    return this.#lanes.filter(({ hosts }) => hosts.size > 0);
  }
}

function keptMs({ failures }: Known, insists: boolean): number {
  if (failures === 0 || insists) return KEPT_MS;
  return Math.min(FAILED_MS.most, FAILED_MS.first * 2 ** Math.min(failures - 1, 10));
}
