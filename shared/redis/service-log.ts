/**
 * A service's event log and the view that its watcher works from. An append is one Lua call: fenced by the watcher's epoch, compared with
 * the view's revision, so that what lands is duplicate-free and in order. Costs what changed, not what there is.
 */
import type { Redis } from 'ioredis';
import { PointsmanError } from '../errors.ts';
import { EVENT_FORMAT, type HealthChange, type Logged, type ServiceEvent, type Verdict } from '../model/event.ts';
import { isRecord } from '../model/event-form.ts';
import type { EventId, InstanceId, ProxyId, ServiceName } from '../model/ids.ts';
import type { ServiceConfig } from '../model/service-config.ts';
import { asViewEntry, type ViewEntry } from '../znode/view.ts';
import { noteDamage } from './damage.ts';
import { decodeEvent } from './entry.ts';
import type { Keys } from './keys.ts';
import { runScript } from './script.ts';
import { APPEND, NEXT_EPOCH } from './scripts.ts';
import { sourceOf } from './source.ts';
import { execute } from './transaction.ts';
import { HEALTH, WITHDRAW } from './verdict-scripts.ts';
import { type Part, partsOf } from './view-parts.ts';

export interface ViewChange {
  readonly epoch: number;
  readonly viewRevision: number;
  readonly set: ReadonlyMap<string, ViewEntry>;
  readonly remove: readonly string[];
  readonly events: readonly ServiceEvent[];
}

export interface View {
  readonly revision: number;
  readonly children: Map<string, ViewEntry>;
  /** As last published. */
  readonly config: ServiceConfig | null;
  /** Whether the log was ever told that the service was read completely. */
  readonly complete: boolean;
  /** By the service's last snapshot. */
  readonly cordoned: readonly InstanceId[];
}

export class ServiceLog {
  readonly #redis: Redis;
  readonly #keys: Keys;
  /** Services that this process has put on the list. */
  readonly #listed = new Set<ServiceName>();

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
    // It may be another Redis, or one that lost everything.
    redis.on('ready', () => this.#listed.clear());
  }

