/** A process that holds registrations, seen from the demo: orders go to it, and it says when Zookeeper has confirmed them. */
import type { Child } from './child.ts';
import type { Order, Report } from './messages.ts';
import { isReport } from './messages.ts';
import { until } from './until.ts';

const CONFIRMED_WITHIN_MS = 10_000;

export class Registrations {
  readonly child: Child;
  /** Of the present session; null: none yet, or it ended. */
  session: string | null = null;
  /** Path to what was last confirmed of it. */
  readonly #confirmed = new Map<string, { readonly registered: boolean; readonly at: number }>();

  constructor(child: Child) {
    this.child = child;
    child.onMessage((message) => {
      if (isReport(message)) this.#hear(message);
    });
  }

  isRegistered(path: string): boolean {
    return this.child.running && (this.#confirmed.get(path)?.registered ?? false);
  }

  /** When it went to Zookeeper, ms since the epoch. */
  register(path: string, signal: AbortSignal): Promise<number> {
    return this.#order({ type: 'register', path }, true, signal);
  }

  deregister(path: string, signal: AbortSignal): Promise<number> {
    return this.#order({ type: 'deregister', path }, false, signal);
  }

  async #order(order: Order & { path: string }, registered: boolean, signal: AbortSignal): Promise<number> {
    this.#confirmed.delete(order.path);
    this.child.send(order);
    return until(
      `zookeeper to confirm: ${order.type} ${order.path}`,
      () => {
        const said = this.#confirmed.get(order.path);
        return said?.registered === registered ? said.at : null;
      },
      { within: CONFIRMED_WITHIN_MS, every: 2, signal },
    );
  }

  #hear(report: Report): void {
    if (report.type === 'session') {
      this.session = report.id;
      // Its znodes went with it; each is confirmed anew.
      if (report.id === null) this.#confirmed.clear();
    }
    if (report.type === 'registered') this.#confirmed.set(report.path, { registered: true, at: report.at });
    if (report.type === 'deregistered') this.#confirmed.set(report.path, { registered: false, at: report.at });
  }
}
