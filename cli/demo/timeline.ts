/** What happened, as lines for the display: from one look at the world to the next. Keeps the newest. */
import type { InstanceId, ServiceName } from '../../shared/model/ids.ts';

const KEPT = 50;

export interface Seen {
  /** Instance to its state, over all services. */
  readonly states: ReadonlyMap<InstanceId, { readonly service: ServiceName; readonly state: string; readonly refused: string | null }>;
  /** Services that are held. */
  readonly held: ReadonlySet<ServiceName>;
  readonly reloads: number;
  readonly reloadReason: string | null;
  readonly failed: number;
  readonly failure: string | null;
}

export class Timeline {
  readonly lines: string[] = [];
  #last: Seen | null = null;
  /** Failed requests in the newest line, so that a run of them is one line; 0: it is another one. */
  #failing = 0;

  say(text: string): void {
    this.#failing = 0;
    this.lines.push(`${new Date().toTimeString().slice(0, 8)}  ${text}`);
    if (this.lines.length > KEPT) this.lines.shift();
  }

  /** Says what is different from the last time. */
  look(now: Seen): void {
    const before = this.#last;
    this.#last = now;
    if (before === null) return;
    for (const [id, { service, state, refused }] of now.states) {
      const was = before.states.get(id)?.state ?? 'gone';
      if (was !== state) this.say(`${service} ${id}: ${was} -> ${state}${refused === null ? '' : `, ${refused}`}`);
    }
    for (const service of now.held) if (!before.held.has(service)) this.say(`${service}: mass loss held, what is missing keeps serving`);
    for (const service of before.held) if (!now.held.has(service)) this.say(`${service}: the hold ended`);
    if (now.reloads > before.reloads) this.say(`haproxy reloaded (${now.reloads}): ${now.reloadReason ?? 'by somebody else'}`);
    if (now.failed > before.failed) this.#fail(now.failed - before.failed, now.failure ?? 'unknown');
  }

  #fail(count: number, what: string): void {
    const total = this.#failing + count;
    if (this.#failing > 0) this.lines.pop();
    this.say(`${total} ${total === 1 ? 'request' : 'requests'} failed: ${what}`);
    this.#failing = total;
  }
}