  /** A number above every epoch given out before: the fence of a new leader. */
  async nextEpoch(): Promise<number> {
    return Number(await runScript(this.#redis, NEXT_EPOCH, [this.#keys.epoch], [String(Date.now())]));
  }

  async services(): Promise<ServiceName[]> {
    return (await this.#redis.smembers(this.#keys.services)).sort();
  }

  /** What the last watcher saw, and the config it published. @throws PointsmanError LOG_VIEW_UNREADABLE */
  async readView(service: ServiceName): Promise<View> {
    const { meta, view } = this.#keys.service(service);
    const replies = await execute(this.#redis.multi().hmget(meta, 'view', 'config', 'complete', 'service').hgetall(view));
    const [[revision, config, complete, snapshot], children] = replies as [(string | null)[], Record<string, string>];
    const entries = Object.entries(children).map(([name, json]) => [name, asViewEntry(json)] as const);
    const unread = entries.find(([, entry]) => entry === null);
    if (unread !== undefined) {
      await noteDamage(this.#redis, meta, { of: 'view', is: Number(revision ?? '0') }, 'the view of', unread[0]);
      throw new PointsmanError('LOG_VIEW_UNREADABLE', `what is on record of a znode of ${service} cannot be read`, {
        hint: 'the transition role builds the service anew within a minute',
        retry: 'transient',
      });
    }
    return {
      revision: Number(revision ?? '0'),
      children: new Map(entries as (readonly [string, ViewEntry])[]),
      config: configBy(config ?? null),
      complete: complete === '1',
      cordoned: cordonedBy(snapshot ?? null),
    };
  }

  /** The config that was published last; null: it is not configured. */
  async configOnRecord(service: ServiceName): Promise<ServiceConfig | null> {
    return configBy(await this.#redis.hget(this.#keys.service(service).meta, 'config'));
  }

  /**
   * Updates the view and appends the events.
   * @throws PointsmanError LOG_FENCED: a later leader has written. LOG_STALE_REVISION: the view moved; read it again and diff again.
   */
  async append(service: ServiceName, change: ViewChange): Promise<{ revision: number; ids: EventId[] }> {
    if (!this.#listed.has(service)) await this.#redis.sadd(this.#keys.services, service);
    this.#listed.add(service);
    const ids: EventId[] = [];
    let revision = change.viewRevision;
    for (const part of partsOf(change)) {
      const answer = await this.#call(service, change.epoch, revision, part);
      revision = answer.revision;
      ids.push(...answer.ids);
    }
    return { revision, ids };
  }

  /** Appends events that no view stands behind (health, timers); they need no fence, the machines refuse what is stale. */
  async appendPlain(service: ServiceName, events: readonly ServiceEvent[], source = sourceOf('transition')): Promise<void> {
    if (events.length === 0) return;
    const { log } = this.#keys.service(service);
    const pipeline = this.#redis.pipeline();
    for (const event of events) {
      const { type, ...data } = event;
      pipeline.xadd(log, '*', 'v', String(EVENT_FORMAT), 'type', type, 'data', JSON.stringify(data), 'source', source);
    }
    await execute(pipeline);
  }

  async verdicts(service: ServiceName, proxy: ProxyId): Promise<Map<InstanceId, Verdict>> {
    const verdicts = await this.#redis.hgetall(this.#keys.service(service).verdicts(proxy));
    return new Map(Object.entries(verdicts)) as Map<InstanceId, Verdict>;
  }

  /** Appends a `health` event and keeps the verdicts, together. false: somebody else told it first. */
  async tellHealth(service: ServiceName, proxy: ProxyId, verdicts: readonly HealthChange[]): Promise<boolean> {
    const keys = this.#keys.service(service);
    const data = JSON.stringify({ proxy, verdicts });
    const args = [data, sourceOf('observer'), ...verdicts.flatMap(({ instance, from, to }) => [instance, from, to])];
    return (await runScript(this.#redis, HEALTH, [keys.verdicts(proxy), keys.log], args)) === 'ok';
  }

  /** Appends a `health` event by which the proxy has nothing more to say of these instances. false: it had said nothing. */
  async withdrawVerdicts(
    service: ServiceName,
    proxy: ProxyId,
    instances: readonly InstanceId[],
    source = sourceOf('reconciler'),
  ): Promise<boolean> {
    const keys = this.#keys.service(service);
    const args = [proxy, source, ...instances];
    return Number(await runScript(this.#redis, WITHDRAW, [keys.verdicts(proxy), keys.log], args)) > 0;
  }

  /** Up to `count` events after `cursor` (exclusive), oldest first. */
  async read(service: ServiceName, cursor: EventId, count: number): Promise<Logged<ServiceEvent>[]> {
    const entries = await this.#redis.xrange(this.#keys.service(service).log, `(${cursor}`, '+', 'COUNT', count);
    return entries.map(([id, fields]) => decodeEvent(id, fields));
  }

  /** Ids of up to `count` events after `cursor`, oldest first, whatever their format. */
  async idsAfter(service: ServiceName, cursor: EventId, count: number): Promise<EventId[]> {
    const entries = await this.#redis.xrange(this.#keys.service(service).log, `(${cursor}`, '+', 'COUNT', count);
    return entries.map(([id]) => id);
  }

  /** The id of the last event; `0-0`: there is none. */
  async last(service: ServiceName): Promise<EventId> {
    const [entry] = await this.#redis.xrevrange(this.#keys.service(service).log, '+', '-', 'COUNT', 1);
    return entry?.[0] ?? '0-0';
  }

  /** Whether events were cut off its beginning; null: Redis before 7.0 does not say. */
  async isCut(service: ServiceName): Promise<boolean | null> {
    const info = (await this.#redis.xinfo('STREAM', this.#keys.service(service).log)) as unknown[];
    const field = (name: string): number => Number(info[info.indexOf(name) + 1]);
    return info.includes('entries-added') ? field('entries-added') > field('length') : null;
  }

  async #call(service: ServiceName, epoch: number, revision: number, part: Part): Promise<{ revision: number; ids: EventId[] }> {
    const { meta, view, log } = this.#keys.service(service);
    const complete = part.events.some((event) => event.type === 'complete') ? '1' : '';
    const args = [String(epoch), String(revision), configOf(part.events), complete, sourceOf('watcher'), String(part.set.length)];
    for (const [name, entry] of part.set) args.push(name, JSON.stringify(entry));
    args.push(String(part.remove.length), ...part.remove, String(part.events.length));
    for (const { type, ...data } of part.events) args.push(type, JSON.stringify(data), '');
    const answer = (await runScript(this.#redis, APPEND, [meta, view, log], args)) as string[];
    if (answer[0] === 'fenced') {
      throw new PointsmanError('LOG_FENCED', `epoch ${epoch} of ${service} is over: epoch ${answer[1]} has written`, {
        hint: 'another watcher leads; this one stands by',
        retry: 'after',
      });
    }
    if (answer[0] === 'stale') {
      throw new PointsmanError('LOG_STALE_REVISION', `the view of ${service} is at revision ${answer[1]}, not ${revision}`, {
        hint: 'read the view again and compare again',
        retry: 'transient',
      });
    }
    return { revision: Number(answer[1]), ids: answer.slice(2) };
  }
}

/** What cannot be read is as if it had not been published: it is published again. */
function configBy(json: string | null): ServiceConfig | null {
  try {
    const config: unknown = JSON.parse(json ?? 'null');
    return isRecord(config) ? (config as unknown as ServiceConfig) : null;
  } catch {
    return null;
  }
}

/** What cannot be read names nobody: who folds the service finds that out, and what is told until then does no harm. */
function cordonedBy(snapshot: string | null): readonly InstanceId[] {
  try {
    const stored = JSON.parse(snapshot ?? 'null') as { cordoned?: unknown } | null;
    return Array.isArray(stored?.cordoned) ? (stored.cordoned as InstanceId[]) : [];
  } catch {
    return [];
  }
}

function configOf(events: readonly ServiceEvent[]): string {
  const last = events.findLast((event) => event.type === 'configured' || event.type === 'unconfigured');
  if (last === undefined) return '';
  return last.type === 'configured' ? JSON.stringify(last.config) : 'null';
}
