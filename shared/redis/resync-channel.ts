/**
 * How a command asks the watchers, wherever they run, to read Zookeeper again: a request on one Redis channel, each answer on a channel
 * of the request's own. Pub/sub keeps nothing: a watcher that does not listen is not asked, and that is what the asker is told.
 */
import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { errorFields, errorText, PointsmanError } from '../errors.ts';
import type { ServiceName } from '../model/ids.ts';
import type { Logger } from '../observability/logger.ts';
import { within } from '../runtime/deadline.ts';
import { awaitReady } from './connection.ts';
import type { Keys } from './keys.ts';

/** ms until the answers must be there: past one session timeout with its confirming read. */
export const RESYNC_DEADLINE_MS = 30_000;
/** A request is answered before its asker stops listening. */
const ANSWER_WITHIN_MS = RESYNC_DEADLINE_MS - 2_000;
const CONNECT_MS = 5_000;
/** Requests in hand at once; more are refused, so that a loop in a script cannot pile them up. */
const REQUESTS_MAX = 4;

export interface ResyncedService {
  readonly service: ServiceName;
  /** Znodes on record. */
  readonly children: number;
  /** Znodes that are missing and not believed to be gone yet. */
  readonly missing: number;
}

export interface ResyncAnswer {
  /** Who answers, for people: host and pid. */
  readonly watcher: string;
  /** standing-by: another watcher leads · not-watched: it leads, and has no such service. */
  readonly outcome: 'done' | 'standing-by' | 'not-watched' | 'failed';
  readonly services: readonly ResyncedService[];
  /** Why it failed. */
  readonly detail: string | null;
}

type Found = Omit<ResyncAnswer, 'watcher'>;
export type ResyncHandler = (service: ServiceName | null) => Promise<Found>;

interface Request {
  readonly id: string;
  /** null: all. */
  readonly service: ServiceName | null;
}

/** Answers requests until it is stopped; the subscription comes back by itself after an outage of Redis. */
export class ResyncListener {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #logger: Logger;
  readonly #watcher: string;
  readonly #handle: ResyncHandler;
  #subscriber: Redis | null = null;
  #inHand = 0;

  /** What `handle` throws is told to the asker. */
  constructor(options: { redis: Redis; keys: Keys; logger: Logger; watcher: string; handle: ResyncHandler }) {
    this.#redis = options.redis;
    this.#keys = options.keys;
    this.#logger = options.logger;
    this.#watcher = options.watcher;
    this.#handle = options.handle;
  }

  start(): void {
    const subscriber = this.#redis.duplicate({ autoResubscribe: false });
    this.#subscriber = subscriber;
    subscriber.on('error', () => undefined);
    subscriber.on('message', (_channel: string, text: string) => void this.#answer(text));
    subscriber.on('ready', () => {
      subscriber.subscribe(this.#keys.resync).catch((error: unknown) => {
        this.#logger.warn(errorFields(error), 'cannot listen for resync requests');
        // The next connection subscribes again.
        if (this.#subscriber !== null) subscriber.disconnect(true);
      });
    });
  }

  stop(): void {
    this.#subscriber?.disconnect();
    this.#subscriber = null;
  }

  async #answer(text: string): Promise<void> {
    const request = parseRequest(text);
    if (request === null || this.#inHand >= REQUESTS_MAX) {
      this.#logger.warn({ inHand: this.#inHand }, 'a resync request was not taken');
      return;
    }
    this.#inHand += 1;
    let found: Found;
    try {
      const late = (): Error => new Error(`Zookeeper was not read within ${ANSWER_WITHIN_MS / 1000} s; it goes on`);
      found = await within(ANSWER_WITHIN_MS, this.#handle(request.service), late);
    } catch (error) {
      found = { outcome: 'failed', services: [], detail: errorText(error) };
    } finally {
      this.#inHand -= 1;
    }
    const answer: ResyncAnswer = { watcher: this.#watcher, ...found };
    await this.#redis.publish(answerChannel(this.#keys, request.id), JSON.stringify(answer)).catch((error: unknown) => {
      this.#logger.warn(errorFields(error), 'a resync answer was not sent');
    });
  }
}

/**
 * Asks every watcher that listens; resolves with their answers when all have answered, or when one has done it.
 * @throws PointsmanError WATCHER_ABSENT: nobody listens, or nobody answered in time.
 */
export async function requestResync(
  redis: Redis,
  keys: Keys,
  service: ServiceName | null,
  deadlineMs = RESYNC_DEADLINE_MS,
): Promise<ResyncAnswer[]> {
  const request: Request = { id: randomUUID(), service };
  const subscriber = redis.duplicate();
  subscriber.on('error', () => undefined);
  const answers: ResyncAnswer[] = [];
  try {
    return await within(deadlineMs, ask(redis, subscriber, keys, request, answers), () => silent(deadlineMs));
  } catch (error) {
    // Somebody answered, others did not: what is known is told.
    if (answers.length > 0 && error instanceof PointsmanError && error.code === 'WATCHER_ABSENT') return answers;
    throw error;
  } finally {
    subscriber.disconnect();
  }
}

async function ask(redis: Redis, subscriber: Redis, keys: Keys, request: Request, answers: ResyncAnswer[]): Promise<ResyncAnswer[]> {
  await awaitReady(subscriber, CONNECT_MS);
  await subscriber.subscribe(answerChannel(keys, request.id));
  return new Promise((resolve, reject) => {
    let asked = Number.POSITIVE_INFINITY;
    const look = (): void => {
      if (answers.length >= asked || answers.some((answer) => answer.outcome === 'done')) resolve(answers);
    };
    subscriber.on('message', (_channel: string, text: string) => {
      answers.push(JSON.parse(text) as ResyncAnswer);
      look();
    });
    redis.publish(keys.resync, JSON.stringify(request)).then((listeners) => {
      asked = listeners;
      if (listeners === 0) reject(absent());
      else look();
    }, reject);
  });
}

/** Asks without waiting for an answer. false: nobody listens. */
export async function tellResync(redis: Redis, keys: Keys, service: ServiceName): Promise<boolean> {
  const request: Request = { id: randomUUID(), service };
  return (await redis.publish(keys.resync, JSON.stringify(request))) > 0;
}

/** How many watchers listen on this Redis, leading or standing by. */
export async function watchersListening(redis: Redis, keys: Keys): Promise<number> {
  const [, listeners] = (await redis.pubsub('NUMSUB', keys.resync)) as [string, number | string];
  return Number(listeners);
}

/** null: not a request of this version. */
function parseRequest(text: string): Request | null {
  try {
    const { id, service } = JSON.parse(text) as Partial<Request>;
    if (typeof id !== 'string' || id.length > 64) return null;
    return service === null || typeof service === 'string' ? { id, service } : null;
  } catch {
    return null;
  }
}

function answerChannel(keys: Keys, id: string): string {
  return `${keys.resync}:${id}`;
}

function absent(): PointsmanError {
  return new PointsmanError('WATCHER_ABSENT', 'no watcher listens on this Redis', {
    hint: 'start one: `pointsman run --roles watcher`; or is redis.url or redis.prefix another than the watcher has?',
    retry: 'after',
  });
}

function silent(deadlineMs: number): PointsmanError {
  return new PointsmanError('WATCHER_ABSENT', `no watcher answered within ${Math.round(deadlineMs / 1000)} s`, {
    hint: 'is Zookeeper reachable from the watchers? Their logs say what they wait for',
    retry: 'after',
  });
}
