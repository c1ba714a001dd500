/**
 * PURE. One service's stream, folded by the same fold as production. A checkpoint at its start is gone on from; a later one is compared with what the fold
 * holds by then, byte for byte.
 */
import type { AddressClaim } from '../../machines/claims.ts';
import type { Transition } from '../../machines/fold.ts';
import type { InstanceSnapshot } from '../../machines/instance.ts';
import { completed } from '../../machines/migrate.ts';
import { visibleState } from '../../machines/projection.ts';
import { type Checkpoint, Replay } from '../../machines/replay.ts';
import type { ServiceSnapshot } from '../../machines/service.ts';
import { asClaim, asInstance, asService } from '../../machines/stored-form.ts';
import { errorText, PointsmanError } from '../../shared/errors.ts';
import { canonical } from '../../shared/model/canonical.ts';
import type { Logged, ServiceEvent } from '../../shared/model/event.ts';
import { compareEventIds, type EventId, type InstanceId, type ServiceName } from '../../shared/model/ids.ts';
import type { Entry, LogItem } from '../../shared/model/log-item.ts';

/** Differences that are named; all are counted. */
const DIFFERENCES_MAX = 100;

export interface Difference {
  readonly service: ServiceName;
  /** The checkpoint's. */
  readonly cursor: EventId;
  readonly what: 'service' | 'instance' | 'address';
  readonly name: string;
  /** Canonical JSON; null: it is not there. */
  readonly stored: string | null;
  readonly replayed: string | null;
}

export interface StreamResult {
  readonly events: number;
  readonly transitions: number;
  /** The last event that was folded; where it began, if there was none. */
  readonly cursor: EventId;
  /** Checkpoints that were compared. */
  readonly compared: number;
  readonly differing: number;
  readonly differences: readonly Difference[];
}

export interface StreamReplayOptions {
  /** Nothing after it is folded. */
  readonly until: EventId | null;
  readonly verify: boolean;
  /** Makes an event of an entry. @throws PointsmanError */
  readonly decode: (entry: Entry) => Logged<ServiceEvent>;
}

/** A transition, or a cordon that came or went: then in the words that people see. */
export type Change = Omit<Transition, 'from' | 'to'> & { readonly from: string; readonly to: string };

/** What is wrong with what is read; the caller knows where it stands. */
export class Unfoldable extends Error {}

type Loading = { service: ServiceSnapshot; isOld: boolean; instances: Map<string, InstanceSnapshot>; addresses: Map<string, AddressClaim> };

export class StreamReplay {
  readonly #options: StreamReplayOptions;
  readonly #service: ServiceName;
  readonly #differences: Difference[] = [];
  #replay: Replay | null = null;
  #loading: Loading | null = null;
  #comparing: { cursor: EventId; replayed: Checkpoint; instances: Set<string>; addresses: Set<string> } | null = null;
  #awaits: 'checkpoint' | null;
  #passed = false;
  #cursor: EventId;
  #events = 0;
  #transitions = 0;
  #compared = 0;
  #differing = 0;

  /** @throws PointsmanError LOG_NO_START: what stood where the stream begins is not known. */
  constructor(opening: Extract<LogItem, { kind: 'stream' }>, options: StreamReplayOptions) {
    this.#options = options;
    this.#service = opening.name;
    this.#cursor = opening.after;
    this.#awaits = opening.start === 'checkpoint' ? 'checkpoint' : null;
    if (opening.start === 'beginning') this.#replay = new Replay();
    if (opening.start === 'none' || (options.until !== null && compareEventIds(options.until, opening.after) < 0)) {
      const why =
        opening.start === 'none' ? 'its beginning was cut, and no checkpoint stands in its place' : `it begins after ${opening.after}`;
      throw new PointsmanError('LOG_NO_START', `the log of ${opening.name} cannot be replayed to there: ${why}`, {
        hint: 'replay to a later time; what is kept is `log.retain` in the config',
        retry: 'terminal',
      });
    }
  }

  /** The state as it stands. null: its start was left out because it is damaged. */
  state(): Checkpoint | null {
    return this.#replay?.state() ?? null;
  }

  /** @throws Unfoldable */
  accept(item: LogItem): readonly Change[] {
    switch (item.kind) {
      case 'event':
        return this.#fold(item);
      case 'checkpoint':
        this.#begin(item);
        break;
      case 'instance':
        this.#instance(item.instance, item.json);
        break;
      case 'address':
        this.#address(item.address, item.json);
        break;
      case 'checkpoint-end':
        this.#endCheckpoint();
        break;
      case 'stream':
      case 'end':
        break;
    }
    return [];
  }

