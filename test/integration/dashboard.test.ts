/** The dashboard's HTTP side on a real Redis: what it shows, whom it answers, what it refuses. */

import { once } from 'node:events';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Config } from '../../shared/config/config.ts';
import { createLogger } from '../../shared/observability/logger.ts';
import { App } from '../../workers/app.ts';
import { Dashboard } from '../../workers/dashboard/dashboard.ts';
import { isLoopbackHost } from '../../workers/loopback-host.ts';
import { foldService } from '../../workers/transition/fold-service.ts';
import { configOf } from '../support/config-text.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import { serviceConfig } from '../support/service-events.ts';

let redis: RedisServer;
let port: number;
let config: Config;
let app: App;

beforeEach(async () => {
  [redis, port] = await Promise.all([startRedis(), freePort()]);
  config = configOf(`zookeeper: { connect: "127.0.0.1:1" }
redis: { url: "${redis.url}", prefix: test }
proxies: { edge: { runtime: "unix:/nowhere/admin.sock", runtimeOnly: true } }
dashboard: { listen: "127.0.0.1:${port}" }
`);
  app = new App(config, ['dashboard'], createLogger({ level: 'silent' }));
});

afterEach(async () => {
  await app.stop();
  await redis.stop();
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

function ask(path: string, options: { host?: string; method?: string } = {}): Promise<Answer> {
  const { host = `127.0.0.1:${port}`, method = 'GET' } = options;
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method, agent: false, headers: { host } }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    });
    sent.on('error', reject);
    sent.end();
  });
}

interface BoardQueue {
  readonly name: string;
  readonly readOnlyMode: boolean;
  readonly allowRetries: boolean;
  readonly jobs: readonly {
    readonly name: string;
    readonly data: { key: string; cause: { why: string } };
    readonly returnValue: unknown;
  }[];
}

async function queues(active = ''): Promise<BoardQueue[]> {
  const { status, body } = await ask(`/queues/api/queues?activeQueue=${active}&status=latest&page=1&jobsPerPage=10`);
  expect(status).toBe(200);
  return (JSON.parse(body) as { queues: BoardQueue[] }).queues;
}

describe('the board', () => {
  it('shows every queue read-only, and each job with its key, its cause and its result', async () => {
    await app.start();
    await app.ports.queues.wakeProxy('edge', 'edge', { why: 'web: 10.0.0.1:80 serving', events: ['1-1'], time: 1 });
    const worker = app.ports.queues.work('proxies.edge', async () => ({ outcome: 'done', services: [] }), { concurrency: 1 });
    try {
      const job = await until('the job to be done', async () => {
        const [found] = (await queues('proxies.edge')).find(({ name }) => name === 'proxies.edge')?.jobs ?? [];
        return found?.returnValue === undefined || found.returnValue === null ? null : found;
      });
      expect(job).toMatchObject({
        name: 'reconcile edge',
        data: { key: 'edge', cause: { why: 'web: 10.0.0.1:80 serving', events: ['1-1'] } },
      });
      expect(job.returnValue).toEqual({ outcome: 'done', services: [] });
      const all = await queues();
      expect(all.map(({ name }) => name)).toEqual(['services', 'proxies.edge', 'reloads.edge']);
      for (const queue of all) expect(queue).toMatchObject({ readOnlyMode: true, allowRetries: false });
    } finally {
      await worker.close();
    }
  });

  it('shows the queues of a pool that is announced later', async () => {
    await app.start();
    await app.ports.proxies.announce({ id: 'far', pool: 'north', services: ['*'], version: null, at: Date.now() });
    await until('its queues', async () => (await queues()).some(({ name }) => name === 'reloads.north'), {
      timeoutMs: 12_000,
      everyMs: 200,
    });
  });

  it('starts without Redis, answers with an error meanwhile, and shows the queues when it is there', async () => {
    const later = await freePort();
    const lost = configOf(`zookeeper: { connect: "127.0.0.1:1" }
redis: { url: "redis://127.0.0.1:${later}/0", prefix: test }
dashboard: { listen: "127.0.0.1:${port}" }
`);
    const waiting = new App(lost, [], createLogger({ level: 'silent' }));
    const dashboard = new Dashboard(lost, waiting.ports);
    await dashboard.start();
    try {
      expect(await ask('/health')).toMatchObject({ status: 503, body: '{"status":"failed","redis":false}' });
      expect((await ask('/queues/')).status).toBe(200);
      expect(await ask('/queues/api/queues')).toMatchObject({ status: 503, body: '{"error":"Redis does not answer"}' });
      const came = await startRedis({ port: later });
      try {
        await until('the queues', async () => (await ask('/queues/api/queues')).status === 200, { timeoutMs: 10_000 });
        expect(await ask('/health')).toMatchObject({ status: 200, body: '{"status":"ok","redis":true}' });
      } finally {
        await came.stop();
      }
    } finally {
      await dashboard.stop();
      await waiting.stop();
    }
  }, 40_000);
});

