/**
 * The registrar's heartbeat in Redis: what it registers and how that stands. Soon after something changed, else every few seconds. The registrar needs no Redis:
 * while it is away nothing is told, and nothing waits.
 */
import { hostname } from 'node:os';
import type { Logger } from '../../shared/observability/logger.ts';
import type { RegistrarStore } from '../../shared/redis/registrar-store.ts';
import type { Role } from '../../shared/runtime/role.ts';
import type { Registrar } from './registrar.ts';

const BEAT_EVERY_MS = 5_000;
/** From a change to its beat: many entries change at once. */
const SOON_MS = 200;
/** Registrars that ended without a word are shown for so long, then a living one takes them off the list. */
const REMEMBERED_MS = 60 * 60_000;

export class RegistrarHeartbeat implements Role {
  readonly name = 'registrar';
  readonly #id = `${hostname()}-${process.pid}`;
  readonly #registrar: Registrar;
  readonly #store: RegistrarStore;
  readonly #logger: Logger;
  #timer: NodeJS.Timeout | undefined;
  #due = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(registrar: Registrar, store: RegistrarStore, logger: Logger) {
    this.#registrar = registrar;
    this.#store = store;
    this.#logger = logger;
  }

  async start(): Promise<void> {
    this.#registrar.moved = () => this.#later(SOON_MS);
    this.#later(SOON_MS);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#registrar.moved = null;
    clearTimeout(this.#timer);
    // What it said last of its entries would not be true any more.
    await this.#store.withdraw(this.#id).catch(() => undefined);
  }

  /** The next beat, unless one comes sooner anyway. */
  #later(ms: number): void {
    const due = performance.now() + ms;
    if (this.#stopped || due >= this.#due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => void this.#beat(), ms);
  }

  async #beat(): Promise<void> {
    const now = Date.now();
    this.#due = Number.POSITIVE_INFINITY;
    try {
      await this.#store.announce({ id: this.#id, at: now, ...this.#registrar.report });
      await this.#store.forget(now - REMEMBERED_MS);
    } catch (error) {
      this.#logger.debug({ error: String(error) }, 'the heartbeat of the registrar failed, the next one follows');
    }
    this.#later(BEAT_EVERY_MS);
  }
}
