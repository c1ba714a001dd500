/**
 * Asks at HAProxy's port with a new connection per request, one request every so many milliseconds, at most a few at a time, and says which instance
 * answered when.
 */
import { connect } from 'node:net';
import { clock } from './clock.ts';

export interface Answer {
  /** The instance's port; null: none answered with 200. */
  readonly instance: number | null;
  /** ms, of `clock`: when the answer began to arrive. */
  readonly at: number;
}

const AT_ONCE_MAX = 4;
const ANSWER_WITHIN_MS = 2_000;
/** `/once`: the instance closes its side too, so that no idle connection puts off the deletion of its server. */
const REQUEST = 'GET /once HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n';

export class Poller {
  /** Requests that got no answer of 200. */
  failed = 0;
  readonly #port: number;
  readonly #everyMs: number;
  readonly #hear: (answer: Answer) => void;
  #inFlight = 0;
  #stopped = false;

  constructor(port: number, everyMs: number, hear: (answer: Answer) => void) {
    this.#port = port;
    this.#everyMs = everyMs;
    this.#hear = hear;
    this.#tick();
  }

  stop(): void {
    this.#stopped = true;
  }

  #tick(): void {
    if (this.#stopped) return;
    if (this.#inFlight < AT_ONCE_MAX) this.#ask();
    setTimeout(() => this.#tick(), this.#everyMs);
  }

  #ask(): void {
    this.#inFlight += 1;
    let said = '';
    let heard = false;
    const socket = connect(this.#port, '127.0.0.1', () => socket.write(REQUEST));
    socket.setNoDelay(true);
    socket.setTimeout(ANSWER_WITHIN_MS, () => socket.destroy());
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      said += chunk.toString('latin1');
      if (heard || !said.includes('\r\n\r\n')) return;
      heard = true;
      const at = clock();
      const instance = said.startsWith('HTTP/1.1 200') ? /x-instance: (\d+)/i.exec(said)?.[1] : undefined;
      if (instance === undefined) this.failed += 1;
      this.#hear({ instance: instance === undefined ? null : Number(instance), at });
      socket.destroy();
    });
    socket.on('close', () => {
      this.#inFlight -= 1;
      if (heard) return;
      this.failed += 1;
      this.#hear({ instance: null, at: clock() });
    });
  }
}
