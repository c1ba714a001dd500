/** PURE. What went wrong with Redis, in our words, where it is known; what is not known stays as it is, for its stack says where. */
import { errorFields, errorText, PointsmanError } from '../errors.ts';

/** ioredis's words for a connection that is not there, and the system's. */
const AWAY = /Stream isn't writeable|Connection is closed|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|no answer within/;
const REFUSED = /^(?:NOPERM|NOAUTH|WRONGPASS)\b/;

export function redisError(error: unknown): unknown {
  const text = errorText(error);
  if (error instanceof PointsmanError) return error;
  if (AWAY.test(text))
    return new PointsmanError('REDIS_UNREACHABLE', `Redis does not answer: ${text}`, {
      hint: 'check redis.url and that Redis runs; it is tried again',
      retry: 'transient',
    });
  if (!REFUSED.test(text)) return error;
  return new PointsmanError('REDIS_REFUSED', `Redis refuses: ${text}`, {
    hint: 'give the user of redis.url the rights that docs/operations.md lists; it is tried again',
    retry: 'after',
  });
}

/** For a line of the log. */
export function redisFields(error: unknown): object {
  const known = redisError(error);
  return known instanceof PointsmanError ? errorFields(known) : { err: error };
}
