/**
 * How many jobs a queue has in each state, read over the connection that is there: a fleet has two queues per pool, and a connection for each
 * would be one for every host.
 */
import { QueueKeys } from 'bullmq';
import type { Redis } from 'ioredis';
import { must } from '../errors.ts';
import type { Keys } from './keys.ts';

export interface QueueCounts {
  readonly waiting: number;
  readonly active: number;
  readonly delayed: number;
  readonly failed: number;
}

/** A queue that nobody has used yet has none. */
export async function queueCounts(redis: Redis, keys: Keys, queue: string): Promise<QueueCounts> {
  const key = new QueueKeys(keys.queue(queue)).getKeys(queue);
  const named = (state: string): string => must(key[state], `the key of ${state} jobs`);
  const [waiting, active, delayed, failed] = await Promise.all([
    redis.llen(named('wait')),
    redis.llen(named('active')),
    redis.zcard(named('delayed')),
    redis.zcard(named('failed')),
  ]);
  return { waiting, active, delayed, failed };
}
