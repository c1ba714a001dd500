/** What a command reaches through Redis: opened for one job, closed whatever happens. An outage is one error, not a stack. */
import type { Config } from '../shared/config/config.ts';
import { errorText, PointsmanError } from '../shared/errors.ts';
import { createLogger } from '../shared/observability/logger.ts';
import { awaitReady } from '../shared/redis/connection.ts';
import { closePorts, createPorts, type Ports } from '../workers/app.ts';

const READY_MS = 2_000;

/** @throws PointsmanError REDIS_UNREACHABLE, and what `job` throws. */
export async function withPorts<T>(config: Config, job: (ports: Ports) => Promise<T>): Promise<T> {
  const ports = createPorts(config, createLogger({ level: 'silent' }));
  try {
    await awaitReady(ports.redis, READY_MS);
    return await job(ports);
  } catch (error) {
    if (!isOutage(ports, error)) throw error;
    throw new PointsmanError('REDIS_UNREACHABLE', `Redis does not answer any more: ${errorText(error)}`, {
      hint: 'check redis.url and that Redis runs',
      retry: 'transient',
      cause: error,
    });
  } finally {
    await closePorts(ports);
  }
}

/** Whether it went wrong because Redis does not answer. */
export function isOutage({ redis }: Ports, error: unknown): boolean {
  const silent = error instanceof Error && error.message === 'Command timed out';
  return !(error instanceof PointsmanError) && (redis.status !== 'ready' || silent);
}
