/** A file's own real Redis, emptied before each test, with the workers' ports on it: prefix `test`, nothing logged. */
import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { Config } from '../../shared/config/config.ts';
import { createLogger } from '../../shared/observability/logger.ts';
import { awaitReady } from '../../shared/redis/connection.ts';
import { closePorts, createPorts, type Ports } from '../../workers/app.ts';
import { type RedisServer, startRedis } from './redis.ts';

export interface RedisPorts {
  readonly server: RedisServer;
  readonly ports: Ports;
}

/** To be called at the top of a test file. `set`: takes what there is, before each test; `after`: what has to hold when the ports are closed. */
export function redisPorts(set: (is: RedisPorts) => void, after: (is: RedisPorts) => Promise<void> = async () => {}): void {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(async () => {
    await server.stop();
  });
  beforeEach(async () => {
    await server.client.flushall();
    const ports = createPorts({ redis: { url: server.url, prefix: 'test' } } as unknown as Config, createLogger({ level: 'silent' }));
    await awaitReady(ports.redis, 5_000);
    set({ server, ports });
    return async () => {
      await closePorts(ports);
      await after({ server, ports });
    };
  });
}
