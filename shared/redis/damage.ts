/**
 * What is stored of a service and cannot be read is noted with it by whoever comes upon it; the transition role, which folds every service now and then,
 * finds the note and builds the service anew.
 */
import type { Redis } from 'ioredis';
import { runScript } from './script.ts';

/** Of a name in the note. */
const NAME_MAX = 200;

/**
 * Note that something cannot be read, as long as what was read is still what is there.
 * KEYS meta; ARGV field with the revision of what was read, that revision, what cannot be read. Answers 1 or 0.
 */
export const NOTE_DAMAGE = `
if (redis.call('HGET', KEYS[1], ARGV[1]) or '0') ~= ARGV[2] then return 0 end
return redis.call('HSET', KEYS[1], 'damage', ARGV[3]) and 1`;

/** `revision`: of the view, or of what folds lead to. */
export async function noteDamage(
  redis: Redis,
  meta: string,
  revision: { readonly of: 'view' | 'revision'; readonly is: number },
  what: string,
  name: string,
): Promise<void> {
  await runScript(redis, NOTE_DAMAGE, [meta], [revision.of, String(revision.is), `${what} ${name.slice(0, NAME_MAX)}`]);
}
