/** Whoever can write to Redis can add jobs. A job is a key and nothing more: what it carries beside is shown to people and decides nothing. */

import { type JobsOptions, Queue } from 'bullmq';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { proxiesQueue, reloadsQueue, SERVICES_QUEUE } from '../../shared/redis/keys.ts';
import { HttpService } from '../support/http-service.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { pathOf, System } from '../support/system.ts';

const SERVICE = 'web';
let system: System;
let http: HttpService;
const queues: Queue[] = [];

beforeAll(async () => {
  const listen = await freePort();
  http = await HttpService.start();
  system = await System.start({
    services: `  ${SERVICE}:
    path: ${pathOf(SERVICE)}
    listen: "127.0.0.1:${listen}"
    check: none
    allow: { loopback: true }`,
  });
  await system.register(SERVICE, `127.0.0.1:${http.port}`);
  await system.serving(SERVICE, [`127.0.0.1:${http.port}`]);
  await system.inSync(SERVICE);
}, 60_000);

afterAll(async () => {
  await Promise.all(queues.map((queue) => queue.close()));
  await system.stop();
  await http.stop();
});

function queueOf(name: string): Queue {
  const { keys } = system.app.ports;
  const queue = new Queue(name, { connection: { host: '127.0.0.1', port: system.redisPort }, prefix: keys.queue(name) });
  queues.push(queue);
  return queue;
}

const HOSTILE_KEYS: readonly unknown[] = [
  'other',
  'constructor',
  '__proto__',
  '../edge',
  'edge\nset server web/x state maint',
  'edge;del server web/127.0.0.1:1',
  '{test:web}',
  '',
  'e'.repeat(100_000),
  7,
  null,
  { toString: 'edge' },
  ['edge'],
  undefined,
];

const HOSTILE_DATA: readonly unknown[] = [
  'edge',
  null,
  7,
  [],
  { cause: { why: 'forged' } },
  { key: 'edge' },
  { key: 'edge', cause: 'forged' },
  { key: 'edge', cause: { why: { a: 1 }, path: 7, events: 'x', zxid: [], time: 'now' }, commands: ['del server web/x'], config: '/tmp/x' },
];

describe('a forged job', () => {
  it.each([
    ['services', SERVICES_QUEUE, SERVICE],
    ['proxies', proxiesQueue('edge'), 'edge'],
    ['reloads', reloadsQueue('edge'), 'edge'],
  ])('of the queue %s changes nothing, names nobody else, and stops no other', async (_, name, key) => {
    const before = await standing();
    const queue = queueOf(name);
    const options: JobsOptions = { attempts: 1 };
    const data = [...HOSTILE_KEYS.map((hostile) => ({ key: hostile, cause: { why: 'forged', time: 0 } })), ...HOSTILE_DATA];
    const jobs = await Promise.all(data.map((one) => queue.add('forged', one, options)));
    // One more by its right key: what stood before it was taken, too.
    jobs.push(await queue.add('forged', { key, cause: { why: 'forged', time: 0 } }, options));
    for (const job of jobs) {
      await until(`job ${job.id} to end`, async () => ['completed', 'failed', 'unknown'].includes(await queue.getJobState(job.id ?? '')), {
        timeoutMs: 30_000,
      });
    }
    expect(await standing()).toEqual(before);
    expect(({} as Record<string, unknown>)['key']).toBeUndefined();
  });

  it('leaves all at work: an instance that registers afterwards serves', async () => {
    const second = await HttpService.start();
    try {
      await system.register(SERVICE, `127.0.0.1:${second.port}`);
      await system.serving(SERVICE, [`127.0.0.1:${http.port}`, `127.0.0.1:${second.port}`]);
    } finally {
      await second.stop();
    }
  });
});

/** What a command or a reload would have changed, and whatever was written for somebody who is not there. */
async function standing(): Promise<object> {
  const { redis } = system.app.ports;
  const servers = [...(await system.servers(SERVICE)).values()].map(({ name, id, weight, admin }) => ({ name, id, weight, admin }));
  const named = (await redis.keys('*')).filter((key) => !key.includes('queue:') && /other|proto|constructor|\.\.|eeee|\n|;/.test(key));
  return {
    backends: await system.backends(),
    servers,
    commands: (await system.proxyEvents('commands')).length,
    reloads: await system.haproxy.reloads(),
    named,
  };
}
