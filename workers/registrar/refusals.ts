/** Refused requests, told in bounded numbers: whoever asks wrongly does it again and again. */
import type { PointsmanError } from '../../shared/errors.ts';
import type { Logger } from '../../shared/observability/logger.ts';

/** In a window. */
const TOLD_MAX = 10;
const WINDOW_MS = 60_000;

export class Refusals {
  readonly #logger: Logger;
  #windowEnds = 0;
  #told = 0;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  tell({ code, message }: PointsmanError): void {
    const now = performance.now();
    if (now >= this.#windowEnds) {
      this.#windowEnds = now + WINDOW_MS;
      this.#told = 0;
    }
    this.#told += 1;
    if (this.#told <= TOLD_MAX) this.#logger.warn({ code, error: message }, 'a request to the registrar was refused');
  }
}
