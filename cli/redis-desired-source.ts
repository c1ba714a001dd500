/** The servers that Redis knows, for `render`: as desired, with what the proxy's checks were last heard to say. */
import type { Config } from '../shared/config/config.ts';
import { PointsmanError } from '../shared/errors.ts';
import { createLogger } from '../shared/observability/logger.ts';
import { awaitReady } from '../shared/redis/connection.ts';
import { closePorts, createPorts } from '../workers/app.ts';
import { knownServers } from '../workers/reconciler/files.ts';
import type { DesiredSource } from './desired-source.ts';

const READY_MS = 1_000;

/** null: Redis does not answer. */
export async function redisDesiredSource(config: Config): Promise<DesiredSource | null> {
  const ports = createPorts(config, createLogger({ level: 'silent' }));
  try {
    await awaitReady(ports.redis, READY_MS);
  } catch (error) {
    await closePorts(ports);
    if (error instanceof PointsmanError) return null;
    throw error;
  }
  return {
    async servers(service, proxy) {
      const [{ backend }, verdicts] = await Promise.all([ports.desired.read(service.name), ports.log.verdicts(service.name, proxy)]);
      return backend === null ? [] : knownServers({ ...backend, config: service }, ({ instance }) => verdicts.get(instance) === 'up');
    },
    close: () => closePorts(ports),
  };
}
