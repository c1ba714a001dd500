/** What Redis and its client say, in our words: a code and what to do, where it is known. */
import { expect, it } from 'vitest';
import { redisFields } from '../../shared/redis/redis-error.ts';

it.each([
  ["Stream isn't writeable and enableOfflineQueue options is false", 'REDIS_UNREACHABLE'],
  ['connect ECONNREFUSED 127.0.0.1:6379', 'REDIS_UNREACHABLE'],
  ["NOPERM this user has no permissions to run the 'info' command", 'REDIS_REFUSED'],
  ['WRONGPASS invalid username-password pair or user is disabled.', 'REDIS_REFUSED'],
])('%s', (text, code) => {
  expect(redisFields(new Error(text))).toMatchObject({ code, hint: expect.stringContaining('it is tried again') });
});

it('what is not known keeps its stack', () => {
  const error = new TypeError('x is not a function');
  expect(redisFields(error)).toEqual({ err: error });
});
