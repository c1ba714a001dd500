/** A private redis-server on a free port, without persistence, stopped by its own pid. */
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { tempFolder } from './folder.ts';
import { until } from './poll.ts';
import { freePort } from './port.ts';
import { startProcess } from './process.ts';

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  readonly pid: number;
  /** A client for the test's own looks; closed by stop(). */
  readonly client: Redis;
  kill(signal: NodeJS.Signals): void;
  stop(): Promise<void>;
}

export async function startRedis(options: { args?: readonly string[]; port?: number } = {}): Promise<RedisServer> {
  const folder = await tempFolder();
  const port = options.port ?? (await freePort());
  const server = await startProcess(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder.path, ...(options.args ?? [])],
    { cwd: folder.path, logFile: join(folder.path, 'redis.log') },
  );
  const client = new Redis({ host: '127.0.0.1', port, retryStrategy: () => 50, maxRetriesPerRequest: null });
  client.on('error', () => undefined);
  await until('redis answers', async () => (await client.ping()) === 'PONG');
  return {
    port,
    url: `redis://127.0.0.1:${port}/0`,
    pid: server.pid,
    client,
    kill: (signal) => server.kill(signal),
    stop: async () => {
      client.disconnect();
      await server.stop();
      await folder.remove();
    },
  };
}