  result(): StreamResult {
    return {
      events: this.#events,
      transitions: this.#transitions,
      cursor: this.#cursor,
      compared: this.#compared,
      differing: this.#differing,
      differences: this.#differences,
    };
  }

  #fold(item: Extract<LogItem, { kind: 'event' }>): readonly Change[] {
    const { until } = this.#options;
    if (this.#passed || (until !== null && compareEventIds(item.id, until) > 0)) {
      this.#passed = true;
      return [];
    }
    if (this.#replay === null) throw new Unfoldable('the checkpoint that it goes on from is missing');
    try {
      const event = this.#options.decode(item);
      const id = cordonOf(event.event);
      const before = id === null ? null : this.#replay.instance(id);
      const transitions: Change[] = this.#replay.step(event);
      const after = id === null ? null : this.#replay.instance(id);
      this.#cursor = item.id;
      this.#events += 1;
      this.#transitions += transitions.length;
      const [from, to] = [before, after].map((snapshot) => (snapshot === null ? 'gone' : visibleState(snapshot))) as [string, string];
      if (id === null || from === to || transitions.some(({ instance }) => instance === id)) return transitions;
      return [...transitions, { instance: id, from, to, time: event.time, cause: event.id }];
    } catch (error) {
      throw new Unfoldable(`event ${item.id} cannot be folded: ${errorText(error)}`);
    }
  }

  #begin({ cursor, service }: Extract<LogItem, { kind: 'checkpoint' }>): void {
    this.#loading = null;
    this.#comparing = null;
    const stored = formed(asService(service), 'the service');
    if (this.#awaits === 'checkpoint') {
      this.#awaits = null;
      this.#loading = { ...stored, instances: new Map(), addresses: new Map() };
    } else if (this.#options.verify && !this.#passed && this.#replay !== null && !stored.isOld) {
      // What an earlier version kept says less than what is kept now, so it is not compared.
      const replayed = this.#replay.state();
      this.#comparing = { cursor, replayed, instances: new Set(replayed.instances.keys()), addresses: new Set(replayed.addresses.keys()) };
      this.#compare('service', this.#service, service, canonical(replayed.service));
    }
  }

  #instance(id: string, json: string): void {
    this.#loading?.instances.set(id, formed(asInstance(id, json), id));
    if (this.#comparing === null) return;
    this.#comparing.instances.delete(id);
    const snapshot = this.#comparing.replayed.instances.get(id);
    this.#compare('instance', id, json, snapshot === undefined ? null : canonical(snapshot));
  }

  #address(key: string, json: string): void {
    this.#loading?.addresses.set(key, formed(asClaim(json), key));
    if (this.#comparing === null) return;
    this.#comparing.addresses.delete(key);
    const claim = this.#comparing.replayed.addresses.get(key);
    this.#compare('address', key, json, claim === undefined ? null : canonical(claim));
  }

  #endCheckpoint(): void {
    if (this.#loading !== null) {
      const { service, isOld, instances, addresses } = this.#loading;
      this.#replay = new Replay({ service: isOld ? completed(service, instances.values()) : service, instances, addresses });
    }
    this.#loading = null;
    if (this.#comparing === null) return;
    const { replayed, instances, addresses } = this.#comparing;
    for (const id of instances) this.#compare('instance', id, null, canonical(replayed.instances.get(id)));
    for (const key of addresses) this.#compare('address', key, null, canonical(replayed.addresses.get(key)));
    this.#comparing = null;
    this.#compared += 1;
  }

  #compare(what: Difference['what'], name: string, stored: string | null, replayed: string | null): void {
    if (stored === replayed) return;
    this.#differing += 1;
    const cursor = this.#comparing?.cursor ?? this.#cursor;
    if (this.#differences.length < DIFFERENCES_MAX)
      this.#differences.push({ service: this.#service, cursor, what, name, stored, replayed });
  }
}

/** Whose cordon the event is about; null: it is about none. */
function cordonOf(event: ServiceEvent): InstanceId | null {
  if (event.type === 'cordoned' || event.type === 'uncordoned') return event.instance;
  return event.type === 'timer' && event.timer === 'cordon' ? event.instance : null;
}

function formed<T>(value: T | null, what: string): T {
  if (value === null) throw new Unfoldable(`the snapshot of ${what} has not the form of one`);
  return value;
}
