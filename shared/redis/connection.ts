/**
 * Connections to Redis. `data` is for our own commands: short deadlines, no offline queue, so that an outage is an error at once and
 * never a pile of waiting commands. `queue` is what BullMQ wants: it blocks, and retries for ever with a small cap.
 */
import { Redis } from 'ioredis';
import { PointsmanError } from '../errors.ts';
import type { Logger } from '../observability/logger.ts';

const COMMAND_TIMEOUT_MS = 2_000;
/** More than BullMQ's longest block (10 s): a silently dead link is noticed. */
const SOCKET_TIMEOUT_MS = 15_000;
const RECONNECT_MOST_MS = 1_000;
/** ioredis gives a connection that is let go so long, also one that is closed already, and keeps the process alive for it. */
const DISCONNECT_MS = 200;

export interface RedisSettings {
  readonly url: string;
  readonly prefix: string;
}

export function queueOptions(settings: RedisSettings) {
  return { ...fromUrl(settings.url), ...shared(), maxRetriesPerRequest: null };
}

/** For adding to queues: an outage rejects at once instead of holding the caller. */
export function producerOptions(settings: RedisSettings) {
  return { ...fromUrl(settings.url), ...shared(), maxRetriesPerRequest: 1, enableOfflineQueue: false, commandTimeout: COMMAND_TIMEOUT_MS };
}

/** Connects in the background; `ready` on the client says when. Errors are logged once per outage. */
export function connectRedis(settings: RedisSettings, logger: Logger): Redis {
  const redis = new Redis(producerOptions(settings));
  let down = false;
  redis.on('error', (error: Error) => {
    if (!down) logger.warn({ error: error.message }, 'redis connection failed, trying again');
    down = true;
  });
  redis.on('ready', () => {
    noteRun(redis);
    if (down) logger.info('redis connection is back');
    down = false;
  });
  return redis;
}

const runs = new WeakMap<Redis, string>();

/** First on each connection, so that it is known before anything that is read over it. */
function noteRun(redis: Redis): void {
  runs.delete(redis);
  const keep = (info: string): void => void runs.set(redis, /run_id:(\w+)/.exec(info)?.[1] ?? '');
  redis.info('server').then(keep, () => undefined);
}

/** Which run of Redis is at the other end: one that was started again, or took over, may have lost what was written last. Empty: not known. */
export function runOf(redis: Redis): string {
  return runs.get(redis) ?? '';
}

/** Waits for the first connection, at most `deadlineMs`. */
export async function awaitReady(redis: Redis, deadlineMs: number): Promise<void> {
  if (redis.status === 'ready') return;
  await new Promise<void>((resolve, reject) => {
    let last = 'no answer';
    const onError = (error: Error): void => {
      last = error.message || last;
    };
    const onReady = (): void => finish(resolve);
    const timer = setTimeout(
      () =>
        finish(() =>
          reject(
            new PointsmanError('REDIS_UNREACHABLE', `Redis does not answer: ${last}`, {
              hint: 'check redis.url and that Redis runs',
              retry: 'transient',
            }),
          ),
        ),
      deadlineMs,
    );
    const finish = (then: () => void): void => {
      clearTimeout(timer);
      redis.off('ready', onReady);
      redis.off('error', onError);
      then();
    };
    redis.on('ready', onReady);
    redis.on('error', onError);
  });
}

/** What Redis is told to do when it is full; anything but noeviction loses jobs and events. null: it would not say. */
export async function evictionPolicy(redis: Redis): Promise<string | null> {
  const info = await redis.info('memory');
  return /maxmemory_policy:(\S+)/.exec(info)?.[1] ?? null;
}

function shared() {
  return {
    socketTimeout: SOCKET_TIMEOUT_MS,
    disconnectTimeout: DISCONNECT_MS,
    retryStrategy: (attempt: number) => Math.min(RECONNECT_MOST_MS, 50 * 2 ** Math.min(attempt, 10)),
  };
}

function fromUrl(text: string) {
  const url = new URL(text);
  const db = Number(url.pathname.slice(1) || '0');
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || '6379'),
    db,
    ...(url.username ? { username: decodeURIComponent(url.username) } : {}),
    ...(url.password ? { password: decodeURIComponent(url.password) } : {}),
    ...(url.protocol === 'rediss:' ? { tls: {} } : {}),
  };
}
