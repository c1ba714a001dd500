/** Keeps the event logs within what is retained, beside the folds and never in their way: nobody waits for it, and what fails is the next sweep's. */
import type { ServiceName } from '../../shared/model/ids.ts';
import type { Retain } from '../../shared/model/retain.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import type { Retention } from '../../shared/redis/retention.ts';

export class LogKeeper {
  /** null: everything is kept. */
  retain: Retain | null;
  readonly #retention: Retention;
  readonly #logger: Logger;

  constructor(ports: { readonly retention: Retention; readonly logger: Logger }, retain: Retain | null) {
    this.#retention = ports.retention;
    this.#logger = ports.logger;
    this.retain = retain;
  }

  folded(service: ServiceName, events: number): void {
    if (this.retain === null) return;
    this.#retention
      .folded(service, events, this.retain, Date.now())
      .catch((error: unknown) => this.#logger.debug({ service, error: String(error) }, 'retention failed, the next sweep follows'));
  }

  async sweep(): Promise<void> {
    if (this.retain === null) return;
    try {
      const swept = await this.#retention.sweep(this.retain, Date.now());
      if (swept !== null && swept.checkpoints + swept.cut > 0) this.#logger.info(swept, 'event logs kept within what is retained');
    } catch (error) {
      this.#logger.warn({ error: String(error) }, 'sweep of the logs failed, the next one follows');
    }
  }
}
