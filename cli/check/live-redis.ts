/** Whether Redis is one that pointsman can work with: it answers, is recent enough, takes what is written under our prefix, and throws nothing away. */
import { PointsmanError } from '../../shared/errors.ts';
import { createLogger } from '../../shared/observability/logger.ts';
import { awaitReady, connectRedis, evictionPolicy, type RedisSettings } from '../../shared/redis/connection.ts';
import { type Finding, failed, failure, ok } from './finding.ts';
import { isOlder } from './version.ts';

const OF = 'redis';
/** What BullMQ asks for. */
const VERSION_LEAST = [6, 2] as const;
/** Each command has 2 s of its own. */
const READY_MS = 2_000;
const PROBE_MS = 1_000;
/** As pointsman writes: by a script. It ends by itself. */
const PROBE = "return redis.call('set', KEYS[1], '1', 'px', ARGV[1])";

export async function liveRedis(settings: RedisSettings): Promise<Finding[]> {
  const redis = connectRedis(settings, createLogger({ level: 'silent' }));
  try {
    await awaitReady(redis, READY_MS);
    const version = /redis_version:(\S+)/.exec(await redis.info('server'))?.[1] ?? 'unknown';
    const findings: Finding[] = [];
    if (isOlder(version, VERSION_LEAST))
      findings.push(failed(OF, `Redis ${version} is too old`, `it must be ${VERSION_LEAST.join('.')} or later`));
    const policy = await evictionPolicy(redis);
    if (policy !== null && policy !== 'noeviction')
      findings.push(
        failed(OF, `maxmemory-policy is ${policy}: when it is full it loses jobs and events`, 'set maxmemory-policy noeviction'),
      );
    await redis.eval(PROBE, 1, `${settings.prefix}:check`, String(PROBE_MS)).catch((error: Error) => {
      findings.push(failed(OF, `it does not take what is written below ${settings.prefix}: ${error.message}`, hintFor(error.message)));
    });
    return findings.length > 0 ? findings : [ok(OF, `Redis ${version}, takes what is written, maxmemory-policy ${policy ?? 'not told'}`)];
  } catch (error) {
    if (error instanceof PointsmanError) return [failure(OF, error)];
    return [failed(OF, `Redis does not answer any more: ${String(error)}`, 'check redis.url and that Redis runs')];
  } finally {
    redis.disconnect();
  }
}

function hintFor(message: string): string {
  if (message.startsWith('READONLY')) return 'redis.url must name the primary, not a replica';
  if (message.startsWith('NOPERM')) return 'the user of redis.url needs all commands, on the keys and channels of our prefix';
  return 'look at its log';
}
