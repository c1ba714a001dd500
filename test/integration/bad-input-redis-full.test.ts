/** A Redis that throws data away when it is full is not what pointsman can work on: it says so, loudly, and works as long as nothing is lost. */
import { expect, it } from 'vitest';
import { startHttpServices } from '../support/http-service.ts';
import { until } from '../support/poll.ts';
import { pathOf, System } from '../support/system.ts';

it('warns of a Redis with maxmemory-policy allkeys-lru, and names what to set', async () => {
  const services = `  web: { path: ${pathOf('web')}, check: { interval: 300ms, rise: 1 }, allow: { loopback: true } }`;
  const [service] = await startHttpServices(1);
  const system = await System.start({ services, redisArguments: ['--maxmemory', '50mb', '--maxmemory-policy', 'allkeys-lru'] });
  try {
    const told = await until('the warning', async () => (await system.log()).find(({ policy }) => policy === 'allkeys-lru'));
    expect(told.level).toBe('error');
    expect(String(told.msg)).toMatch(/REDIS WILL LOSE .*maxmemory-policy noeviction/);
    await system.register('web', `127.0.0.1:${service?.port}`);
    await system.serving('web', [`127.0.0.1:${service?.port}`]);
  } finally {
    await system.stop();
    await service?.stop();
  }
}, 60_000);
