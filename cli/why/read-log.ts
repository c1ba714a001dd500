/**
 * A service's log, read page by page and folded up to a moment: from its beginning, or, where that was cut, from the checkpoint that stands in its place.
 * Only of a moment before that is nothing known. Changes nothing.
 */
import { newService, type ServiceSnapshot } from '../../machines/service.ts';
import { PointsmanError } from '../../shared/errors.ts';
import type { Logged, ServiceEvent } from '../../shared/model/event.ts';
import { compareEventIds, type EventId, eventTime, type InstanceId, type ServiceName } from '../../shared/model/ids.ts';
import { LogSource } from '../../shared/redis/log-source.ts';
import type { Ports } from '../../workers/app.ts';
import { formed, type Start } from './checkpoint.ts';
import { type Asked, History } from './history.ts';

/** Events in one reply of Redis. */
const PAGE_EVENTS = 1_000;
/** Events that are read at most: ten times what a log keeps. */
const EVENTS_MAX = 1_000_000;
/** It may be cut while it is read; the next time it is read from where it begins then. */
const TRIES = 3;

export interface ReadLog {
  readonly history: History;
  /** What the fold went on from; null: it began with the log's first event. */
  readonly start: Start | null;
  /** The asked instance's first event after the moment, if there was none before it. */
  readonly heardOf: number | null;
  readonly heardAs: InstanceId | null;
  /** Whether what stood where the log begins is not known. */
  readonly cut: boolean;
  /** What is to be said of the log. */
  readonly note: string | null;
}

interface Moment {
  readonly service: ServiceName;
  /** ms; null: now. */
  readonly at: number | null;
  /** The last event that is folded in production. */
  readonly cursor: EventId;
  /** As it is stored now. */
  readonly latest: ServiceSnapshot | null;
}

/** Of the past by the events' times, of now up to what is folded in production. @throws PointsmanError LOG_CUT: it was cut again and again meanwhile. */
export async function readLog(ports: Ports, moment: Moment, asked: Asked | null): Promise<ReadLog> {
  for (let attempt = 1; attempt <= TRIES; attempt += 1) {
    const read = await new LogReading(ports, moment, asked).read();
    if (read !== null) return read;
  }
  throw new PointsmanError('LOG_CUT', `the log of ${moment.service} was cut while it was read`, {
    hint: 'run it again',
    retry: 'transient',
  });
}

class LogReading {
  readonly #ports: Ports;
  readonly #moment: Moment;
  readonly #asked: Asked | null;
  #history: History | null = null;
  #start: Start | null = null;
  #cut = false;
  #note: string | null = null;

  constructor(ports: Ports, moment: Moment, asked: Asked | null) {
    this.#ports = ports;
    this.#moment = moment;
    this.#asked = asked;
  }

  /** null: it was cut meanwhile, and what is read has a gap. */
  async read(): Promise<ReadLog | null> {
    const { service } = this.#moment;
    const source = new LogSource(this.#ports.redis, this.#ports.keys);
    const older = await source.older(service);
    if (older !== null) this.#begin(older.cursor, formed(older));
    let cursor = older?.cursor ?? '0-0';
    for (let count = 0; count < EVENTS_MAX; count += PAGE_EVENTS) {
      const events = await this.#ports.log.read(service, cursor, PAGE_EVENTS);
      if (compareEventIds(await source.cutUpTo(service), cursor) > 0) return null;
      if (count === 0 && older === null && events[0] !== undefined && (await this.#isCut(events[0]))) this.#cutAt(events[0].id);
      for (const event of events) {
        if (!this.#isLater(event)) this.#step(event);
        else if (this.#asked === null || this.#history?.meant() != null) return this.#done(null);
        else if (names(event.event, this.#asked)) return this.#done({ time: event.time, instance: event.event.instance });
      }
      cursor = events.at(-1)?.id ?? cursor;
      if (events.length < PAGE_EVENTS) return this.#done(null);
    }
    this.#cut = true;
    this.#note = `the log has more than ${EVENTS_MAX} events; the later ones were not read`;
    return this.#done(null);
  }

  /** `start`: null: what is stored there cannot be read. */
  #begin(cursor: EventId, start: Start | null): void {
    const { at } = this.#moment;
    if (start === null || (at !== null && eventTime(cursor) > at)) return this.#cutAt(cursor);
    this.#start = start;
    this.#history = new History(start.checkpoint, this.#asked);
  }

  #cutAt(id: EventId): void {
    this.#cut = true;
    this.#note = `the log does not reach back to the beginning of the service: it begins at ${idText(id)}, and what was before that is not known`;
  }

  async #isCut({ event }: Logged<ServiceEvent>): Promise<boolean> {
    return event.type !== 'configured' || (await this.#ports.log.isCut(this.#moment.service)) === true;
  }

  #isLater({ id, time }: Logged<ServiceEvent>): boolean {
    const { at, cursor } = this.#moment;
    return at === null ? compareEventIds(id, cursor) > 0 : time > at;
  }

  /** Where the beginning is not known, the config that holds now is the likeliest to have held then. */
  #step(event: Logged<ServiceEvent>): void {
    const { config, complete } = this.#moment.latest ?? newService();
    const guess = { service: { ...newService(), config, complete }, instances: new Map(), addresses: new Map() };
    this.#history ??= new History(this.#cut ? guess : null, this.#asked);
    this.#history.step(event);
  }

  /** `later`: the first that is heard of whom nothing was heard before. Where the beginning is not known, that says nothing of what was then. */
  #done(later: { readonly time: number; readonly instance: InstanceId } | null): ReadLog {
    const unknown = this.#cut && this.#moment.at !== null;
    return {
      history: this.#history ?? new History(null, this.#asked),
      start: this.#start,
      heardOf: unknown ? null : (later?.time ?? null),
      heardAs: later?.instance ?? null,
      cut: this.#cut,
      note: this.#note,
    };
  }
}

export function idText(id: EventId): string {
  return `${id} (${new Date(eventTime(id)).toISOString()})`;
}

function names(event: ServiceEvent, { znode, instances }: Asked): event is ServiceEvent & { instance: InstanceId } {
  return 'znode' in event && (event.znode.name === znode || instances.includes(event.instance));
}
