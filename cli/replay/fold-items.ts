/** Items of logs through the machines: those services' streams that are chosen, one after the other. */
import { PointsmanError } from '../../shared/errors.ts';
import type { LogItem } from '../../shared/model/log-item.ts';
import { loggedEvent } from '../../shared/redis/entry.ts';
import { type Replayed, type ReplayRequest, stateRows, type Told } from './replay-report.ts';
import { type Change, StreamReplay, Unfoldable } from './stream-replay.ts';

/** Transitions that are told together. */
const TOLD_AT_ONCE = 1_000;

export class FoldItems {
  readonly #request: ReplayRequest;
  readonly #chosen: (name: string) => boolean;
  readonly #unfoldable: (reason: string) => void;
  readonly #done: Replayed[] = [];
  #open: { service: string; replay: StreamReplay } | null = null;
  #told: { service: string; transitions: Change[] }[] = [];
  #events = 0;

  /** `unfoldable` is told of what cannot be folded, which is left out if that does not throw. */
  constructor(request: ReplayRequest, chosen: (name: string) => boolean, unfoldable: (reason: string) => void) {
    this.#request = request;
    this.#chosen = chosen;
    this.#unfoldable = unfoldable;
  }

  /** Events that were folded or passed over, of the streams that are chosen. */
  get events(): number {
    return this.#events;
  }

  get done(): readonly Replayed[] {
    return this.#done;
  }

  accept(item: LogItem): void {
    if (item.kind === 'stream') this.#begin(item);
    if (this.#open === null) return;
    const { service, replay } = this.#open;
    if (item.kind === 'event') this.#events += 1;
    try {
      const transitions = replay.accept(item);
      if (this.#request.transitions && transitions.length > 0) this.#keep(service, transitions);
    } catch (error) {
      if (!(error instanceof Unfoldable)) throw error;
      this.#unfoldable(error.message);
    }
    if (item.kind === 'end') this.finish();
  }

  /** Transitions since it was last asked. */
  takeTold(): Told[] {
    const told = this.#told;
    this.#told = [];
    return told;
  }

  /** What is open ends here. */
  finish(): void {
    if (this.#open === null) return;
    const { service, replay } = this.#open;
    this.#open = null;
    this.#done.push({
      service,
      result: replay.result(),
      failed: null,
      states: this.#request.states ? stateRows(service, replay.state()) : [],
    });
  }

  #begin(item: Extract<LogItem, { kind: 'stream' }>): void {
    this.finish();
    if (item.of !== 'service' || !this.#chosen(item.name)) return;
    const { until, verify } = this.#request;
    try {
      this.#open = { service: item.name, replay: new StreamReplay(item, { until, verify, decode: loggedEvent }) };
    } catch (error) {
      if (!(error instanceof PointsmanError)) throw error;
      this.#done.push({ service: item.name, result: null, failed: error.message, states: [] });
    }
  }

  #keep(service: string, transitions: readonly Change[]): void {
    const last = this.#told.at(-1);
    if (last?.service === service && last.transitions.length < TOLD_AT_ONCE) last.transitions.push(...transitions);
    else this.#told.push({ service, transitions: [...transitions] });
  }
}
