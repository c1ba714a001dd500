/** One check of an entry, made again and again, never two at once; its snapshot follows by the machine. Checks of one host begin apart. */
import { type CheckSnapshot, type CheckState, newCheck, stepCheck } from '../../machines/check.ts';
import type { RegisterCheck } from '../../shared/model/register.ts';
import { pause } from '../../shared/runtime/wait.ts';
import { outcomeOf } from './probe.ts';

/** ms over which the first checks of a host are spread, at most. */
const SPREAD_MAX_MS = 500;

export class CheckLoop {
  #snapshot: CheckSnapshot;
  readonly #check: RegisterCheck;
  readonly #moved: () => void;
  readonly #said: (ok: boolean, at: number) => void;
  readonly #stopping = new AbortController();

  /** `standing`: as an earlier check of the entry stood. `moved` is called when it came to pass or to fail, `said` after each outcome. */
  constructor(
    check: RegisterCheck,
    standing: { state: CheckState; since: number },
    { moved, said }: { moved: () => void; said: (ok: boolean, at: number) => void },
  ) {
    this.#check = check;
    this.#moved = moved;
    this.#said = said;
    this.#snapshot = newCheck(check, standing);
  }

  get snapshot(): CheckSnapshot {
    return this.#snapshot;
  }

  start(): void {
    void this.#run(this.#stopping.signal);
  }

  stop(): void {
    this.#stopping.abort();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { interval } = this.#check;
    let due = performance.now() + Math.random() * Math.min(interval, SPREAD_MAX_MS);
    for (;;) {
      await pause(Math.max(0, due - performance.now()), signal);
      if (signal.aborted) return;
      const outcome = await outcomeOf(this.#check, signal);
      if (signal.aborted) return;
      const before = this.#snapshot.state;
      const at = Date.now();
      this.#snapshot = stepCheck(this.#snapshot, outcome.ok ? { type: 'pass', at } : { type: 'fail', at, detail: outcome.detail });
      this.#said(outcome.ok, at);
      if (this.#snapshot.state !== before) this.#moved();
      due = Math.max(due + interval, performance.now());
    }
  }
}
