/**
 * What people are told in the log of one service's readings, once per change: that its path is not there, and is again; and registrations
 * that were refused, or ask for what is not used, in bounded numbers, with every name made safe to print.
 */
import { ASKABLE, type Askable, inVain } from '../../shared/model/asked-options.ts';
import type { ServiceEvent } from '../../shared/model/event.ts';
import type { ServiceName } from '../../shared/model/ids.ts';
import type { Logger } from '../../shared/observability/logger.ts';
import { ToldWindow } from '../../shared/observability/told-window.ts';
import { escapeText } from '../../shared/znode/escape.ts';

/** Different sets of options that are told of one service. */
const OPTIONS_MAX = 50;

export class ReadingTeller {
  /** The path, when it was looked at and is not there. */
  absent: string | null = null;
  readonly #service: ServiceName;
  readonly #logger: Logger;
  readonly #window = new ToldWindow();
  #allowed: readonly Askable[] = [];
  readonly #toldOptions = new Set<string>();

  constructor(service: ServiceName, logger: Logger) {
    this.#service = service;
    this.#logger = logger;
  }

  /** `allowed`: what a registration may ask for. */
  read(path: string, present: boolean, events: readonly ServiceEvent[], allowed: readonly Askable[]): void {
    this.#path(path, present);
    this.#rejections(events, performance.now());
    this.#options(events, allowed);
  }

  /** Registrations of one service ask for much the same: it is told once, and again after another config. */
  #options(events: readonly ServiceEvent[], allowed: readonly Askable[]): void {
    if (this.#allowed.join() !== allowed.join()) this.#toldOptions.clear();
    this.#allowed = allowed;
    for (const event of events) {
      if ((event.type !== 'registered' && event.type !== 'changed') || !('registration' in event.said)) continue;
      const ignored = inVain(allowed, event.said.registration.options).join(', ');
      if (ignored === '' || this.#toldOptions.has(ignored) || this.#toldOptions.size >= OPTIONS_MAX) continue;
      this.#toldOptions.add(ignored);
      const hint = `server.options of the service lists what a registration may ask for, of ${ASKABLE.join(', ')}`;
      this.#logger.warn(
        { service: this.#service, instance: event.instance, ignored, hint },
        'a registration asks for server options in vain',
      );
    }
  }

  #path(path: string, present: boolean): void {
    if (present === (this.absent === null)) return;
    this.absent = present ? null : path;
    const fields = { service: this.#service, path };
    if (present) return this.#logger.info(fields, 'the path of the service is there now');
    const hint = 'instances are found once it is created; or correct the path in the config';
    this.#logger.warn({ ...fields, code: 'ZOOKEEPER_NO_NODE', hint }, 'the path of the service does not exist: waiting for it');
  }

  #rejections(events: readonly ServiceEvent[], now: number): void {
    for (const event of events) {
      if ((event.type !== 'registered' && event.type !== 'changed') || !('rejection' in event.said)) continue;
      const more = this.#window.take(now);
      if (more === null) continue;
      const { code, detail } = event.said.rejection;
      this.#logger.warn(
        { service: this.#service, znode: escapeText(event.znode.name), reason: code, detail, ...more },
        'registration refused',
      );
    }
  }
}
