/** `log tail -f` while Redis goes and comes back: it says so, waits, and goes on. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { cleanupsAfterEach } from '../support/cleanups.ts';
import { configFile, MAIN } from '../support/command.ts';
import { tempFolder } from '../support/folder.ts';
import { until } from '../support/poll.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';

const LOG = '{test:web}:log';
const undo = cleanupsAfterEach();

async function redisOn(port?: number): Promise<RedisServer> {
  const server = await startRedis(port === undefined ? {} : { port });
  undo.push(() => server.stop());
  return server;
}

function append(server: RedisServer, instance: string): Promise<unknown> {
  const data = JSON.stringify({ timer: 'drain', instance, token: 1 });
  return server.client.xadd(LOG, '*', 'v', '1', 'type', 'timer', 'data', data, 'source', 'transition:a:1');
}

it('is said, waited for, and followed again', async () => {
  const folder = await tempFolder();
  undo.push(() => folder.remove());
  const first = await redisOn();
  await first.client.sadd('test:services', 'web');
  await append(first, 'old:1');
  const config = await configFile(folder, `zookeeper: { connect: a }\nredis: { url: "${first.url}", prefix: test }\n`);
  const child: ChildProcessByStdio<null, Readable, Readable> = spawn(
    process.execPath,
    [MAIN, '--config', config, 'log', 'tail', '-f', '--service', 'web'],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  undo.push(async () => void child.kill('SIGTERM'));
  const seen = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    seen.out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    seen.err += chunk.toString();
  });
  await until('it shows the last one', () => seen.out.includes('old:1'));
  await first.stop();
  await until('it says so', () => seen.err.includes('Redis does not answer: waiting for it'), { timeoutMs: 20_000 });
  const second = await redisOn(first.port);
  await second.client.sadd('test:services', 'web');
  await append(second, 'new:1');
  await until('it shows the new one', () => seen.out.includes('new:1'), { timeoutMs: 20_000 });
  expect(seen.err).toBe('Redis does not answer: waiting for it\nRedis is back\n');
  expect(child.exitCode).toBe(null);
});