describe('a request', () => {
  it('is answered under a loopback name only', async () => {
    await app.start();
    for (const host of ['localhost', `localhost:${port}`, '127.0.0.1', '127.3.2.1:80', `[::1]:${port}`]) {
      expect((await ask('/health', { host })).status, host).toBe(200);
    }
    for (const host of ['evil.example', `evil.example:${port}`, 'localhost.evil.example', '127.0.0.1.evil.example', '10.0.0.1', '[::2]']) {
      for (const path of ['/health', '/queues/', '/queues/api/queues', '/queues/static/js/main.js', '/nowhere']) {
        expect((await ask(path, { host })).status, `${host} ${path}`).toBe(403);
      }
    }
  });

  it('may only read', async () => {
    await app.start();
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      expect(await ask('/queues/api/queues/services/clean/completed', { method }), method).toMatchObject({ status: 405 });
    }
  });

  it('is answered with headers that let nothing foreign in', async () => {
    await app.start();
    const page = await ask('/queues/');
    expect(page.status).toBe(200);
    for (const answer of [page, await ask('/nowhere'), await ask('/health', { host: 'evil.example' })]) {
      expect(answer.headers['x-content-type-options']).toBe('nosniff');
      expect(answer.headers['x-frame-options']).toBe('DENY');
      expect(answer.headers['content-security-policy']).toMatch(/^default-src 'self'; .*frame-ancestors 'none'/);
      expect(answer.headers['content-security-policy']).not.toMatch(/script-src|https?:|unsafe-eval/);
    }
    expect((await ask('/')).body).toContain('href="/queues/"');
  });

  it('begins with what is held, escapes every name, and gives the same to Prometheus', async () => {
    await app.start();
    const { log, store } = app.ports;
    const service = 'a<script>"';
    const znode = (port: number) => ({ name: `10.0.0.1:${port}`, czxid: '1', mzxid: '1', version: 0 });
    const said = (port: number) => ({ registration: { host: '10.0.0.1', address: '10.0.0.1', port, weight: 1, labels: {} } });
    const ports = [80, 81, 82];
    await log.append(service, {
      epoch: 1,
      viewRevision: 0,
      set: new Map(),
      remove: [],
      events: [
        { type: 'configured', config: serviceConfig({ name: service }) },
        ...ports.map((port) => ({ type: 'registered' as const, instance: `10.0.0.1:${port}`, znode: znode(port), said: said(port) })),
      ],
    });
    await foldService({ log, store }, service, Date.now());
    expect((await ask('/')).body).not.toContain('role="alert"');
    const gone = ports.map((port) => ({ type: 'deregistered' as const, instance: `10.0.0.1:${port}`, znode: znode(port) }));
    await log.append(service, { epoch: 1, viewRevision: 1, set: new Map(), remove: [], events: gone });
    await foldService({ log, store }, service, Date.now());
    const page = await until('the banner', async () => {
      const answer = await ask('/');
      return answer.body.includes('role="alert"') && answer;
    });
    expect(page.body).toContain('3 instances of <b>a&#60;script&#62;&#34;</b> held by the guard');
    expect(page.body).not.toContain('<script>');
    const metrics = await ask('/metrics');
    expect(metrics.headers['content-type']).toContain('text/plain');
    expect(metrics.body).toContain('pointsman_service_instances{service="a<script>\\"",state="held"} 3');
    expect(metrics.body).toContain('pointsman_service_guard{service="a<script>\\"",state="holding"} 1');
    await redis.stop();
    await until('the outage to be told', async () => (await ask('/')).status === 503 && (await ask('/metrics')).status === 503);
  });

  it('names hosts as browsers write them', () => {
    expect(['LOCALHOST', '127.0.0.1', '[::1]'].map(isLoopbackHost)).toEqual([true, true, true]);
    expect([undefined, '', ':80', '127.0.0.1:80:80', '127.0.0.1@evil.example', '[::1', '0x7f000001', '127.1'].map(isLoopbackHost)).toEqual(
      Array.from({ length: 8 }, () => false),
    );
  });
});

describe('the address', () => {
  it('is refused off loopback', () => {
    for (const listen of [
      { host: '0.0.0.0', port },
      { host: '*', port },
      { host: '10.0.0.1', port },
      { host: '::', port },
    ]) {
      expect(() => new Dashboard({ ...config, dashboard: { listen } }, app.ports)).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID' }),
      );
    }
    expect(() => new Dashboard({ ...config, dashboard: null }, app.ports)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });

  it('that is taken is tried again, and is free after the stop', async () => {
    const squatter = createServer().listen(port, '127.0.0.1');
    await once(squatter, 'listening');
    await app.start();
    squatter.close();
    await until('the dashboard', async () => (await ask('/health')).status === 200);
    await app.stop();
    await expect(ask('/health')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});
