/** Refused requests, told in bounded numbers: whoever asks wrongly does it again and again. */
import type { PointsmanError } from '../../shared/errors.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import { ToldWindow } from '../../shared/observability/told-window.ts';

export class Refusals {
  readonly #logger: Logger;
  readonly #window = new ToldWindow();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  tell({ code, message }: PointsmanError): void {
    if (this.#window.take(performance.now()) !== null)
      this.#logger.warn({ code, error: message }, 'a request to the registrar was refused');
  }
}
