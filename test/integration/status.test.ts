/** `pointsman status` as a command of its own, beside a running pointsman. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StatusReport } from '../../cli/status/report.ts';
import { configFile, type Ended, pointsman } from '../support/command.ts';
import { tempFolder } from '../support/folder.ts';
import { type HttpService, startHttpServices } from '../support/http-service.ts';
import { Pipeline } from '../support/pipeline.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/port.ts';
import { httpCheck, serviceConfig } from '../support/samples.ts';

let pipeline: Pipeline;
let services: HttpService[];
let file: string;
const port = (at: number): number => services[at]?.port ?? 0;
const named = (at: number): string => `127.0.0.1:${port(at)}`;
const status = (...args: string[]): Promise<Ended> => pointsman('status', '--config', file, ...args);

beforeAll(async () => {
  [pipeline, services] = await Promise.all([Pipeline.start(), startHttpServices(3)]);
  file = await configFile(pipeline.folder, `${pipeline.yaml()}services:\n  idle: { path: /services/idle }\n`);
  await pipeline.configure(serviceConfig({ name: 'web', check: httpCheck(200) }));
  await pipeline.configure(
    serviceConfig({ name: 'other', check: { type: 'none' }, guard: { maxLoss: 0.5, window: 10_000, hold: 300_000 } }),
  );
  const znode = { name: 'bad\u001b[2J', czxid: '9', mzxid: '9', version: 0 };
  const rejection = { code: 'not-an-address', detail: 'no port' } as const;
  const bad = { type: 'registered', instance: 'znode:bad\u001b[2J', znode, said: { rejection } } as const;
  await pipeline.tell('web', pipeline.registered(port(0)), bad);
  await pipeline.tell('other', ...[1, 2].map((at) => pipeline.registered(port(at))));
  await until(
    'both to be in sync',
    async () => (await pipeline.backendState('web')) === 'in-sync' && (await pipeline.backendState('other')) === 'in-sync',
    {
      timeoutMs: 20_000,
    },
  );
  await pipeline.tell('other', ...[1, 2].map((at) => pipeline.deregistered(port(at))));
  await until(
    'the instance to serve',
    async () => (await json()).instances.some(({ service, state }) => service === 'web' && state === 'serving'),
    {
      timeoutMs: 20_000,
      everyMs: 200,
    },
  );
}, 90_000);

afterAll(async () => {
  await pipeline.stop();
  await Promise.all(services.map((service) => service.stop()));
});

async function json(...args: string[]): Promise<StatusReport> {
  const { code, out, err } = await status('--json', ...args);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return JSON.parse(out) as StatusReport;
}

describe('status', () => {
  it('tells services, instances, proxies and queues', async () => {
    const report = await json();
    expect(report.format).toBe(1);
    expect(report.services.map(({ service, config, states, guard }) => [service, config, states, guard.state])).toEqual([
      ['idle', 'unread', {}, 'open'],
      ['other', 'published', { held: 2 }, 'holding'],
      ['web', 'published', { rejected: 1, serving: 1 }, 'open'],
    ]);
    const web = report.instances.filter(({ service }) => service === 'web');
    expect(web).toMatchObject([
      {
        instance: named(0),
        state: 'serving',
        weight: 1,
        health: { word: 'up', up: 1 },
        witnesses: [{ proxy: 'edge', verdict: 'up' }],
        znodes: [named(0)],
        reason: null,
      },
      { instance: 'znode:bad\u001b[2J', state: 'rejected', reason: 'not-an-address: no port' },
    ]);
    expect(report.proxies).toMatchObject([{ proxy: 'edge', pool: 'edge', live: true, hearing: { by: 'ring', detail: null } }]);
    expect(report.proxies[0]?.version).toMatch(/^\d+\.\d+/);
    expect(report.proxies[0]?.worker).toBe(await pipeline.haproxy.workerPid());
    expect(report.proxies[0]?.backends.map(({ service, state }) => [service, state])).toEqual([
      ['other', 'in-sync'],
      ['web', 'in-sync'],
    ]);
    expect(report.proxies[0]?.lastReload?.reason).toContain('not loaded');
    expect(report.queues.map(({ queue }) => queue)).toEqual(['services', 'proxies.edge', 'reloads.edge']);
  });

  it('is a plain text without control characters when no terminal reads it', async () => {
    const { code, out } = await status();
    expect(code).toBe(0);
    for (const title of ['SERVICES', 'INSTANCES', 'PROXIES', 'QUEUES']) expect(out.split('\n')).toContain(title);
    expect(out).toContain('1 service HELD by the guard');
    expect(out).toContain('znode:bad\\u{1b}[2J');
    expect(out.replace(/\n/g, '')).not.toMatch(/\p{Cc}/u);
  });

  it('of one service tells that one, and of one that nobody knows what there is', async () => {
    const report = await json('web');
    expect(report.services.map(({ service }) => service)).toEqual(['web']);
    expect(new Set(report.instances.map(({ service }) => service))).toEqual(new Set(['web']));
    expect(report.proxies.flatMap(({ backends }) => backends.map(({ service }) => service))).toEqual(['web']);
    const { code, out, err } = await status('wev');
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toBe('error: nobody knows a service "wev"\nthere are: idle, other, web\n');
  });

  it('documents its JSON in its help', async () => {
    const { out } = await pointsman('status', '--help');
    const report = await json();
    for (const list of ['services', 'instances', 'proxies', 'watchers', 'queues'] as const) {
      for (const key of Object.keys(report[list][0] ?? {})) expect(out).toMatch(new RegExp(`\\b${key}\\b`));
    }
  });
});

it('counts what no transition worker has folded yet', async () => {
  const alone = await Pipeline.start({ roles: [], managedBy: 'others' });
  try {
    const config = await configFile(alone.folder, alone.yaml());
    await alone.tell('web', { type: 'configured', config: serviceConfig() }, alone.registered(8080));
    const report = JSON.parse((await pointsman('status', '--json', '--config', config)).out) as StatusReport;
    expect(report.services).toMatchObject([{ service: 'web', config: 'unread', lag: { events: 2, more: false } }]);
    expect(report.queues[0]).toMatchObject({ queue: 'services', waiting: 1 });
  } finally {
    await alone.stop();
  }
});

it('without Redis ends with what failed and what to do', async () => {
  const folder = await tempFolder();
  try {
    const nowhere = await configFile(
      folder,
      `zookeeper: { connect: "127.0.0.1:1" }\nredis: { url: "redis://127.0.0.1:${await freePort()}/0" }\n`,
    );
    const { code, out, err } = await pointsman('status', '--config', nowhere);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^error: Redis does not answer: [^\n]*ECONNREFUSED[^\n]*\n[^\n]*redis\.url[^\n]*\n$/);
  } finally {
    await folder.remove();
  }
});
