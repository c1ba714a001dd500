/** The turn at work that one process at a time is enough for, on a real Redis. */
import { expect, it } from 'vitest';
import { must } from '../../shared/errors.ts';
import { Turn } from '../../shared/redis/turn.ts';
import type { Ports } from '../../workers/app.ts';
import { until } from '../support/poll.ts';
import { redisPorts } from '../support/redis-ports.ts';

let ports: Ports;

redisPorts((is) => {
  ports = is.ports;
});

const take = async (ms: number): Promise<Turn | null> => Turn.take(ports.redis, 'test:turn', ms);

it('is one’s at a time, and the next one’s when it ends', async () => {
  const first = must(await take(60_000), 'the turn');
  expect(await take(60_000)).toBeNull();
  expect(first.isEnding).toBe(false);
  await first.end();
  expect(await take(60_000)).not.toBeNull();
});

it('of one that died is over by itself; one that lasted too long lets nobody else’s go', async () => {
  const late = must(await take(40), 'the turn');
  const next = await until('the next one has it', () => take(60_000));
  expect(late.isEnding).toBe(true);
  await late.end();
  expect(await take(60_000)).toBeNull();
  await next.end();
  expect(await take(60_000)).not.toBeNull();
});
